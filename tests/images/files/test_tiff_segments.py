"""Strips and tiles that are files of their own are not believed when they are far larger than their place."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile

from convae.errors import ImageError
from convae.images.files.reading import read_image
from convae.images.files.tiff_segments import _size_within

PIXELS = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
HUGE = 65_535


def stored(compression: str) -> bytes:
    handle = io.BytesIO()
    tifffile.imwrite(handle, PIXELS, compression=compression, photometric="rgb", tile=(32, 32))
    return handle.getvalue()


def tile(data: bytes) -> tuple[int, int]:
    """Where the first tile is, and how long."""
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        page = tif.pages.first
        return page.dataoffsets[0], page.databytecounts[0]


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "lerc", "png", "webp"])
def test_the_size_of_a_file_within_is_found(compression: str) -> None:
    pytest.importorskip("imagecodecs")
    data = stored(compression)
    start, count = tile(data)
    assert _size_within(data[start : start + count]) == (32, 32)
    assert read_image(data).pixels.shape == PIXELS.shape


def test_a_jpeg_of_many_pixels_in_a_small_tile_is_refused_before_it_is_decoded() -> None:
    pytest.importorskip("imagecodecs")
    data = bytearray(stored("jpeg"))
    start, count = tile(bytes(data))
    at = data.index(
        b"\xff\xc0", start, start + count
    )  # the frame header: length, bits, height, width
    data[at + 5 : at + 9] = struct.pack(">2H", HUGE, HUGE)
    with pytest.raises(ImageError, match="a strip or tile holds more than the page"):
        read_image(bytes(data))


def test_a_png_of_many_pixels_in_a_small_tile_is_refused_before_it_is_decoded() -> None:
    pytest.importorskip("imagecodecs")
    data = bytearray(stored("png"))
    start, count = tile(bytes(data))
    at = data.index(b"IHDR", start, start + count)
    data[at + 4 : at + 12] = struct.pack(">2I", HUGE, HUGE)
    data[at + 17 : at + 21] = struct.pack(">I", zlib.crc32(data[at : at + 17]))
    with pytest.raises(ImageError, match="a strip or tile holds more than the page"):
        read_image(bytes(data))


@pytest.mark.parametrize("head", [b"", b"\xff", b"no picture", b"Lerc2 ", b"\x89PNG\r\n\x1a\n"])
def test_what_gives_no_size_is_left_to_its_decoder(head: bytes) -> None:
    assert _size_within(head) is None
