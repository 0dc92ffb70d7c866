"""Scaling: what is stored comes back as it was, and the fitted range is the right one."""

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convae.errors import InputError
from convae.images.dataset import scaling as module
from convae.images.dataset.scaling import Scaling, fit_scaling

Array = np.ndarray[Any, np.dtype[Any]]


def every_value(dtype: str) -> Array:
    return np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(1, 1, 1, -1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@given(data=st.data())
def test_every_integer_comes_back(dtype: str, data: st.DataObject) -> None:
    most = np.iinfo(dtype).max
    low = data.draw(st.floats(0, most - 1))
    high = data.draw(st.floats(low + 1, most))
    scaling = Scaling((low,), (high,), dtype)
    values = every_value(dtype)
    back = scaling.invert(scaling.apply(values))
    assert back.dtype == values.dtype
    assert np.array_equal(back, values)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("method", module.METHODS)
@given(data=st.data())
def test_every_integer_comes_back_whatever_it_was_fitted_on(
    dtype: str, method: str, data: st.DataObject
) -> None:
    images = data.draw(hnp.arrays(dtype, (2, 3, 2, 2)))
    scaling = Scaling.fit([images[:1], images[1:]], dtype, method)
    values = np.broadcast_to(every_value(dtype), (1, 3, 1, np.iinfo(dtype).max + 1))
    assert np.array_equal(scaling.invert(scaling.apply(values)), values)


@given(hnp.arrays(np.float32, (3, 2, 2), elements=st.floats(-1e6, 1e6, width=32)))
def test_floats_come_back_nearly(values: Array) -> None:
    scaling = Scaling.fit([values[None]], "float32", "minmax")
    back = scaling.invert(scaling.apply(values))
    assert back.dtype == np.float32
    assert np.allclose(back, values, rtol=1e-5, atol=1e-6 * (1 + np.abs(values).max()))


def test_apply_is_linear_per_channel_and_clips_nothing() -> None:
    scaling = Scaling((0.0, 10.0), (100.0, 20.0), "uint16")
    pixels = np.array([[[50, 200]], [[5, 40]]], dtype=np.uint16)
    assert scaling.apply(pixels).tolist() == [[[0.5, 2.0]], [[-0.5, 3.0]]]
    assert scaling.apply(pixels[None]).shape == (1, 2, 1, 2)


def test_invert_rounds_half_to_even_and_clips_integers() -> None:
    scaling = Scaling((0.0,), (1.0,), "uint8")
    scaled = np.array([[[0.5, 1.5, 2.5, -3.0, 300.0, math.inf, -math.inf, math.nan]]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scaling.invert(scaled).tolist() == [[[0, 2, 2, 0, 255, 255, 0, 0]]]


def test_floats_are_neither_rounded_nor_clipped() -> None:
    scaling = Scaling((0.0,), (2.0,), "float32")
    assert scaling.invert(np.full((1, 1, 1), 0.6, np.float32)).item() == pytest.approx(1.2)
    assert scaling.invert(np.full((1, 1, 1), 9.0, np.float32)).item() == 18


def test_missing_pixels_stay_missing() -> None:
    scaling = Scaling((0.0,), (2.0,), "float32")
    pixels = np.array([[[1.0, math.nan]]], np.float32)
    assert np.isnan(scaling.invert(scaling.apply(pixels))).tolist() == [[[False, True]]]


def test_apply_leaves_its_argument_alone() -> None:
    pixels = np.full((1, 1, 2, 2), 7, np.float32)
    Scaling((1.0,), (2.0,), "float32").apply(pixels)
    assert (pixels == 7).all()


def test_limits_are_those_of_the_dtype() -> None:
    assert Scaling((0.0,), (255.0,), "uint8").limits() == ((0.0,), (1.0,))
    assert Scaling((0.0, 5.0), (51.0, 55.0), "uint8").limits() == ((0.0, -0.1), (5.0, 5.0))
    assert Scaling((0.0,), (1.0,), "float32").limits() == ((-math.inf,), (math.inf,))


def test_eight_bits_are_always_0_to_255_and_nothing_is_read() -> None:
    for method in ("auto", "dtype"):
        assert Scaling.fit(iter(()), "uint8", method) == Scaling((0.0,), (255.0,), "uint8")
    assert Scaling.fit(iter(()), "uint16", "dtype") == Scaling((0.0,), (65535.0,), "uint16")
    assert Scaling.fit(iter(()), "float32", "dtype") == Scaling((0.0,), (1.0,), "float32")


def test_unit_floats_are_left_as_they_are() -> None:
    images = np.random.default_rng(0).random((3, 2, 5, 5), dtype=np.float32)
    images[0, 0, 0, 0] = math.nan
    assert Scaling.fit([images], "float32") == Scaling((0.0,), (1.0,), "float32")


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_hot_pixels_do_not_set_the_range(dtype: str) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(1000, 2000, (4, 2, 100, 100)).astype(dtype)
    images[:, 1] += 5000
    images[0, :, 0, :3] = 60000
    scaling = Scaling.fit([images[:2], images[2:]], dtype)
    assert scaling.low == pytest.approx((1001, 6001), abs=2)
    assert scaling.high == pytest.approx((1998, 6998), abs=2)
    assert Scaling.fit([images], dtype, "minmax").high == (60000, 60000)


@given(hnp.arrays(np.uint16, (1, 1, 40, 60)))
def test_quantiles_of_uint16_are_exact(images: Array) -> None:
    scaling = Scaling.fit([images], "uint16")
    low, high = np.quantile(images, module.QUANTILES, method="inverted_cdf")
    if low < high:
        assert (scaling.low, scaling.high) == ((low,), (high,))


def test_a_sample_has_the_quantiles_and_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_VALUES", 1 << 14)
    rng = np.random.default_rng(1)
    # The columns differ, so that a sample with a fixed stride would go wrong.
    images = (rng.random((60, 1, 64, 64)) + 10 * np.arange(64)).astype(np.float32)
    scaling = Scaling.fit([images], "float32")
    low, high = np.quantile(images, module.QUANTILES)
    assert scaling.low[0] == pytest.approx(low, abs=0.2)
    assert scaling.high[0] == pytest.approx(high, abs=0.2)
    parts = [images[i : i + 7] for i in range(0, 60, 7)]
    assert Scaling.fit(parts, "float32") == scaling
    sample = module._Sample(1, 1 << 14)
    for image in images:
        sample.add(image)
    assert 1 << 12 < sample._size <= 1 << 14
    assert np.median(sample._values[0, : sample._size]) == pytest.approx(np.median(images), abs=10)


def test_an_image_larger_than_the_sample_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_VALUES", 1)
    image = np.linspace(-5, 5, 500 * 500, dtype=np.float32).reshape(1, 1, 500, 500)
    scaling = Scaling.fit([image], "float32")
    assert scaling.low[0] == pytest.approx(-4.99, abs=0.02)
    assert scaling.high[0] == pytest.approx(4.99, abs=0.02)


@pytest.mark.parametrize("method", ["auto", "minmax"])
@pytest.mark.parametrize("value", [-7.0, 0.0, 3.0, 1e10, 3e38, -3e38])
def test_constant_images_do_not_divide_by_zero(method: str, value: float) -> None:
    images = np.full((2, 1, 4, 4), value, np.float32)
    scaled = Scaling.fit([images], "float32", method).apply(images)
    assert np.isfinite(scaled).all()
    if abs(value) < 1e38 and not (method == "auto" and 0 <= value <= 1):
        assert (scaled == 0).all()


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_a_sparse_image_is_scaled_by_its_extremes(dtype: str) -> None:
    images = np.full((1, 1, 200, 200), 5, dtype)
    images[0, 0, 3, 3] = 900
    assert Scaling.fit([images], dtype) == Scaling((5.0,), (900.0,), dtype)


def test_infinite_and_missing_values_do_not_set_the_range() -> None:
    images = np.array([math.inf, -math.inf, math.nan, 2, 4], np.float32).reshape(1, 1, 1, 5)
    assert Scaling.fit([images], "float32", "minmax") == Scaling((2.0,), (4.0,), "float32")
    empty = np.full((1, 2, 3, 3), math.nan, np.float32)
    assert Scaling.fit([empty], "float32", "minmax") == Scaling((0, 0), (1, 1), "float32")
    assert Scaling.fit([empty], "float32").high == (1.0,)


def test_the_whole_range_of_float32_does_not_overflow() -> None:
    images = np.array([-3.4e38, 3.4e38], np.float32).reshape(1, 1, 1, 2)
    scaling = Scaling.fit([images], "float32", "minmax")
    assert np.isfinite(scaling.high[0] - scaling.low[0])
    scaling.apply(images)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4),
    st.floats(1, 1e6),
    st.sampled_from(sorted(module.DTYPE_RANGES)),
)
def test_a_scaling_survives_json(low: list[float], span: float, dtype: str) -> None:
    scaling = Scaling(tuple(low), tuple(value + span for value in low), dtype)
    assert Scaling.from_dict(json.loads(json.dumps(scaling.to_dict()))) == scaling


GOOD: dict[str, object] = {"low": [0.0], "high": [1.0], "dtype": "uint8"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "must be a table with the keys dtype, high, low"),
        ([], "must be a table"),
        ({}, "must be a table"),
        ({**GOOD, "more": 1}, "must be a table"),
        ({**GOOD, "dtype": "int64"}, "dtype must be one of uint8, uint16, float32, got 'int64'"),
        ({**GOOD, "dtype": ["uint8"]}, "dtype must be one of"),
        ({**GOOD, "low": []}, "as many values as there are channels"),
        ({**GOOD, "low": [0.0, 0.0]}, "got 2 and 1"),
        ({**GOOD, "low": ["0"]}, "must be finite numbers"),
        ({**GOOD, "low": [True]}, "must be finite numbers"),
        ({**GOOD, "low": [[0]]}, "must be finite numbers"),
        ({**GOOD, "low": None}, "must be finite numbers"),
        ({**GOOD, "low": [math.nan]}, "must be finite numbers"),
        ({**GOOD, "high": [math.inf]}, "must be finite numbers"),
        ({**GOOD, "high": [10**400]}, "must be finite numbers"),
        ({**GOOD, "high": [0.0]}, "high must be above low, got 0.0 and 0.0 (channel 0)"),
        ({**GOOD, "low": [1e10], "high": [1e10 + 1]}, "high must be above low"),
    ],
)
def test_hostile_descriptions_are_refused(values: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Scaling.from_dict(values)
    assert message in str(caught.value)


def test_all_faults_are_told_together() -> None:
    with pytest.raises(InputError, match=r"\(1\) dtype must be .*; \(2\) high must be above low"):
        Scaling((1.0,), (0.0,), "int8")


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(InputError, match="unknown scaling 'min-max': did you mean 'minmax'"):
        Scaling.fit([], "uint8", "min-max")
    with pytest.raises(InputError, match="unknown pixel dtype 'uint61': did you mean 'uint16'"):
        Scaling.fit([], "uint61")
    with pytest.raises(InputError, match="no images"):
        Scaling.fit([], "uint16")
    with pytest.raises(InputError, match=r"batches must be uint16 of the shape \(n, C, H, W\)"):
        Scaling.fit([np.zeros((2, 2), np.uint16)], "uint16")
    with pytest.raises(InputError, match=r"shape \(n, 1, H, W\), got uint16 of \(1, 2, 3, 3\)"):
        Scaling.fit([np.zeros((1, c, 3, 3), np.uint16) for c in (1, 2)], "uint16")


def test_channels_must_agree() -> None:
    scaling = Scaling((0.0, 0.0), (1.0, 1.0), "uint8")
    with pytest.raises(InputError, match=r"for 2 channels, the images have the shape \(3, 4, 4\)"):
        scaling.apply(np.zeros((3, 4, 4), np.uint8))


@given(
    hnp.arrays(np.uint16, (2, 1, 16, 16), elements=st.integers(900, 1100)),
    st.integers(0, 65535),
)
def test_what_lies_outside_of_the_range_is_told_in_widths_of_it(images: Array, bright: int) -> None:
    images = images.copy()
    images[0, 0, 3, 4] = bright
    found = fit_scaling([images], "uint16")
    low, high = found.scaling.low[0], found.scaling.high[0]
    values = images.astype(float)
    assert found.beyond[0] == pytest.approx(
        max(0.0, values.max() - high, low - values.min()) / (high - low)
    )
    assert found.farthest[0] in (values.max(), values.min())
    assert found.most == ((low, high),)
    whole = fit_scaling(
        [images], "uint16", "minmax"
    )  # what lies far from most is told all the same
    assert whole[1:] == found[1:]
    ends = (images.min(), images.max()) if images.min() < images.max() else (low, high)
    assert (whole.scaling.low[0], whole.scaling.high[0]) == ends
    assert fit_scaling(iter(()), "uint8").beyond == ()
