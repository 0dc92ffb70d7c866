"""Values too far from the others to compute with: which images are left out, which are refused, and how."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.errors import ImageError
from convae.images.dataset.reach import (
    BEYOND,
    FARTHEST,
    MANY,
    beyond_note,
    extremes_of,
    is_beyond,
    is_far,
    not_finite_reason,
    refuse_far,
    strays,
    takes_over,
    typical_of,
)
from convae.images.dataset.scaling import Scaling

UNIT = Scaling((0.0,), (1.0,), "float32")


def test_extremes_are_of_each_channel_and_of_finite_values_only() -> None:
    pixels = np.zeros((2, 2, 3), np.float32)
    pixels[..., 0] = np.array([[1, 2], [np.nan, -3]])
    pixels[..., 1] = np.array([[np.inf, 5], [6, -np.inf]])
    pixels[..., 2] = np.nan
    assert extremes_of(pixels).tolist() == [[-3, 2], [5, 6], [0, 0]]
    for dtype in ("uint8", "uint16"):  # which hold no infinite start
        whole = np.array([[[7, 0], [3, 200]]], dtype)
        assert extremes_of(whole).tolist() == [[3, 7], [0, 200]]


@pytest.mark.parametrize("value", [-3.4028235e38, 1e30, 1e7, -1e7])
def test_a_value_far_outside_is_refused_with_both_ranges(value: float) -> None:
    pixels = np.full((3, 3, 1), 0.5, np.float32)
    pixels[1, 1] = value
    with pytest.raises(
        ImageError, match=r"^a.tif: its values reach from .*fitted on \(0 to 1\)"
    ) as e:
        refuse_far(pixels, UNIT, "a.tif")
    assert f"{np.float32(value):g}" in str(e.value)
    assert "NaN or nodata" in str(e.value)


@given(st.floats(-50, 50), st.floats(0.1, 100), st.floats(0, 1), st.booleans())
def test_an_image_on_another_scale_is_one_of_which_much_lies_outside(
    low: float, width: float, part: float, above: bool
) -> None:
    scaling = Scaling((low,), (low + width,), "float32")
    pixels = np.full((20, 20, 1), low + width / 2, np.float32)
    count = round(part * 400)
    edge = low + width + BEYOND * width if above else low - BEYOND * width
    pixels.reshape(-1)[:count] = edge + (0.5 if above else -0.5) * width
    assert is_beyond(pixels, scaling) == (count / 400 > MANY)
    pixels.reshape(-1)[:count] = edge + (-0.01 if above else 0.01) * width
    assert not is_beyond(pixels, scaling)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_integers_scaled_by_their_dtype_are_never_beyond(dtype: str) -> None:
    most = np.iinfo(dtype).max
    assert not is_beyond(np.full((2, 2, 1), most, dtype), Scaling((0.0,), (float(most),), dtype))
    assert is_beyond(np.full((2, 2, 1), most, dtype), Scaling((0.0,), (most / 3,), dtype))


def test_the_note_names_the_range() -> None:
    assert beyond_note(["a.tif", "b.tif", "c.tif"], UNIT).startswith(
        "a.tif and 2 more: much of it lies outside of the values that the model was fitted on (0 to 1)"
    )


@pytest.mark.parametrize("value", [0.0, 1e5, -1e5, FARTHEST, np.nan, np.inf, -np.inf])
def test_values_within_reach_and_missing_ones_are_taken(value: float) -> None:
    pixels = np.full((3, 3, 1), 0.5, np.float32)
    pixels[1, 1] = value
    refuse_far(pixels, UNIT, "a.tif")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_integers_are_never_far(dtype: str) -> None:
    most = np.iinfo(dtype).max
    narrow = Scaling((0.0,), (0.001,), "uint16") if dtype == "uint16" else UNIT
    refuse_far(np.full((2, 2, 1), most, dtype), narrow, "a.png")


def test_reach_is_counted_in_the_range_of_each_channel() -> None:
    scaling = Scaling((0.0, 0.0), (1e-3, 1e6), "float32")
    near = np.array([[0.0, 1e-3], [0.0, 1e10]])
    far = np.array([[0.0, 1e5], [0.0, 1.0]])
    assert is_far(np.stack([near, far]), scaling).tolist() == [False, True]


@given(
    st.lists(st.floats(0.5, 2), min_size=3, max_size=30),
    st.floats(1e7, 3e38) | st.floats(-3e38, -1e7),
    st.floats(1e-20, 1e20),
    st.data(),
)
def test_one_image_of_another_size_is_found_in_any_unit(
    values: list[float], value: float, unit: float, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    sizes = np.array(values) * unit
    sizes[place] = value * unit
    extremes = np.stack([np.minimum(sizes, 0), np.maximum(sizes, 0)], axis=1)[:, None]
    assert strays(extremes).tolist() == [place]


def test_many_of_another_size_are_not_strays() -> None:
    extremes = np.zeros((20, 1, 2))
    extremes[:, 0, 1] = [1.0] * 15 + [1e30] * 5
    assert strays(extremes).tolist() == []


def test_blank_images_do_not_make_others_strays() -> None:
    extremes = np.zeros((9, 1, 2))
    extremes[4:, 0, 1] = 1e30
    assert strays(extremes).tolist() == []
    assert strays(np.zeros((0, 0, 2))).tolist() == []


def test_the_reason_of_a_result_names_the_values() -> None:
    reason = not_finite_reason(np.full((2, 2, 1), 700.0, np.float32))
    assert "from 700 to 700" in reason
    assert "not finite" in reason


def test_typical_values_leave_zeros_and_missing_ones_out() -> None:
    pixels = np.zeros((2, 3, 2), np.float32)
    pixels[0, :, 0] = np.array([1, -2, 1e30])
    pixels[1, :2, 0] = np.array([np.nan, np.inf])
    assert typical_of(pixels)[0] == 2
    assert np.isnan(typical_of(pixels)[1])


def test_far_values_that_made_the_range_are_found() -> None:
    extremes = np.zeros((4, 1, 2))
    extremes[:, 0, 1] = [1e30, 1, 1e30, 1]
    typical = np.full((4, 1), 0.5)
    assert takes_over(extremes, typical, Scaling((0.0,), (1e30,), "float32")).tolist() == [0, 2]
    assert takes_over(extremes, typical, UNIT).tolist() == []
    tiny = np.full((4, 1), 1e-9)  # all in a corner of the range, and none is far from the others
    assert takes_over(tiny[..., None] * [0, 2], tiny, UNIT).tolist() == []
