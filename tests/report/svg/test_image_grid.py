"""Rows of pictures as SVG: places, captions, and texts that cannot break it."""

import base64
import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image as PillowImage

from convae.errors import InputError
from convae.report.svg.image_grid import image_grid_svg

SPACE = "{http://www.w3.org/2000/svg}"


def rows(count: int, high: int = 4, wide: int = 4) -> dict[str, np.ndarray]:
    ramp = np.arange(count * high * wide * 3, dtype=np.uint8).reshape(count, high, wide, 3)
    return {"before": ramp, "after": 255 - ramp}


def test_pictures_stand_in_rows_and_continue_below() -> None:
    root = ElementTree.fromstring(image_grid_svg(rows(9)))
    images = list(root.iter(f"{SPACE}image"))
    assert len(images) == 18
    assert len({one.get("x") for one in images}) == 5  # 9 images are 5 above 4
    assert len({one.get("y") for one in images}) == 4
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for one in images:
        assert float(one.get("x", 0)) + float(one.get("width", 0)) <= width
        assert float(one.get("y", 0)) + float(one.get("height", 0)) <= height


def test_tiny_pictures_are_enlarged_as_squares() -> None:
    root = ElementTree.fromstring(image_grid_svg(rows(1, 2, 3)))
    data = next(root.iter(f"{SPACE}image")).get("href", "").partition("base64,")[2]
    shown = np.asarray(PillowImage.open(io.BytesIO(base64.b64decode(data))))
    factor = shown.shape[0] // 2
    assert np.array_equal(shown[::factor, ::factor], rows(1, 2, 3)["before"][0])
    image = next(root.iter(f"{SPACE}image"))
    assert float(image.get("width", 0)) / float(image.get("height", 1)) == pytest.approx(1.5, 0.01)


def test_names_cannot_break_the_file() -> None:
    text = image_grid_svg(rows(1), captions=[("<a>&\x00.png", "MSE 1")], note="<note>")
    words = [one.text for one in ElementTree.fromstring(text).iter(f"{SPACE}text")]
    assert "<a>&\ufffd.png" in words
    assert "<note>" in words


def test_rows_must_have_one_shape() -> None:
    with pytest.raises(InputError, match=r"rows must be of one shape \(n, H, W, 3\)"):
        image_grid_svg({**rows(2), "other": np.zeros((3, 4, 4, 3), np.uint8)})
    with pytest.raises(InputError, match="rows must be of one shape"):
        image_grid_svg(rows(0))
