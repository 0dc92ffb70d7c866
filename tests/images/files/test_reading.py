"""Every file ends in an image at its full depth or in a reason; no conversion is silent."""

import io
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from convae.errors import ImageError
from convae.images.dataset.framing import resize
from convae.images.files import high_bit_depth
from convae.images.files.image import Header
from convae.images.files.png16 import read_png16, write_png16
from convae.images.files.reading import probe_image, probe_or_read_image, read_image

RNG = np.random.default_rng(0)
Array = np.ndarray[Any, Any]


def tiff(pixels: Array, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **{"photometric": "minisblack", **options})
    return out.getvalue()


def pillow(image: PillowImage.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format=kind, **options)
    return out.getvalue()


def noise(*shape: int, dtype: str = "uint8") -> Array:
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def reason(source: Any, **options: Any) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(source, name="x", **options)
    assert caught.value.name == "x"
    return caught.value.reason


# --- depth and channels ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int8", "int16", "int32", "uint32", "int64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 13])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_keeps_values_and_bands(dtype: str, channels: int, order: str) -> None:
    values = RNG.integers(0, 127, (6, 7, channels)).astype(dtype)
    first = np.moveaxis(values, -1, 0)
    bands: dict[str, Any] = {"photometric": "minisblack", "byteorder": order}
    plain = values[..., 0] if channels == 1 else values
    contiguous = read_image(tiff(plain, planarconfig="contig" if channels > 1 else None, **bands))
    np.testing.assert_array_equal(contiguous.pixels, values)
    if channels > 1:
        planar = read_image(tiff(first, planarconfig="separate", **bands))
        np.testing.assert_array_equal(planar.pixels, values)
    target = {"uint8": "uint8", "uint16": "uint16"}.get(dtype, "float32")
    assert contiguous.pixels.dtype == target
    assert contiguous.info.depth == dtype
    told = f"{dtype} read as float32" in contiguous.info.conversions
    assert told == (target == "float32")


@pytest.mark.parametrize("metadata", [{"imagej": True}, {"ome": True}])
def test_a_band_axis_makes_channels_and_other_axes_make_pages(metadata: dict[str, Any]) -> None:
    stack = noise(3, 5, 8, 9, dtype="uint16")
    data = tiff(stack, metadata={"axes": "TCYX"}, **metadata)
    assert probe_image(data) == Header(
        shape=(8, 9, 5), depth="uint16", pages=3, format="TIFF", stored="uint16", mode="5 bands"
    )
    for page in range(3):
        expected = np.moveaxis(stack[page], 0, -1)
        np.testing.assert_array_equal(read_image(data, page=page).pixels, expected)


@pytest.mark.parametrize("options", [{}, {"truncate": True}, {"compression": "zlib"}])
def test_a_volume_is_read_plane_by_plane(options: dict[str, Any]) -> None:
    volume = noise(2, 4, 8, 9, dtype="uint16")
    if options.get("truncate"):
        options = {**options, "metadata": {"axes": "TZYX"}}
    data = tiff(volume, **options)
    assert probe_image(data).pages == 8
    pages = [read_image(data, page=page).pixels[..., 0] for page in range(8)]
    np.testing.assert_array_equal(np.stack(pages), volume.reshape(8, 8, 9))


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("own", [True, False])
def test_deep_png_stays_deep(monkeypatch: pytest.MonkeyPatch, channels: int, own: bool) -> None:
    if own:
        monkeypatch.setattr(high_bit_depth, "_codecs", lambda: None)
    pixels = noise(11, 7, channels, dtype="uint16")
    out = io.BytesIO()
    write_png16(out, pixels)
    image = read_image(out.getvalue())
    assert image.info.depth == "uint16"
    np.testing.assert_array_equal(image.pixels, pixels)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
    filters=st.lists(st.integers(0, 4), min_size=9, max_size=9),
    seed=st.integers(0, 1000),
)
def test_own_png_reader_undoes_every_filter(
    shape: tuple[int, int, int], filters: list[int], seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 65536, shape, dtype=np.uint16)
    data = filtered_png(pixels, filters[: shape[0]])
    np.testing.assert_array_equal(read_png16(data), pixels)


