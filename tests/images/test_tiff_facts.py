"""What a TIFF says of its pixels is read, and written back with a copy."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.images.files.image import Image, Page
from convae.images.files.metadata import PREMULTIPLIED, STRAIGHT
from convae.images.files.reading import read_image
from convae.images.files.writing import write_image, write_stack

PROFILE = b"\0\0\2\x0c" + b"lcms" + bytes(500)
SCALE, TIE = (10.0, 10.0, 0.0), (0.0, 0.0, 0.0, 5e5, 5.4e6, 0.0)
GEO: list[tuple[Any, ...]] = [
    (33550, "d", 3, SCALE, True),
    (33922, "d", 6, TIE, True),
    (34735, "H", 4, (1, 1, 0, 0), True),
]
EXTRAS = {"": [], STRAIGHT: ["unassalpha"], PREMULTIPLIED: ["assocalpha"], "band": ["unspecified"]}


def stored(pixels: np.ndarray, **options: Any) -> bytes:
    handle = io.BytesIO()
    tifffile.imwrite(handle, pixels, metadata=None, **options)
    return handle.getvalue()


def pixels_of(dtype: str, channels: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 100, (6, 5, channels)).astype(dtype)


def copied(data: bytes, folder: Path) -> tuple[Image, Image, Any]:
    """As it was read, as its copy is read, and the first page of the copy."""
    image = read_image(data)
    path = write_image(folder / "b", image.original, like=image.info, holes=image.holes)
    return image, read_image(path), tifffile.TiffFile(io.BytesIO(path.read_bytes())).pages.first


@settings(max_examples=60)
@given(
    dtype=st.sampled_from(
        ["uint8", "uint16", "int8", "int16", "int32", "uint32", "float16", "float32", "float64"]
    ),
    extra=st.sampled_from(list(EXTRAS)),
    colours=st.sampled_from([1, 3]),
    planar=st.booleans(),
)
def test_opacity_bands_and_values_come_back(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, extra: str, colours: int, planar: bool
) -> None:
    channels = colours + len(EXTRAS[extra])
    pixels = pixels_of(dtype, channels)
    data = stored(
        np.moveaxis(pixels, 2, 0) if planar and channels > 1 else pixels.squeeze(),
        photometric="rgb" if colours == 3 else "minisblack",
        planarconfig=None if channels == 1 else ("separate" if planar else "contig"),
        extrasamples=EXTRAS[extra],
    )
    image, again, page = copied(data, tmp_path_factory.mktemp("facts"))
    assert np.array_equal(image.original, pixels)
    assert np.array_equal(again.original, pixels)
    assert str(page.dtype) == dtype
    assert (page.photometric.name == "RGB") == (colours == 3)
    assert [kind.name.lower() for kind in page.extrasamples] == EXTRAS[extra]
    kind = None if image.info.opacity is None else image.info.opacity.kind
    assert kind == (extra if extra in (STRAIGHT, PREMULTIPLIED) else None)
    assert again.info.opacity == image.info.opacity


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_missing_value_and_the_georeference_come_back(
    tmp_path: Path, dtype: str, channels: int
) -> None:
    nodata = -9999 if np.dtype(dtype).kind in "if" else 0
    pixels = pixels_of(dtype, channels)
    pixels[:2, :3] = nodata
    tags = [(42113, "s", 6, str(nodata), True), *GEO]
    extras = ["unspecified"] * (channels - 1) if channels == 5 else None
    data = stored(
        pixels.squeeze(),
        extratags=tags,
        photometric="rgb" if channels == 3 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=extras,
        iccprofile=PROFILE,
    )
    image, again, page = copied(data, tmp_path)
    assert (image.info.missing, again.info.missing) == (6, 6)
    assert (image.info.nodata, again.info.nodata) == (nodata, nodata)
    assert np.array_equal(again.original, pixels)
    assert page.tags[42113].value == str(nodata)
    assert page.tags[33550].value == SCALE
    assert page.tags[33922].value == TIE
    assert page.tags[34735].value == (1, 1, 0, 0)
    assert page.tags[34675].value == PROFILE


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "bool"])
def test_white_is_zero_comes_back_as_it_was_stored(tmp_path: Path, dtype: str) -> None:
    pixels = pixels_of("uint8", 1)[..., 0] > 50 if dtype == "bool" else pixels_of(dtype, 1)[..., 0]
    image, again, page = copied(stored(pixels, photometric="miniswhite"), tmp_path)
    top = True if dtype == "bool" else np.iinfo(dtype).max
    wanted = ~pixels if dtype == "bool" else top - pixels
    assert np.array_equal(image.original[..., 0], wanted)
    assert page.photometric.name == "MINISWHITE"
    assert np.array_equal(page.asarray(), pixels)
    assert np.array_equal(again.pixels, image.pixels)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32", "float64"])
def test_white_is_zero_is_kept_where_there_is_no_largest_value(tmp_path: Path, dtype: str) -> None:
    pixels = pixels_of(dtype, 1)[..., 0]
    image, again, page = copied(stored(pixels, photometric="miniswhite"), tmp_path)
    assert np.array_equal(image.original[..., 0], pixels)
    assert page.photometric.name == "MINISWHITE"
    assert np.array_equal(page.asarray(), pixels)
    assert np.array_equal(again.original, image.original)


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_a_maximum_of_whole_bits_is_kept(tmp_path: Path, bits: int, photometric: str) -> None:
    """As 16-bit samples whose tag says so; white-is-zero is inverted within the maximum."""
    top = 2**bits - 1
    pixels = (np.arange(30, dtype=np.uint16).reshape(6, 5) * 31) % (top + 1)
    said = [(281, "H", 1, top, True)]
    image, again, page = copied(stored(pixels, photometric=photometric, extratags=said), tmp_path)
    assert (image.info.top, again.info.top) == (top, top)
    wanted = pixels if photometric == "minisblack" else top - pixels
    assert np.array_equal(image.pixels[..., 0], wanted)
    assert page.tags[281].value == top
    assert np.array_equal(page.asarray(), pixels)
    assert np.array_equal(again.pixels, image.pixels)


@pytest.mark.parametrize("told", [4095, 4094, 255, 65535])
def test_a_maximum_that_is_none_is_not_used(tmp_path: Path, told: int) -> None:
    """Exceeded by a pixel, the largest value of the picture, a whole byte, the whole range."""
    pixels = np.full((6, 5), 4090, np.uint16)
    pixels[0, 0] = 5000 if told == 4095 else 17
    data = stored(pixels, photometric="minisblack", extratags=[(281, "H", 1, told, True)])
    image, _, _ = copied(data, tmp_path)
    assert image.info.top is None


@pytest.mark.parametrize("codes", [(2, 0), (1, 0), (0, 2), (2,), (1,), (0,), (0, 0), (0, 0, 2)])
@pytest.mark.parametrize("colours", [1, 3])
def test_what_is_said_of_extra_samples_comes_back(
    tmp_path: Path, codes: tuple[int, ...], colours: int
) -> None:
    pixels = pixels_of("uint8", colours + len(codes))
    photometric = "rgb" if colours == 3 else "minisblack"
    names = [{0: "unspecified", 1: "assocalpha", 2: "unassalpha"}[code] for code in codes]
    data = stored(pixels, photometric=photometric, extrasamples=names, planarconfig="contig")
    image, again, page = copied(data, tmp_path)
    assert tuple(int(code) for code in page.extrasamples) == codes
    assert np.array_equal(page.asarray().reshape(pixels.shape), pixels)
    assert again.info.opacity == image.info.opacity


def test_white_is_zero_with_opacity_is_inverted_in_its_grey_alone(tmp_path: Path) -> None:
    pixels = pixels_of("uint8", 2)
    data = stored(
        pixels, photometric="miniswhite", extrasamples=["unassalpha"], planarconfig="contig"
    )
    image, _, page = copied(data, tmp_path)
    assert np.array_equal(image.pixels[..., 0], 255 - pixels[..., 0])
    assert np.array_equal(image.pixels[..., 1], pixels[..., 1])
    assert page.photometric.name == "MINISWHITE"
    assert np.array_equal(page.asarray(), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_mask_of_the_file_is_read_and_written(tmp_path: Path, dtype: str) -> None:
    pixels, valid = pixels_of(dtype, 3), np.ones((6, 5), np.bool_)
    valid[:2, :3] = False
    handle = io.BytesIO()
    with tifffile.TiffWriter(handle) as writer:
        writer.write(pixels, photometric="rgb", metadata=None)
        writer.write(valid, subfiletype=4, photometric="mask", compression="zlib", metadata=None)
    image, again, _ = copied(handle.getvalue(), tmp_path)
    for one in (image, again):
        assert one.info.missing == 6
        assert one.holes is not None
        assert np.array_equal(one.holes, ~valid)
    assert np.array_equal(again.original[valid], pixels[valid])


def test_each_page_of_a_stack_keeps_its_own_depth(tmp_path: Path) -> None:
    """An 8-bit page, then 16 bits, bilevel and float: none is brought to the depth of the first."""
    planes = [
        pixels_of("uint8", 1),
        pixels_of("uint16", 1) * np.uint16(600),
        pixels_of("uint8", 1) > 50,
        pixels_of("float32", 1) / np.float32(7),
    ]
    handle = io.BytesIO()
    with tifffile.TiffWriter(handle) as writer:
        for plane in planes:
            writer.write(plane[..., 0], metadata=None)
    images = [read_image(handle.getvalue(), page=number) for number in range(4)]
    path = write_stack(tmp_path / "b", (Page(i.original, i.info, i.holes) for i in images))
    with tifffile.TiffFile(path) as tif:
        for page, plane in zip(tif.pages, planes, strict=True):
            back = page.asarray()
            assert back.dtype == plane.dtype
            assert np.array_equal(back, plane[..., 0])


def test_a_georeference_is_not_true_of_another_size(tmp_path: Path) -> None:
    image = read_image(stored(pixels_of("uint8", 1)[..., 0], extratags=GEO, iccprofile=PROFILE))
    path = write_image(tmp_path / "b", image.pixels[:3], like=image.info)
    with tifffile.TiffFile(path) as tif:
        assert 33550 not in tif.pages.first.tags
        assert tif.pages.first.tags[34675].value == PROFILE


def test_statistics_of_pixels_that_change_are_left_out() -> None:
    text = (
        '<GDALMetadata><Item name="STATISTICS_MEAN">5</Item><Item name="A">b</Item></GDALMetadata>'
    )
    data = stored(
        pixels_of("uint8", 1)[..., 0], extratags=[(42112, "s", len(text) + 1, text, True)]
    )
    tags = read_image(data).info.tags
    assert tags is not None
    assert tags.geo[0].value == b'<GDALMetadata><Item name="A">b</Item></GDALMetadata>'
