"""Framing: the size wanted, the dtype kept, the range never left, and the way back."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.errors import InputError
from convae.images.dataset.framing import MODES, Framing, resize

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES = ("uint8", "uint16", "float32")


def image(height: int, width: int, channels: int = 1, dtype: str = "uint8") -> Array:
    rng = np.random.default_rng(0)
    most = 1 if dtype == "float32" else np.iinfo(dtype).max
    return (rng.random((height, width, channels)) * most).astype(dtype)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_size_channels_and_dtype(mode: str, dtype: str, channels: int) -> None:
    framing = Framing(size=(16, 24), mode=mode)
    for height, width in [(16, 24), (7, 9), (1, 1), (16, 3), (40, 50), (5, 99)]:
        if framing.fault(height, width):
            continue
        pixels = image(height, width, channels, dtype)
        framed = framing.apply(pixels, (1, 2, 3))
        assert framed.shape == (16, 24, channels)
        assert framed.dtype == pixels.dtype
        assert framed.flags.c_contiguous


@settings(deadline=None)
@given(
    st.tuples(*[st.integers(1, 30)] * 4),
    st.sampled_from(DTYPES),
    st.sampled_from(MODES),
    st.integers(0, 9),
)
def test_no_value_leaves_the_range_of_its_channel(
    sides: tuple[int, int, int, int], dtype: str, mode: str, seed: int
) -> None:
    framing = Framing(size=sides[:2], mode=mode)
    if framing.fault(*sides[2:]):
        return
    pixels = image(*sides[2:], channels=2, dtype=dtype)
    framed = framing.apply(pixels, (seed, 0, 0))
    for channel in range(2):
        assert framed[..., channel].min() >= pixels[..., channel].min()
        assert framed[..., channel].max() <= pixels[..., channel].max()


@pytest.mark.parametrize(("dtype", "value"), [("uint16", 65535), ("uint8", 255), ("float32", 0.1)])
@pytest.mark.parametrize("size", [(3, 5), (64, 100)])
def test_a_flat_image_stays_flat(dtype: str, value: float, size: tuple[int, int]) -> None:
    pixels = np.full((17, 23, 5), value, dtype)
    assert np.array_equal(resize(pixels, size), np.full((*size, 5), value, dtype))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [(7, 50), (33, 12), (90, 70), (41, 9), (1, 1)])
def test_eight_bits_are_within_a_grey_level_of_floats(channels: int, size: tuple[int, int]) -> None:
    """Rounded after each of two directions, by half a level at most each time, with rounded weights."""
    pixels = image(41, 37, channels)
    exact = resize(pixels.astype(np.float32), size)
    resized = resize(pixels, size)
    assert resized.shape == (*size, channels)
    assert np.abs(resized - exact).max() <= 1.05


def test_sixteen_bits_stay_sixteen_bits() -> None:
    ramp = np.linspace(0, 65535, 512).astype(np.uint16).reshape(1, 512, 1)
    small = resize(ramp, (1, 256))
    assert len(np.unique(small)) == 256
    pairs = ramp.reshape(256, 2).mean(axis=1)
    assert np.abs(small.ravel()[1:-1] - pairs[1:-1]).max() <= 1


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, (16, 16)).astype(int)
    assert abs(small - 127.5).max() < 20


def test_alpha_is_a_channel_like_others() -> None:
    pixels = image(20, 20, 4)
    pixels[..., 3] = 0
    framed = resize(pixels, (10, 10))
    assert np.array_equal(framed[..., :3], resize(np.ascontiguousarray(pixels[..., :3]), (10, 10)))
    assert (framed[..., 3] == 0).all()


def test_missing_pixels_stay_local() -> None:
    pixels = image(40, 40, 1, "float32")
    pixels[0, 0] = math.nan
    missing = np.isnan(resize(pixels, (10, 10)))
    assert missing[0, 0, 0]
    assert not missing[3:, 3:].any()
    assert np.isnan(resize(np.full((4, 4, 1), math.nan, np.float32), (2, 2))).all()


def test_crop_takes_the_centre_and_pads_a_short_side() -> None:
    pixels = np.arange(7 * 3, dtype=np.uint8).reshape(7, 3, 1)
    framed = Framing(size=(3, 6), mode="crop").apply(pixels)
    assert framed[..., 0].tolist() == [
        [6, 6, 7, 8, 8, 8],
        [9, 9, 10, 11, 11, 11],
        [12, 12, 13, 14, 14, 14],
    ]


def test_a_long_thin_image_is_cropped_before_it_is_padded() -> None:
    pixels = np.broadcast_to(np.uint8(7), (10**8, 1, 1))
    assert (Framing(size=(256, 256), mode="crop").apply(pixels) == 7).all()


def test_pad_repeats_the_edge() -> None:
    pixels = np.array([[[1], [2]]], np.uint16)
    framed = Framing(size=(2, 5), mode="pad").apply(pixels)
    assert framed[..., 0].tolist() == [[1, 1, 2, 2, 2], [1, 1, 2, 2, 2]]


def test_a_larger_image_is_not_padded() -> None:
    framing = Framing(size=(8, 8), mode="pad")
    message = "its 9 x 4 pixels cannot be padded to 8 x 8: choose a larger size"
    assert str(framing.fault(9, 4)).startswith(message)
    with pytest.raises(InputError, match=message):
        framing.apply(image(9, 4))
    assert framing.fault(8, 8) is None
    assert Framing(size=(8, 8)).fault(9, 4) is None


def test_a_random_crop_is_a_function_of_its_key() -> None:
    pixels = np.arange(100 * 100, dtype=np.uint16).reshape(100, 100, 1)
    framing = Framing(size=(10, 10), mode="random-crop")
    corners = {}
    for key in [(s, e, i) for s in range(3) for e in range(3) for i in range(20)]:
        framed = framing.apply(pixels, key)
        assert np.array_equal(framed, framing.apply(pixels, key))
        top, left = divmod(int(framed[0, 0, 0]), 100)
        assert np.array_equal(framed, pixels[top : top + 10, left : left + 10])
        corners[key] = (top, left)
    assert len(set(corners.values())) > 170
    # The place is fixed for ever: a resumed run must meet the same crops.
    assert corners[0, 0, 0] == (66, 79)


def test_a_random_crop_reaches_every_place() -> None:
    pixels = np.arange(3 * 4, dtype=np.uint8).reshape(3, 4, 1)
    framing = Framing(size=(2, 2), mode="random-crop")
    corners = {int(framing.apply(pixels, (0, 0, i))[0, 0, 0]) for i in range(200)}
    assert corners == {0, 1, 2, 4, 5, 6}


def test_a_random_crop_without_a_key_is_the_centre() -> None:
    pixels = image(31, 45, 3)
    centre = Framing(size=(8, 12), mode="crop").apply(pixels)
    assert np.array_equal(Framing(size=(8, 12), mode="random-crop").apply(pixels), centre)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("original", [(5, 6), (8, 3), (1, 1), (8, 8)])
def test_padding_is_undone_exactly(dtype: str, original: tuple[int, int]) -> None:
    pixels = image(*original, channels=2, dtype=dtype)
    framing = Framing(size=(8, 8), mode="pad")
    assert np.array_equal(framing.undo(framing.apply(pixels), original), pixels)


def test_resizing_is_undone_nearly() -> None:
    rows, columns = np.mgrid[0:40, 0:60]
    pixels = (1000 * rows + 100 * columns).astype(np.uint16)[..., None]
    framing = Framing(size=(80, 90))
    back = framing.undo(framing.apply(pixels), (40, 60))
    assert back.shape == pixels.shape
    inner = np.s_[2:-2, 2:-2]
    assert np.abs(back[inner].astype(float) - pixels[inner]).max() < 30


@pytest.mark.parametrize("mode", ["crop", "random-crop"])
def test_a_crop_comes_back_as_it_is_without_its_padding(mode: str) -> None:
    pixels = image(20, 5, 3)
    framing = Framing(size=(8, 8), mode=mode)
    framed = framing.apply(pixels)
    back = framing.undo(framed, (20, 5))
    assert np.array_equal(back, pixels[6:14])
    assert np.array_equal(framing.undo(framing.apply(pixels[:8]), (8, 5)), pixels[:8])
    assert np.array_equal(framing.undo(image(8, 8), (30, 30)), image(8, 8))


def test_no_size_changes_nothing() -> None:
    pixels = image(5, 6)
    assert Framing().apply(pixels) is pixels
    assert Framing().undo(pixels, (5, 6)) is pixels
    assert Framing().fault(10**9, 1) is None


def test_a_size_from_a_file_is_a_tuple() -> None:
    size: Any = [4, 5]
    assert Framing(size=size) == Framing(size=(4, 5))
    assert hash(Framing(size=size))


@pytest.mark.parametrize(
    "size", [(0, 4), (4,), (4, 4, 3), (4.0, 4), (True, 4), 28, "28", (1, 70000)]
)
def test_a_size_that_is_none_is_refused(size: Any) -> None:
    with pytest.raises(InputError, match=r"framing: size must be \(height, width\), whole numbers"):
        Framing(size=size)


def test_faults_are_told_together() -> None:
    size: Any = (0, 0)
    with pytest.raises(InputError) as caught:
        Framing(size=size, mode="centre-crop")
    assert "(1) unknown mode 'centre-crop': did you mean" in str(caught.value)
    assert "(2) size must be" in str(caught.value)
    with pytest.raises(InputError, match="framing: mode crop needs a size"):
        Framing(mode="crop")
