"""Every picture of a file is an image: animations, stacks, pictures behind each other."""

import io
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from convae.errors import ImageError
from convae.images.files.picture_counts import may_hold_several
from convae.images.files.png_chunks import PNG_HEADER, chunk
from convae.images.files.reading import probe_image, read_image
from convae.images.sources.open_source import open_source

Array = np.ndarray[Any, Any]


def animation(kind: str, frames: Array, **options: Any) -> bytes:
    to, pictures = io.BytesIO(), [PillowImage.fromarray(frame) for frame in frames]
    more = {"lossless": True} if kind == "WEBP" else {}
    pictures[0].save(to, kind, save_all=True, append_images=pictures[1:], **more, **options)
    return to.getvalue()


def frames(count: int, channels: int) -> Array:
    shape = (count, 9, 11) if channels == 1 else (count, 9, 11, channels)
    return np.random.default_rng(channels).integers(0, 256, shape, dtype=np.uint8)


CASES = {
    "a.gif": lambda: animation("GIF", frames(3, 1)),
    "b.webp": lambda: animation("WEBP", frames(4, 3)),
    "c.png": lambda: animation("PNG", frames(5, 1)),
    "d.pgm": lambda: b"P5 2 1 255\n\1\2" * 6,
    "e.tif": lambda: b"",
    "f.jpg": lambda: single("JPEG"),
    "g.png": lambda: single("PNG"),
    "h.webp": lambda: single("WEBP"),
}
COUNTS = {
    "a.gif": 3,
    "b.webp": 4,
    "c.png": 5,
    "d.pgm": 6,
    "e.tif": 2,
    "f.jpg": 1,
    "g.png": 1,
    "h.webp": 1,
}


def single(kind: str) -> bytes:
    to = io.BytesIO()
    PillowImage.fromarray(frames(1, 3)[0]).save(to, kind)
    return to.getvalue()


def test_each_picture_is_an_image(tmp_path: Path) -> None:
    for name, make in CASES.items():
        (tmp_path / name).write_bytes(make())
    tifffile.imwrite(tmp_path / "e.tif", frames(2, 1), photometric="minisblack")
    source = open_source(tmp_path)
    assert len(source) == sum(COUNTS.values())
    names = [
        f"{name}[{page}]" if count > 1 else name
        for name, count in COUNTS.items()
        for page in range(count)
    ]
    assert list(source.names) == names
    assert any("5 file(s) with several pictures" in note for note in source.notes)
    for index, name in enumerate(names):
        assert source.read(index).info.name == name
    np.testing.assert_array_equal(
        source.read(names.index("c.png[4]")).pixels[..., 0], frames(5, 1)[4]
    )
    np.testing.assert_array_equal(source.read(names.index("b.webp[3]")).pixels, frames(4, 3)[3])


@pytest.mark.parametrize("name", COUNTS)
def test_only_what_may_hold_several_is_counted(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(CASES[name]())
    if name == "e.tif":
        tifffile.imwrite(path, frames(2, 1))
    assert may_hold_several(str(path)) == (COUNTS[name] > 1)


def test_an_animation_is_found_behind_other_chunks_and_under_another_name(tmp_path: Path) -> None:
    data = animation("PNG", frames(2, 3))
    text = chunk(b"tEXt", b"Comment\0" + b"x" * 5000)
    (tmp_path / "late.png").write_bytes(data[:PNG_HEADER] + text * 3 + data[PNG_HEADER:])
    (tmp_path / "other.png").write_bytes(animation("GIF", frames(2, 3)))
    (tmp_path / "none").write_bytes(animation("GIF", frames(2, 3)))
    assert len(open_source(tmp_path)) == 6


def test_what_cannot_be_opened_holds_one(tmp_path: Path) -> None:
    assert not may_hold_several(str(tmp_path / "missing.png"))
    assert not may_hold_several(str(tmp_path))
    os.mkfifo(tmp_path / "pipe.png")
    assert not may_hold_several(str(tmp_path / "pipe.png"))
    for data in (
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31) + b"zzzz",
        b"RIFF",
    ):
        (tmp_path / "cut.png").write_bytes(data)
        assert not may_hold_several(str(tmp_path / "cut.png"))


@pytest.mark.parametrize("disposal", [0, 1, 2])
@pytest.mark.parametrize("grey", [False, True])
def test_pictures_of_a_gif_have_the_same_channels(disposal: int, grey: bool) -> None:
    rng = np.random.default_rng(disposal)
    palette = (
        np.repeat(np.arange(256, dtype=np.uint8), 3)
        if grey
        else rng.integers(0, 256, 768, dtype=np.uint8)
    )
    pictures = []
    for _ in range(4):
        picture = PillowImage.fromarray(rng.integers(0, 256, (9, 11), dtype=np.uint8), "P")
        picture.putpalette(palette.tobytes())
        pictures.append(picture)
    to = io.BytesIO()
    pictures[0].save(to, "GIF", save_all=True, append_images=pictures[1:], disposal=disposal)
    for page, picture in enumerate(pictures):
        image = read_image(to.getvalue(), page=page)
        assert (
            image.pixels.shape
            == probe_image(to.getvalue(), page=page).shape
            == (9, 11, 1 if grey else 3)
        )
        expected = np.asarray(picture.convert("RGB"))
        np.testing.assert_array_equal(image.pixels, expected[..., : image.pixels.shape[2]])


def test_a_clear_gif_has_opacity_in_all_of_its_pictures() -> None:
    pictures = []
    for page in range(3):
        pixels = np.zeros((8, 8, 4), np.uint8)
        pixels[page : page + 3, 2:6] = (200, 10 * page, 30, 255)
        pictures.append(PillowImage.fromarray(pixels))
    to = io.BytesIO()
    pictures[0].save(to, "GIF", save_all=True, append_images=pictures[1:], disposal=2)
    for page, picture in enumerate(pictures):
        image = read_image(to.getvalue(), page=page)
        assert image.pixels.shape == (8, 8, 4)
        assert image.info.opacity is not None
        np.testing.assert_array_equal(image.pixels[..., 3], np.asarray(picture)[..., 3])


def test_an_icon_says_how_many_pictures_are_left_out() -> None:
    to = io.BytesIO()
    PillowImage.fromarray(np.zeros((64, 64, 4), np.uint8)).save(
        to, "ICO", sizes=[(16, 16), (32, 32), (64, 64)]
    )
    image = read_image(to.getvalue())
    assert image.pixels.shape == (64, 64, 4)
    assert "largest of 3 pictures" in image.info.conversions


def test_a_canvas_wider_than_webp_holds_is_refused_before_it_is_made() -> None:
    """A few hundred bytes whose canvas, 24 bits a side, claims four million pixels: minutes of decoding."""
    frames = [PillowImage.new("RGB", (8, 8), (value, 0, 0)) for value in (10, 200)]
    handle = io.BytesIO()
    frames[0].save(handle, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    data = bytearray(handle.getvalue())
    assert data[12:16] == b"VP8X"
    data[24:27] = (4_194_327).to_bytes(3, "little")  # the width less one
    with pytest.raises(ImageError, match="4194328 pixels a side, WebP holds 16383"):
        probe_image(bytes(data))
