"""One image to the planned channels, depth and size, and what is refused or said."""

from typing import Any

import numpy as np
import pytest

from convae.errors import ImageError, InputError
from convae.images.dataset.framing import Framing
from convae.images.dataset.preparation import (
    Plan,
    Preparation,
    conversion_notes,
    from_integers,
    image_hash,
    to_channels,
    to_depth,
)
from convae.images.files.image import Image, ImageInfo, Pixels
from convae.images.files.metadata import STRAIGHT, Opacity
from convae.images.sources.array_sources import ListSource


def image(pixels: Pixels) -> Image:
    return Image(pixels, ImageInfo(name="some.png", depth=str(pixels.dtype)))


def zeros(*shape: int, dtype: str = "uint8") -> Pixels:
    return np.zeros(shape, dtype)


def test_eight_bits_become_sixteen_exactly() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    wide = to_depth(image(values), "uint16")
    assert wide.dtype == np.uint16
    assert np.array_equal(wide, values.astype(np.int64) * 257)
    assert (wide.min(), wide.max()) == (0, 65535)
    assert to_depth(image(values), "uint8") is values


@pytest.mark.parametrize(
    ("have", "want", "text"),
    [
        (
            "uint16",
            "uint8",
            "some.png: a 16-bit image for a model of 8-bit images: convert it first",
        ),
        (
            "float32",
            "uint8",
            "some.png: its pixels are float32 and the model is for uint8 images: convert it to uint8",
        ),
        (
            "uint8",
            "float32",
            "some.png: its pixels are uint8 and the model is for float32 images: convert it to float32",
        ),
    ],
)
def test_depth_is_never_lost_silently(have: str, want: str, text: str) -> None:
    with pytest.raises(ImageError) as caught:
        to_depth(image(zeros(2, 2, 1, dtype=have)), want)
    assert str(caught.value) == text


def test_advice_is_added_where_it_helps() -> None:
    with pytest.raises(ImageError, match=r"convert it to uint8, or give the values$"):
        to_depth(image(zeros(2, 2, 1, dtype="float32")), "uint8", advice="give the values")
    with pytest.raises(ImageError, match=r"convert it first$"):
        to_depth(image(zeros(2, 2, 1, dtype="uint16")), "uint8", advice="give the values")


@pytest.mark.parametrize("stored", ["int8", "int16", "int64", "uint32", "float16", "float64"])
def test_the_depth_of_the_file_is_named(stored: str) -> None:
    read = ListSource([zeros(2, 2, 1, dtype=stored)]).read(0)
    with pytest.raises(ImageError, match=f"its pixels are {stored} and the model is for uint8"):
        to_depth(read, "uint8")


@pytest.mark.parametrize(
    ("pixel", "channels", "expected"),
    [
        # ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, rounded
        ([255, 0, 0], 1, [76]),
        ([0, 255, 0], 1, [150]),
        ([0, 0, 255], 1, [29]),
        ([255, 255, 255], 1, [255]),
        ([10, 20, 30], 1, [18]),
        ([90], 3, [90, 90, 90]),
        # alpha over white: 100 · 51/255 + 255 · 204/255 = 20 + 204
        ([100, 51], 1, [224]),
        ([100, 0], 1, [255]),
        ([100, 255], 3, [100, 100, 100]),
        ([100, 150, 200, 51], 3, [224, 234, 244]),
        ([255, 0, 0, 255], 1, [76]),
        ([1, 2, 3, 0], 1, [255]),
    ],
)
def test_channels_by_hand(pixel: list[int], channels: int, expected: list[int]) -> None:
    pixels = np.array(pixel, dtype=np.uint8).reshape(1, 1, -1)
    opacity = Opacity(kind=STRAIGHT, opaque=255) if len(pixel) in (2, 4) else None
    converted = to_channels(pixels, channels, "x", opacity)
    assert converted.dtype == np.uint8
    assert converted.reshape(-1).tolist() == expected


def test_channels_of_other_depths() -> None:
    deep = np.array([[[65535, 0, 0]]], dtype=np.uint16)
    assert to_channels(deep, 1, "x").item() == round(65535 * 0.299)
    half = np.array([[[65535, 32768]]], dtype=np.uint16)
    assert to_channels(half, 1, "x").item() == 65535
    real = np.array([[[0.5, 0.25]]], dtype=np.float32)
    assert to_channels(real, 1, "x").item() == 0.5 * 0.25 + 0.75
    hole = np.array([[[np.nan, 1, 1]]], dtype=np.float32)
    assert np.isnan(to_channels(hole, 1, "x")).all()
    same = zeros(2, 2, 7)
    assert to_channels(same, 7, "x") is same