def filtered_png(pixels: Array, filters: list[int]) -> bytes:
    """A PNG by the words of the standard, one byte at a time: the reference for the fast reader."""
    height, width, channels = pixels.shape
    size = 2 * channels
    rows = pixels.astype(">u2").tobytes()
    rows_list = [rows[i * width * size : (i + 1) * width * size] for i in range(height)]
    above, packed = bytes(width * size), b""
    for kind, row in zip(filters, rows_list, strict=True):
        packed += bytes([kind])
        for i, byte in enumerate(row):
            left = row[i - size] if i >= size else 0
            corner = above[i - size] if i >= size else 0
            packed += bytes([(byte - predicted(kind, left, above[i], corner)) % 256])
        above = row
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    start = b"".join(n.to_bytes(4, "big") for n in (width, height)) + bytes([16, colour, 0, 0, 0])
    chunks = [(b"IHDR", start), (b"IDAT", zlib.compress(packed)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in chunks
    )


def predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda value: abs(guess - value))
    return (0, left, up, (left + up) // 2)[kind]


# --- named conversions ----------------------------------------------------------------------------


def test_bool_becomes_0_and_255() -> None:
    bits = RNG.integers(0, 2, (5, 11)).astype(bool)
    for data in (pillow(PillowImage.fromarray(bits), "PNG"), tiff(bits)):
        image = read_image(data)
        np.testing.assert_array_equal(image.pixels[..., 0], bits * np.uint8(255))
        assert image.info.depth == "bool"
        assert "1 bit read as 0 and 255" in image.info.conversions


def test_palettes_are_expanded_to_what_they_hold() -> None:
    index = np.arange(16, dtype=np.uint8).reshape(4, 4)
    for colours, channels, told in (
        ([(i, i, i) for i in range(16)], 1, "palette expanded to grey"),
        ([(i, 2 * i, 0) for i in range(16)], 3, "palette expanded to RGB"),
    ):
        image = PillowImage.fromarray(index, "L").convert("P")
        image.putdata(list(range(16)))
        image.putpalette([c for colour in colours for c in colour])
        for data in (pillow(image, "PNG"), pillow(image, "TIFF")):
            read = read_image(data)
            assert read.pixels.shape == (4, 4, channels)
            assert told in read.info.conversions
            np.testing.assert_array_equal(
                read.pixels.reshape(16, channels), np.array(colours)[:, :channels]
            )
        clear = read_image(pillow(image, "PNG", transparency=3))
        assert clear.pixels.shape == (4, 4, channels + 1)
        assert clear.pixels[0, 3, -1] == 0
        assert clear.pixels[0, 2, -1] == 255


def test_colour_models_become_rgb_and_say_so() -> None:
    ink = PillowImage.fromarray(noise(8, 8, 4), "CMYK")
    expected = np.asarray(ink.convert("RGB"))
    image = read_image(pillow(ink, "TIFF"))
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.info.conversions == ("CMYK converted to RGB",)
    deep_ink = tiff(noise(8, 8, 4, dtype="uint16"), photometric="separated")
    assert read_image(deep_ink).pixels.dtype == np.uint16


def test_white_is_zero_is_inverted_by_the_bits_in_use() -> None:
    values = noise(4, 4, dtype="uint16")
    image = read_image(tiff(values, photometric="miniswhite"))
    np.testing.assert_array_equal(image.pixels[..., 0], 65535 - values)
    assert "white-is-zero inverted" in image.info.conversions


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_orientation_is_applied(orientation: int, kind: str) -> None:
    # Blocks of 8 x 8 so that JPEG keeps them well enough to compare.
    upright = np.kron(np.arange(6).reshape(2, 3) * 40, np.ones((8, 8))).astype(np.uint8)
    upright = np.stack([upright] * 3, axis=-1)
    turns: dict[int, Callable[[Array], Array]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    stored = np.ascontiguousarray(turns[orientation](upright))
    exif = PillowImage.Exif()
    exif[274] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    if kind == "TIFF":
        data = tiff(stored, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    else:
        data = pillow(PillowImage.fromarray(stored), kind, exif=exif, **options)
    assert probe_image(data).shape == upright.shape
    image = read_image(data)
    np.testing.assert_allclose(image.pixels.astype(int), upright.astype(int), atol=3)
    assert ("EXIF orientation applied" in image.info.conversions) == (orientation > 1)


def test_nan_infinity_and_nodata_are_counted() -> None:
    values = np.ones((3, 4), np.float32)
    values[0, 0], values[1, 1], values[2, 2] = np.nan, -3.4e38, np.inf
    image = read_image(tiff(values, extratags=[(42113, "s", 0, "-3.4e38", True)]))
    assert image.info.missing == 3
    assert np.isnan(image.pixels).sum() == 3
    whole = np.arange(12, dtype=np.uint16).reshape(3, 4)
    image = read_image(tiff(whole, extratags=[(42113, "s", 0, "7", True)]))
    assert image.info.missing == 1
    np.testing.assert_array_equal(image.pixels[..., 0], whole)


@pytest.mark.parametrize(
    ("data", "pixels"),
    [
        (b"P2 # note\n2 2 1000\n0 1 999 1000\n", np.array([[0, 1], [999, 1000]], np.uint16)),
        (b"P5 2 1 15\n\x00\x0f", np.array([[0, 15]], np.uint8)),
        (b"P1 3 1\n101", np.array([[0, 255, 0]], np.uint8)),
        (b"P4 3 1\n\xa0", np.array([[0, 255, 0]], np.uint8)),
        (b"P6 1 1 65535\n\x01\x00\x02\x00\x03\x00", np.array([[[256, 512, 768]]], np.uint16)),
        (b"Pf 1 2 -1.0\n\0\0\0\0\0\0\x80\x3f", np.array([[1], [0]], np.float32)),
    ],
)
def test_netpbm_values_are_kept(data: bytes, pixels: Array) -> None:
    image = read_image(data)
    expected = pixels[..., None] if pixels.ndim == 2 else pixels
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.pixels.dtype == expected.dtype


def test_animations_are_pages() -> None:
    frames = [PillowImage.fromarray(noise(6, 5, 3)) for _ in range(3)]
    data = pillow(frames[0], "PNG", save_all=True, append_images=frames[1:])
    assert probe_image(data).pages == 3
    for page, frame in enumerate(frames):
        np.testing.assert_array_equal(read_image(data, page=page).pixels, np.asarray(frame))
    assert reason(data, page=3) == "no page 3: it has 3, counted from 0"


@pytest.mark.parametrize(
    ("name", "shape", "depth", "pages", "missing"),
    [
        ("misc/multichannel/eolearn_import-tiff-test2.tiff", (17, 11, 5), "float32", 1, 0),
        ("misc/multichannel/rasterio_RGBA.uint16.tif", (411, 634, 4), "uint16", 1, 0),
        ("misc/multichannel/rasterio_all-nodata.tif", (2475, 71, 4), "uint16", 1, 2475 * 71),
        ("misc/multichannel/rasterio_float_raster_with_nodata.tif", (12, 13, 1), "float32", 1, 58),
        ("misc/multichannel/rasterio_goes.tif", (542, 542, 3), "uint8", 1, 63_712),
        ("misc/skimage/chessboard_GRAY_U16B.tif", (200, 200, 1), "uint16", 1, 0),
        ("misc/skimage/multipage_rgb.tif", (10, 10, 3), "float32", 2, 0),
        ("misc/skimage/palette_gray.png", (10, 10, 1), "uint8", 1, 0),
        ("misc/skimage/foo3x5x4indexed.png", (3, 5, 4), "uint8", 1, 0),
        ("microscopy/calcium_imaging_u16_stack.tif", (30, 40, 1), "uint16", 1000, 0),
        ("microscopy/stardist_img3d.tif", (61, 57, 1), "uint16", 31, 0),
        ("large/pillow_g4-multi.tiff", (4677, 3307, 1), "uint8", 3, 0),
        ("large/pillow_old-style-jpeg-compression.tif", (870, 4160, 3), "uint8", 1, 0),
        ("large/meadow_cube_2048x12288.jpg", (12288, 2048, 3), "uint8", 1, 0),
    ],
)
def test_real_files(
    shared_data: Path, name: str, shape: tuple[int, int, int], depth: str, pages: int, missing: int
) -> None:
    pytest.importorskip("imagecodecs")
    header = probe_image(shared_data / name)
    image = read_image(shared_data / name)
    assert (header.shape, header.depth, header.pages) == (shape, depth, pages)
    assert (image.pixels.shape, str(image.pixels.dtype)) == (shape, depth)
    assert image.info.missing == missing


WITHOUT_CODECS = """
import sys
sys.modules["imagecodecs"] = None  # as if it were not installed
from convae.images.files.reading import read_image
print(int(read_image(sys.argv[1]).pixels.sum()))
"""


def test_zstandard_tiffs_are_read_without_imagecodecs(tmp_path: Path) -> None:
    """Before Python 3.14 there is no Zstandard in it, and tifffile then fails with an ImportError."""
    pytest.importorskip("imagecodecs")  # writes the file
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = tmp_path / "z.tif"
    tifffile.imwrite(path, pixels, compression="zstd")
    words = [sys.executable, "-c", WITHOUT_CODECS, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(pixels.sum()), "")


# --- no more pixels than are wanted ---------------------------------------------------------------


def smooth(height: int, width: int) -> Array:
    """A colour picture of low frequencies."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(7 * x + 3 * y), np.cos(5 * x - 8 * y), np.sin(9 * y)]
    return (127 + 100 * np.stack(waves, axis=2)).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "decoded"),
    [
        ((240, 320), (480, 640)),
        ((120, 160), (240, 320)),
        ((61, 80), (240, 320)),
        ((1, 1), (60, 80)),
    ],
)  # at least twice the size, by halves, quarters and eighths; 240 is less than twice 121
def test_a_jpeg_is_decoded_as_far_as_resizing_needs(
    size: tuple[int, int], decoded: tuple[int, int]
) -> None:
    file = pillow(PillowImage.fromarray(smooth(480, 640)), "JPEG", quality=95, dpi=(300, 300))
    whole, read = read_image(file), read_image(file, for_size=size)
    assert not whole.reduced
    assert read.pixels.shape[:2] == decoded
    assert read.reduced == (decoded != (480, 640))
    assert probe_image(file).shape == (480, 640, 3)
    notes = [note for note in read.info.conversions if note not in whole.info.conversions]
    assert notes == (
        ["JPEG decoded at a part of its size, twice the size wanted or more"] * read.reduced
    )
    assert read.info.resolution == whole.info.resolution
    expected = resize(whole.pixels, size).astype(int)
    assert np.abs(resize(read.pixels, size) - expected).max() <= 2


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_jpeg_that_lies_on_its_side_is_decoded_as_far_as_upright(orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[274] = orientation
    file = pillow(PillowImage.fromarray(smooth(160, 640)), "JPEG", quality=95, exif=exif)
    header = probe_image(file)
    size = (header.shape[0] // 8, header.shape[1] // 8)
    read, whole = read_image(file, for_size=size), read_image(file)
    assert read.pixels.shape[:2] == (header.shape[0] // 4, header.shape[1] // 4)
    expected = resize(whole.pixels, size).astype(int)
    assert np.abs(resize(read.pixels, size) - expected).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_other_kinds_are_decoded_whole(kind: str) -> None:
    read = read_image(pillow(PillowImage.fromarray(smooth(64, 64)), kind), for_size=(2, 2))
    assert read.pixels.shape == (64, 64, 3)
    assert not read.reduced


def test_a_truncated_jpeg_is_no_image_at_any_size() -> None:
    file = pillow(PillowImage.fromarray(smooth(480, 640)), "JPEG", quality=95)
    assert reason(file[: len(file) // 2], for_size=(16, 16)) == "file is truncated"


def test_a_probe_decodes_what_is_small() -> None:
    file = pillow(PillowImage.fromarray(smooth(10, 8)), "PNG")
    header, image = probe_or_read_image(file, 240)
    assert header == probe_image(file)
    assert image is not None
    assert np.array_equal(image.pixels, read_image(file).pixels)
    assert probe_or_read_image(file, 239) == (header, None)
