"""Masks: values, sizes, names, alpha, NaN and nodata; what is refused, in which words."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from convae.errors import ImageError, InputError
from convae.images.files.image import Image, ImageInfo
from convae.images.files.metadata import PREMULTIPLIED, Opacity
from convae.images.files.reading import read_image
from convae.images.sources.masks import Masks, binary_mask, missing_values, open_masks
from convae.images.sources.open_source import open_source

WHERE = np.zeros((6, 9), np.bool_)
WHERE[1:4, 2:7] = True


def as_image(pixels: np.ndarray, name: str = "a.png", **info: Any) -> Image:
    deep = pixels if pixels.ndim == 3 else pixels[..., None]
    return Image(deep, ImageInfo(name=name, depth=str(pixels.dtype), **info))


def jpeg(pixels: np.ndarray, quality: int = 80) -> np.ndarray:
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, "JPEG", quality=quality)
    return read_image(file.getvalue()).pixels


@pytest.mark.parametrize(
    ("dtype", "white"),
    [("uint8", 1), ("uint8", 255), ("uint16", 1), ("uint16", 255), ("uint16", 65535), ("float32", 1),
     ("float32", 255)],
)  # fmt: skip
def test_black_and_white_in_any_depth(dtype: str, white: int) -> None:
    for where in (WHERE, np.zeros_like(WHERE), np.ones_like(WHERE)):
        pixels = (where * white).astype(dtype)[..., None]
        found, softened = binary_mask(pixels, "mask")
        assert np.array_equal(found, where)
        assert not softened


def test_grey_saved_as_colours_with_an_opaque_alpha() -> None:
    pixels = np.full((6, 9, 4), 255, np.uint8)
    pixels[..., :3] = WHERE[..., None] * 255
    assert np.array_equal(binary_mask(pixels, "mask")[0], WHERE)
    assert np.array_equal(binary_mask(pixels[..., :3], "mask")[0], WHERE)
    assert np.array_equal(binary_mask(pixels[..., 2:], "mask")[0], WHERE)


@pytest.mark.parametrize("colours", [False, True])
def test_a_jpeg_mask_is_thresholded(colours: bool) -> None:
    where = np.zeros((64, 80), np.bool_)
    where[10:40, 20:50] = where[50:54] = True
    pixels = (where * 255).astype(np.uint8)
    found, softened = binary_mask(
        jpeg(np.repeat(pixels[..., None], 3, 2) if colours else pixels), "mask"
    )
    assert softened
    assert np.array_equal(found, where)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.array([[0, 1, 2, 3]], np.uint8), "its values are 0, 1, 2, 3"),
        (np.array([[0, 100]], np.uint8), "its values are 0, 100"),
        (np.arange(256, dtype=np.uint8).reshape(16, 16), "it has many values from 0 to 255"),
        (np.linspace(0.3, 0.6, 20, dtype=np.float32)[None], "it has many values from 0.3 to 0.6"),
        (np.array([[0, np.nan, 1]], np.float32), "is no mask"),
    ],
)
def test_pictures_and_labels_are_refused(pixels: np.ndarray, said: str) -> None:
    with pytest.raises(ImageError) as raised:
        binary_mask(pixels[..., None], "m.png")
    assert "m.png: is no mask: it must be black (known) and white (missing)" in str(raised.value)
    assert said in str(raised.value)


def test_colours_and_transparent_masks_are_refused() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[1, 1] = (255, 0, 0)
    with pytest.raises(ImageError, match="it has colours"):
        binary_mask(red, "m.png")
    clear = np.zeros((4, 4, 2), np.uint8)
    with pytest.raises(ImageError, match="save it without an alpha channel"):
        binary_mask(clear, "m.png")


# -- masks of a source ---------------------------------------------------------------------------


def write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(path)
    return path


def where(masks: Masks, folder: Path, index: int) -> np.ndarray:
    source = open_source(folder)
    return masks.of(index, source.read(index))[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "sub/c.jpg"):
        write(tmp_path / "images" / name, np.full((6, 9), 77, np.uint8))
    return tmp_path / "images"


def test_a_folder_of_masks_by_name(folder: Path, tmp_path: Path) -> None:
    other = np.zeros_like(WHERE)
    write(tmp_path / "masks" / "a.png", WHERE.astype(np.uint8) * 255)
    write(tmp_path / "masks" / "b_mask.bmp", other.astype(np.uint8))
    write(tmp_path / "masks" / "sub" / "c.png", WHERE.astype(np.uint8))
    masks = open_masks(tmp_path / "masks", open_source(folder))
    for index, expected in enumerate((WHERE, other, WHERE)):
        assert np.array_equal(where(masks, folder, index), expected)
    assert masks.notes == []


def test_an_image_without_a_mask_is_named(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "masks" / "a.png", WHERE.astype(np.uint8) * 255)
    masks = open_masks(tmp_path / "masks", open_source(folder))
    with pytest.raises(ImageError, match=r"b.png: there is no mask for it in folder .*masks/"):
        where(masks, folder, 1)


def test_masks_of_other_names_are_refused(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "masks" / "z.png", WHERE.astype(np.uint8) * 255)
    write(tmp_path / "masks" / "y.png", WHERE.astype(np.uint8) * 255)
    with pytest.raises(InputError) as raised:
        open_masks(tmp_path / "masks", open_source(folder))
    assert "none of its names is that of an image" in str(raised.value)
    assert "images are a.png, b.png, sub/c.jpg, masks y.png, z.png" in str(raised.value)


@pytest.mark.parametrize("invert", [False, True])
def test_one_mask_for_all(folder: Path, tmp_path: Path, invert: bool) -> None:
    path = write(tmp_path / "any.png", WHERE.astype(np.uint8) * 255)
    for given in (path, str(path), WHERE, WHERE.astype(np.float64)):
        masks = open_masks(given, open_source(folder), invert=invert)
        assert np.array_equal(where(masks, folder, 2), invert != WHERE)


def test_masks_of_an_array_by_number() -> None:
    images = open_source(np.zeros((3, 6, 9), np.uint8))
    given = np.stack([WHERE, ~WHERE, WHERE])
    masks = open_masks(given, images)
    for index in range(3):
        assert np.array_equal(masks.of(index, images.read(index))[1], given[index])


def test_a_mask_of_another_size_tells_both(folder: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "m.png", np.zeros((9, 6), np.uint8))
    masks = open_masks(path, open_source(folder))
    with pytest.raises(
        ImageError, match=r"a.png: it is 6x9 and its mask m.png is 9x6: both must have one size"
    ):
        where(masks, folder, 0)


def test_soft_masks_are_told_once_each(folder: Path, tmp_path: Path) -> None:
    soft = np.zeros((60, 90), np.uint8)
    soft[10:30, 20:50] = 255
    soft[9, 20:50] = 130
    images = open_source(np.zeros((3, 60, 90), np.uint8))
    masks = open_masks(np.stack([soft, soft, (soft > 200).astype(np.uint8) * 255]), images)
    found = [masks.of(i, images.read(i))[1] for i in (0, 1, 2, 0)]
    assert np.array_equal(found[0], soft >= 128)
    assert len(masks.notes) == 1
    assert masks.notes[0].startswith("2 masks with values between black and white")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_premultiplied_colours_come_without_their_opacity(dtype: str) -> None:
    most = 1.0 if dtype == "float32" else float(np.iinfo(dtype).max)
    share = np.array([[1.0, 0.97], [0.98, 0.0]])
    colour = np.array([0.8, 0.4, 0.2]) * most
    pixels = np.concatenate([colour * share[..., None], most * share[..., None]], axis=2)
    stored = np.rint(pixels) if dtype != "float32" else pixels
    image = Image(
        stored.astype(dtype),
        ImageInfo(name="a.tif", depth=dtype, opacity=Opacity(kind=PREMULTIPLIED, opaque=most)),
    )
    source = open_source(np.zeros((1, 2, 2, 4), np.uint8), channels_first=False)
    alone, missing = open_masks("alpha", source).of(0, image)
    assert missing.tolist() == [[False, False], [False, True]]
    known = alone.pixels[~missing].astype(float)
    assert np.abs(known - colour).max() <= (1 if dtype != "float32" else 1e-6)


def test_transparent_pixels_are_missing_and_alpha_goes() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 4), dtype=np.uint8)
    pixels[..., 3] = ~WHERE * np.uint8(255)
    source = open_source(pixels[None])
    image, missing = open_masks("alpha", source).of(0, as_image(pixels, mode="RGBA"))
    assert np.array_equal(missing, WHERE)
    assert np.array_equal(image.pixels, pixels[..., :3])
    _, missing = open_masks("alpha", source, invert=True).of(0, as_image(pixels, mode="RGBA"))
    assert np.array_equal(missing, ~WHERE)
    with pytest.raises(ImageError, match="no alpha channel to take as its mask: it has 3 channels"):
        open_masks("alpha", source).of(0, as_image(pixels[..., :3]))


def test_without_masks_nothing_but_the_image_itself_says_what_is_missing() -> None:
    source = open_source(np.zeros((2, 6, 9), np.uint8))
    image, missing = open_masks(None, source).of(0, source.read(0))
    assert not missing.any()
    assert np.array_equal(image.pixels, source.read(0).pixels)
    with pytest.raises(InputError, match="invert is for masks"):
        open_masks(None, source, invert=True)


def test_nan_and_nodata_are_missing(tmp_path: Path) -> None:
    floats = np.ones((6, 9, 2), np.float32)
    floats[2, 3, 1] = np.nan
    assert missing_values(as_image(floats)).sum() == 1
    assert missing_values(as_image(floats))[2, 3, 1]
    whole = np.full((6, 9), 7, np.uint16)
    whole[WHERE] = 65535
    extra = [(42113, "s", 0, "65535", True)]  # GDAL's tag for nodata
    tifffile.imwrite(tmp_path / "n.tif", whole, extratags=extra)
    image = read_image(tmp_path / "n.tif")
    assert image.info.nodata == 65535
    assert np.array_equal(missing_values(image)[..., 0], WHERE)
    assert not missing_values(as_image(whole)).any()


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "uint16", "int8", "int16", "float32", "float64"]
)
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_white_is_what_the_file_calls_white(tmp_path: Path, dtype: str, photometric: str) -> None:
    kind = np.dtype(dtype)
    white = 1 if kind.kind in "bfi" else np.iinfo(kind).max
    lit = WHERE if photometric == "minisblack" else ~WHERE
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, (lit * white).astype(kind), photometric=photometric, metadata=None)
    images = open_source(np.zeros((1, *WHERE.shape, 1), np.uint8))
    _, missing = open_masks(path, images).of(0, images.read(0))
    assert np.array_equal(missing, WHERE)
