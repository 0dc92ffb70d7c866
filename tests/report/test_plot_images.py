"""Images of any source as a drawing: rows above each other, one scale of brightness, and clear refusals."""

import base64
import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image as PillowImage

import convae
from convae.errors import ImageError, InputError
from convae.report.drawing import Drawing
from convae.report.plot_images import plot_images

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing: Drawing) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text")]


def pictures(drawing: Drawing) -> list[np.ndarray]:
    hrefs = [one.attrib["href"] for one in ElementTree.fromstring(drawing.svg).iter(f"{SVG}image")]
    files = [base64.b64decode(href.partition(",")[2]) for href in hrefs]
    return [np.asarray(PillowImage.open(io.BytesIO(file))) for file in files]


def grey(*levels: int, dtype: str = "uint8", size: tuple[int, int] = (8, 8)) -> np.ndarray:
    return np.stack([np.full(size, level, dtype) for level in levels])


def test_images_are_spread_evenly_and_named() -> None:
    drawing = convae.plot_images(grey(0, 50, 100, 150, 200, 250, 255), n=3)
    assert [int(one[0, 0, 0]) for one in pictures(drawing)] == [0, 150, 255]
    assert [text for text in texts(drawing) if "[" in text] == ["array[0]", "array[3]", "array[6]"]


def test_rows_stand_above_each_other_under_their_names() -> None:
    drawing = plot_images({"dark": grey(0, 10), "bright": grey(240, 255)})
    assert [text for text in texts(drawing) if text] == ["dark", "bright"]
    assert [int(one[0, 0, 0]) for one in pictures(drawing)] == [0, 240, 10, 255]


def test_labels_are_written_below() -> None:
    source = convae.open_source("digits")
    assert source.labels is not None
    drawing = plot_images(source, n=2)
    expected = {str(source.labels[0]), str(source.labels[-1])}
    assert expected <= set(texts(drawing))


def test_a_row_of_grey_and_one_of_colour() -> None:
    colour = np.zeros((2, 8, 8, 3), np.uint8)
    colour[..., 0] = 200
    first, second = pictures(plot_images({"grey": grey(0, 255), "colour": colour}))[:2]
    assert first[0, 0].tolist() == [0, 0, 0]
    assert second[0, 0].tolist() == [200, 0, 0]


def test_a_small_part_of_16_bits_is_stretched_alike_in_all_rows() -> None:
    noisy = np.random.default_rng(0).integers(100, 1100, (4, 16, 16), dtype=np.uint16)
    shown = pictures(plot_images({"noisy": noisy, "clean": np.full_like(noisy, 600)}))
    assert shown[0].min() < 5
    assert shown[0].max() > 250
    assert abs(int(shown[1][0, 0, 0]) - 128) < 4


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_floats_of_any_range_are_shown_from_black_to_white(scale: float) -> None:
    ramp = np.linspace(0, scale, 256, dtype=np.float32).reshape(1, 16, 16)
    (shown,) = pictures(plot_images(ramp))
    assert (int(shown.min()), int(shown.max())) == (0, 255)


def test_the_middle_of_images_of_several_sizes_is_shown() -> None:
    large = np.zeros((12, 10), np.uint8)
    large[4:8, 3:7] = 255
    drawing = plot_images([large, np.full((4, 4), 255, np.uint8)])
    assert all(one.min() == 255 for one in pictures(drawing))
    assert "The middle 4x4 pixels of each image are shown." in texts(drawing)


def test_seven_channels_name_the_bands_shown() -> None:
    assert "Bands 7, 4 and 1 of 7" in " ".join(texts(plot_images(np.zeros((2, 8, 8, 7)))))


def test_a_folder_a_file_and_axes(tmp_path: Path) -> None:
    PillowImage.fromarray(grey(7)[0]).save(tmp_path / "part.png")
    drawing = plot_images(tmp_path)
    assert "part.png" in texts(drawing)
    assert drawing.save(tmp_path / "shown.svg").is_file()
    ax = Figure().subplots()
    assert plot_images(tmp_path / "part.png", ax=ax) is ax
    assert len(ax.images) == 1


@pytest.mark.parametrize(
    ("images", "n", "message"),
    [
        ({"a": grey(1, 2), "b": grey(1)}, 8, "equally many images; 'a' has 2, 'b' has 1"),
        ({}, 8, "images: there are none"),
        (grey(1), 0, "n must be a whole number of images from 1; got 0"),
        (grey(1), True, "n must be a whole number of images from 1; got True"),
    ],
)
def test_what_cannot_be_drawn_is_refused(images: Any, n: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plot_images(images, n)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG no image")
    with pytest.raises(ImageError, match=r"torn\.png"):
        plot_images(tmp_path)
