"""What was read comes back: the same pixels, depth, channels and kind of file."""

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PillowImage

from convae.errors import InputError
from convae.images.files.image import ImageInfo, depth_read
from convae.images.files.metadata import Opacity
from convae.images.files.reading import probe_image, read_image
from convae.images.files.writing import (
    SUFFIXES,
    encode_image,
    holds,
    kind_of_suffix,
    restore_depth,
    write_image,
    write_stack,
)

KINDS = sorted(SUFFIXES)
DEPTHS = (
    "bool", "uint8", "uint16", "int8", "int16", "int32", "uint32", "int64", "uint64",
    "float16", "float32", "float64",
)  # fmt: skip


@st.composite
def images(draw: Any) -> tuple[np.ndarray[Any, Any], ImageInfo]:
    """Pixels as reading gives them, and the file they came from."""
    depth = draw(st.sampled_from(DEPTHS))
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 6)))
    kind = np.dtype(depth)
    if depth == "bool":
        stored = draw(hnp.arrays(np.uint8, shape)) & 1
        pixels = stored * np.uint8(255)
    elif kind.kind == "f":
        floats = hnp.arrays(np.float16, shape, elements={"allow_infinity": False})
        pixels = draw(floats).astype(np.float32)
    else:
        # The whole numbers that float32, in which the deeper ones are read, can hold.
        low, high = max(np.iinfo(kind).min, -(2**24)), min(np.iinfo(kind).max, 2**24)
        stored = draw(hnp.arrays(np.int64, shape, elements=st.integers(low, high)))
        pixels = stored.astype(depth_read(depth))
    kind_of_file = draw(st.sampled_from([*KINDS, "GIF", "array"]))
    opaque = float(np.iinfo(kind).max) if kind.kind in "iu" else 1.0
    opacity = (
        Opacity(kind="straight", opaque=opaque)
        if shape[2] in (2, 4) and draw(st.booleans())
        else None
    )
    return pixels, ImageInfo(name="x", format=kind_of_file, depth=depth, opacity=opacity)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=images())
def test_round_trip_of_every_depth_kind_and_channel_count(tmp_path: Path, case: Any) -> None:
    pixels, info = case
    path = write_image(tmp_path / "image", pixels, like=info)
    again = read_image(path)
    assert again.pixels.shape == pixels.shape
    assert again.pixels.dtype == pixels.dtype
    bands = pixels.shape[2] in (2, 4) and info.opacity is None
    if bands:
        assert again.info.format == "TIFF"
    elif info.format in SUFFIXES and holds(info.format, info.depth, pixels.shape[2]):
        assert again.info.format == info.format
    if info.depth != "bool" or pixels.shape[2] == 1:
        assert again.info.depth == info.depth
    if again.info.format != "JPEG":
        np.testing.assert_array_equal(again.pixels, pixels)
    assert path.suffix in SUFFIXES[again.info.format]


def test_jpeg_stays_close(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64 * 48).reshape(64, 48, 1).astype(np.uint8)
    again = read_image(write_image(tmp_path / "a.jpg", ramp))
    assert again.info.format == "JPEG"
    assert np.abs(again.pixels.astype(int) - ramp.astype(int)).max() < 12


@pytest.mark.parametrize(
    ("name", "depth", "channels", "written"),
    [
        ("a.jpg", "uint16", 1, "a.png"),
        ("a.jpeg", "uint8", 3, "a.jpeg"),
        ("a.JPG", "uint8", 4, "a.png"),
        ("a.png", "float32", 1, "a.tif"),
        ("a.tiff", "uint8", 7, "a.tiff"),
        ("a.gif", "uint8", 1, "a.png"),
        ("cell.3", "uint8", 1, "cell.3.png"),
        ("a", "uint16", 5, "a.tif"),
    ],
)
def test_the_suffix_tells_the_kind_that_was_written(
    tmp_path: Path, name: str, depth: str, channels: int, written: str
) -> None:
    pixels = np.zeros((4, 5, channels), dtype=depth)
    path = write_image(tmp_path / "new" / name, pixels)
    assert path == tmp_path / "new" / written
    assert probe_image(path).shape == (4, 5, channels)


def test_format_wins_over_like_and_an_unknown_one_is_answered(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5, 1), np.uint8)
    like = ImageInfo(name="x", format="JPEG")
    assert write_image(tmp_path / "a.jpg", pixels, like=like, format="tif").suffix == ".tif"
    with pytest.raises(InputError, match="did you mean 'TIFF'"):
        write_image(tmp_path / "b", pixels, format="TIFFF")


def test_depths_are_rounded_and_clipped() -> None:
    values = np.array([[[-3.0], [0.5], [1.5], [254.6], [1e9], [np.nan], [np.inf]]], np.float32)
    assert restore_depth(values, "uint8").ravel().tolist() == [0, 0, 2, 255, 255, 0, 255]
    assert restore_depth(values, "int16").ravel().tolist() == [-3, 0, 2, 255, 32767, 0, 32767]
    assert restore_depth(values, "int64").ravel()[-1] > 2**62
    assert restore_depth(np.array([127, 128], np.uint8), "bool").tolist() == [False, True]


@pytest.mark.parametrize("shape", [(0, 4, 1), (4,), (2, 3, 4, 5)])
def test_what_is_no_image_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"pixels must be \(H, W, C\)"):
        write_image(tmp_path / "a", np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match="uint8, uint16 or float32, got int64"):
        write_image(tmp_path / "a", np.zeros((2, 2), np.int64))
    assert os.listdir(tmp_path) == []


def test_other_programs_read_deep_png(tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    pixels = np.random.default_rng(0).integers(0, 65536, (13, 9, 3), dtype=np.uint16)
    path = write_image(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(imagecodecs.png_decode(path.read_bytes()), pixels)
    with PillowImage.open(path) as image:
        assert image.mode == "RGB"


def test_a_stack_is_read_back_page_by_page(tmp_path: Path) -> None:
    stack = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)
    path = write_stack(tmp_path / "s.png", stack)
    assert path.name == "s.tif"
    assert probe_image(path).pages == 5
    for page, pixels in enumerate(stack):
        np.testing.assert_array_equal(read_image(path, page=page).pixels[..., 0], pixels)
    with pytest.raises(InputError, match="no page to write"):
        write_stack(path, [])
    assert os.listdir(tmp_path) == ["s.tif"]


def test_a_stack_needs_the_memory_of_one_page(tmp_path: Path) -> None:
    page_bytes = 500 * 500 * 2

    def pages() -> Iterator[np.ndarray[Any, Any]]:
        for value in range(60):
            yield np.full((500, 500, 1), value, np.uint16)

    write_stack(tmp_path / "warm.tif", [np.zeros((2, 2), np.uint8)])
    tracemalloc.start()
    path = write_stack(tmp_path / "s.tif", pages())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * page_bytes
    assert probe_image(path).pages == 60
    assert read_image(path, page=59).pixels.max() == 59


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="folder cannot be made"):
        write_image(tmp_path / "file" / "a.png", np.zeros((2, 2), np.uint8))


@pytest.mark.parametrize("kind", sorted(SUFFIXES))
def test_bytes_are_those_of_the_file(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    for depth, channels in (("uint8", 1), ("uint8", 3), ("uint16", 1), ("float32", 2)):
        pixels = (rng.random((7, 9, channels)) * 200).astype(depth)
        path = write_image(tmp_path / f"{depth}{channels}", pixels, format=kind)
        data, made = encode_image(pixels, format=kind)
        assert data == path.read_bytes()
        assert made == kind_of_suffix(path.suffix)
