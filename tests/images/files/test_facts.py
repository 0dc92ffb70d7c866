"""What follows from pixels and what their file says of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.errors import ImageError
from convae.images.dataset.framing import Framing
from convae.images.dataset.preparation import Plan, to_channels
from convae.images.files.facts import apart_from_nodata, converted, missing_pixels, opacity_of
from convae.images.files.image import Image, ImageInfo
from convae.images.files.metadata import PREMULTIPLIED, STRAIGHT, UNUSED, Opacity

DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16",
          "float32", "float64")  # fmt: skip
WHOLE = Framing(size=None, mode="resize")


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_conversion_says_what_it_did_and_keeps_what_is_read_as_it_is(dtype: str) -> None:
    pixels = np.ones((2, 3, 1), dtype)
    made, notes = converted(pixels, dtype)
    as_it_is = dtype in ("uint8", "uint16", "float32")
    assert (made is pixels) == as_it_is == (notes == [])
    assert made.dtype in (np.uint8, np.uint16, np.float32)
    assert (made == (255 if dtype == "bool" else 1)).all()


@pytest.mark.parametrize(
    ("dtype", "largest", "exact", "opaque"),
    [
        ("uint8", 100, False, 255),  # eight bits are always full
        ("uint16", 4095, False, 4095),  # 12 bits
        ("uint16", 3000, False, 4095),
        ("uint16", 4096, False, 8191),  # 13 bits
        ("uint16", 200, False, 255),
        ("uint16", 65535, False, 65535),
        ("uint16", 200, True, 65535),  # PNG: always all bits
        ("float32", 1.0, False, 1),
        ("float32", 0.25, False, 1),
        ("float32", 255.0, False, 255),
        ("float32", 65535.0, False, 65535),
        ("bool", 1, False, 1),
    ],
)
def test_opaque_is_the_maximum_in_use(
    dtype: str, largest: float, exact: bool, opaque: float
) -> None:
    pixels = np.zeros((2, 2, 4), dtype)
    pixels[0, 0, 3] = largest
    found = opacity_of(pixels, STRAIGHT, exact=exact)
    assert found == Opacity(kind=STRAIGHT, opaque=opaque)


@given(
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    colours=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_what_is_opaque_stays_as_it_is_over_white(dtype: str, colours: int, seed: int) -> None:
    """Opacity at its maximum: alpha / opaque = 1, so colour * 1 + white * 0 = colour."""
    rng = np.random.default_rng(seed)
    top = {"uint8": 255, "uint16": int(rng.choice([1023, 4095, 65535])), "float32": 1.0}[dtype]
    plain = (rng.uniform(0, 1, (4, 5, colours)) * top).astype(dtype)
    both = np.concatenate([plain, np.full((4, 5, 1), top, dtype)], axis=2)
    both[0, 0, 0] = top  # that so many bits are in use can be seen
    opacity = opacity_of(both, STRAIGHT)
    assert np.array_equal(to_channels(both, colours, "a", opacity), both[..., :colours])


def test_opacity_that_hides_everything_hides_nothing() -> None:
    pixels = np.dstack([np.full((2, 2, 3), 77, np.uint8), np.zeros((2, 2, 1), np.uint8)])
    opacity = opacity_of(pixels, STRAIGHT)
    assert opacity is not None
    assert opacity.kind == UNUSED
    assert (to_channels(pixels, 3, "a", opacity) == 77).all()


def test_premultiplied_colours_are_not_multiplied_again() -> None:
    """Half opaque over white: 64 of stored colour + 255 * (1 - 128/255) = 64 + 127 = 191."""
    pixels = np.dstack([np.full((1, 1, 3), 64, np.uint8), np.full((1, 1, 1), 128, np.uint8)])
    made = to_channels(pixels, 3, "a", Opacity(kind=PREMULTIPLIED, opaque=255))
    assert made.tolist() == [[[191, 191, 191]]]
    straight = to_channels(pixels, 3, "a", Opacity(kind=STRAIGHT, opaque=255))
    # 64 * 128/255 + 127 = 32.1 + 127 = 159
    assert straight.tolist() == [[[159, 159, 159]]]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("have", [2, 4])
@pytest.mark.parametrize("format", ["TIFF", "array"])
def test_bands_are_never_taken_for_opacity(have: int, channels: int, format: str) -> None:
    plan = Plan(channels=channels, depth="uint16", framing=WHOLE)
    image = Image(np.ones((2, 2, have), np.uint16), ImageInfo(name="a.tif", format=format))
    with pytest.raises(ImageError, match=r"does not say that the last one is opacity: select"):
        plan.apply(image)


def test_opacity_of_8_bits_keeps_its_meaning_among_16_bit_images() -> None:
    plan = Plan(channels=1, depth="uint16", framing=WHOLE)
    info = ImageInfo(name="a", opacity=Opacity(kind=STRAIGHT, opaque=255))
    pixels = np.array([[[100, 255]]], np.uint8)
    assert plan.apply(Image(pixels, info)).tolist() == [[[100 * 257]]]


@given(
    dtype=st.sampled_from(["uint8", "uint16", "int16", "int32", "float32", "float64"]),
    bands=st.integers(1, 5),
    nodata=st.sampled_from([0, 255, 7]),
    seed=st.integers(0, 99),
)
def test_a_pixel_is_missing_where_all_its_bands_are(
    dtype: str, bands: int, nodata: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (5, 6, bands)).astype(dtype)
    pixels[1, 2] = nodata
    holes, _ = missing_pixels(pixels, float(nodata), None, False)
    assert holes is not None
    assert np.array_equal(holes, (pixels == nodata).all(axis=2))
    assert holes[1, 2]


def test_a_red_roof_is_not_missing_where_black_is() -> None:
    pixels = np.array([[[230, 0, 0], [0, 0, 0], [0, 0, 1]]], np.uint8)
    holes, values = missing_pixels(pixels, 0.0, None, False)
    assert holes is not None
    assert holes.tolist() == [[False, True, False]]
    assert values is None


def test_opacity_is_no_colour_that_could_be_known() -> None:
    pixels = np.array([[[0, 0, 0, 255], [9, 0, 0, 255]]], np.uint8)
    holes, _ = missing_pixels(pixels, 0.0, None, True)
    assert holes is not None
    assert holes.tolist() == [[True, False]]


def test_one_band_has_no_value_where_its_nodata_can_be_none() -> None:
    pixels = np.array([[[-9999.0, 5.0], [100.0, 2000.0]]])
    holes, values = missing_pixels(pixels, -9999.0, None, False)
    assert holes is not None
    assert values is not None
    assert not holes.any()
    assert values.tolist() == [[[True, False], [False, False]]]


def test_the_mask_of_a_file_and_its_nodata_both_count() -> None:
    pixels = np.array([[[0], [5], [6]]], np.uint8)
    valid = np.array([[True, True, False]])
    assert missing_pixels(pixels, None, None, False) == (None, None)
    holes, _ = missing_pixels(pixels, 0.0, valid, False)
    assert holes is not None
    assert holes.tolist() == [[True, False, True]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_missing_pixels_of_integers_are_shown_as_the_mean_of_the_others(dtype: str) -> None:
    """(10 + 30) / 2 = 20; the missing value, 0, has no part in it."""
    pixels = np.array([[[10], [30], [0]]], dtype)
    image = Image(pixels, ImageInfo(name="a", nodata=0.0), holes=np.array([[False, False, True]]))
    plan = Plan(channels=1, depth=dtype, framing=WHOLE)
    assert plan.apply(image)[..., 0].tolist() == [[10, 30, 20]]
    assert pixels[0, 2, 0] == 0  # what was read is left alone


def test_an_image_of_missing_pixels_alone_is_refused() -> None:
    image = Image(np.zeros((1, 2, 1), np.uint8), ImageInfo(name="a"), holes=np.ones((1, 2), bool))
    with pytest.raises(ImageError, match="every pixel is missing"):
        Plan(channels=1, depth="uint8", framing=WHOLE).apply(image)


@given(
    dtype=st.sampled_from(["uint8", "int16", "uint16", "int32", "float32", "float64"]),
    channels=st.integers(1, 4),
    opacity=st.booleans(),
    nodata=st.sampled_from([0.0, 1.0, 7.0, 127.0, -3.0, 255.0, -9999.0]),
    seed=st.integers(0, 99),
)
def test_no_computed_pixel_comes_to_stand_for_a_missing_one(
    dtype: str, channels: int, opacity: bool, nodata: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    low, high = (0.0, 255.0) if kind.kind == "u" else (-9999.0, 255.0)
    pixels = np.full((4, 5, channels), min(max(nodata, low), high)).astype(kind)
    pixels[rng.random((4, 5)) < 0.3, 0] = 11
    missing = rng.random((4, 5)) < 0.4
    last = Opacity(kind=STRAIGHT, opaque=255.0) if opacity and channels > 1 else None
    info = ImageInfo(name="x", depth=dtype, nodata=nodata, opacity=last)
    done = apart_from_nodata(pixels, info, missing)
    taken, _ = missing_pixels(done, nodata, None, last is not None)
    assert taken is not None
    assert not (taken & ~missing).any()
    assert np.array_equal(done[missing], pixels[missing])
    changed = (done != pixels).any(axis=2)
    nearest = np.abs(done.astype(float) - pixels.astype(float))
    assert (nearest[changed] <= max(1.0, 2e-5 * abs(nodata))).all()
    before, _ = missing_pixels(pixels, nodata, None, last is not None)
    assert before is not None
    assert np.array_equal(changed, before & ~missing)


@pytest.mark.parametrize("info", [ImageInfo(name="x"), ImageInfo(name="x", nodata=float("nan"))])
def test_without_a_missing_value_nothing_is_moved(info: ImageInfo) -> None:
    pixels = np.zeros((2, 2, 1), np.float32)
    assert apart_from_nodata(pixels, info) is pixels


def test_the_largest_value_steps_down() -> None:
    """255 of 8 bits, and the maximum that the file gives."""
    full = np.full((1, 1, 1), 255, np.uint8)
    assert apart_from_nodata(full, ImageInfo(name="x", nodata=255)).item() == 254
    most = np.full((1, 1, 1), 4095, np.uint16)
    assert apart_from_nodata(most, ImageInfo(name="x", nodata=4095, top=4095)).item() == 4094