@pytest.mark.parametrize(("have", "want"), [(5, 1), (5, 3), (3, 2), (1, 4)])
def test_channels_without_a_meaning(have: int, want: int) -> None:
    with pytest.raises(ImageError, match=f"x: it has {have} channels and {want} are needed"):
        to_channels(zeros(2, 2, have), want, "x")


def test_a_plan_applies_depth_channels_and_framing() -> None:
    plan = Plan(channels=1, depth="uint16", framing=Framing(size=(2, 3), mode="crop"))
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    result = plan.apply(image(pixels))
    grey = to_channels(pixels.astype(np.uint16) * 257, 1, "x")
    assert np.array_equal(result, grey[1:3, 1:4])
    assert result.flags.c_contiguous
    assert plan.whole().apply(image(pixels)).shape == (4, 5, 1)


def test_a_framing_that_does_not_fit_names_the_image() -> None:
    plan = Plan(channels=1, depth="uint8", framing=Framing(size=(2, 2), mode="pad"))
    with pytest.raises(ImageError, match=r"some.png: its 3 x 3 pixels cannot be padded to 2 x 2"):
        plan.apply(image(zeros(3, 3, 1)))


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"storage": "ram"}, "unknown storage 'ram'"),
        ({"channels": 2}, "channels must be 1 (grey), 3 (RGB) or None; got 2"),
        ({"channels": True}, "got True"),
        ({"framing": "crop"}, "framing 'crop' needs size=(height, width)"),
        ({"framing": "corp", "size": (4, 4)}, "did you mean 'crop'?"),
        ({"framing": "corp"}, "did you mean 'crop'?"),
        ({"size": (0, 4)}, "size must be (height, width)"),
    ],
)
def test_preparations_that_make_no_sense(wanted: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as caught:
        Preparation(**wanted)
    assert text in str(caught.value)


def test_conversions_are_said_once_each() -> None:
    notes = conversion_notes([("palette expanded to RGB", 12), ("EXIF orientation applied", 1)])
    assert notes == ["1 image: EXIF orientation applied", "12 images: palette expanded to RGB"]


def test_hashes_are_of_shape_depth_and_values() -> None:
    x = np.arange(12, dtype=np.uint8).reshape(2, 3, 2)
    assert image_hash(x) == image_hash(x.copy())
    assert image_hash(x) == image_hash(np.asfortranarray(x))
    others: list[Pixels] = [
        x.reshape(3, 2, 2),
        x.astype(np.uint16),
        x + 1,
        x[::-1],
        x.view(np.int8),
    ]
    assert len({image_hash(x), *(image_hash(other) for other in others)}) == 6
    assert 0 <= image_hash(x) < 2**64


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
@pytest.mark.parametrize("values", [(0.0, 1.0), (0.0, 255.0), (-1.0, 1.0)])
def test_float_images_become_integers_where_their_values_are_known(
    depth: str, values: tuple[float, float]
) -> None:
    low, high = values
    top = np.iinfo(depth).max
    unit = np.array([0, 0.25, 0.5, 1, -0.1, 1.1, np.nan], np.float32)
    pixels = (low + unit * (high - low)).reshape(1, 7, 1).astype(np.float32)
    got = to_depth(image(pixels), depth, values)[0, :, 0]
    # below black is black, above white is white, a missing pixel is the mean of the others
    mean = np.nanmean(unit.astype(np.float64))
    expected = np.array([0, top / 4, top / 2, top, 0, top, mean * top])
    assert got.dtype == np.dtype(depth)
    assert np.abs(got - expected).max() <= 0.51
    back = from_integers(got, values)
    assert back.dtype == np.float32
    assert np.abs(back[:4] - pixels[0, :4, 0]).max() <= 0.51 * (high - low) / top


def test_every_value_of_an_integer_image_comes_back() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    there = from_integers(values, (0.0, 1.0))
    assert np.array_equal(to_depth(image(there), "uint8", (0.0, 1.0)), values)
