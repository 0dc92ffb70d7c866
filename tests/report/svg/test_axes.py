import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.report.svg.axes import linear_axis, log_axis, nice_ticks, tick_labels


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 1.2, [0, 0.25, 0.5, 0.75, 1.0]),
        (-3, 3, [-2, 0, 2]),
        (1e-6, 6e-6, [1e-6, 2e-6, 3e-6, 4e-6, 5e-6, 6e-6]),
    ],
)
def test_nice_ticks_reference(low: Any, high: Any, ticks: Any) -> None:
    assert nice_ticks(low, high) == pytest.approx(ticks)


def test_log_ticks_reference() -> None:
    assert log_axis([0.001, 1]).ticks == (0.001, 0.01, 0.1, 1)
    assert log_axis([0.005, 0.05]).labels == ("0.005", "0.01", "0.02", "0.05")


def test_labels() -> None:
    assert tick_labels((0.0, 0.5, 1.0)) == ("0.0", "0.5", "1.0")
    assert tick_labels((0.0, 2e-5)) == ("0", "2×10⁻⁵")
    assert tick_labels((1e6, 1e7), log=True) == ("10⁶", "10⁷")
    assert tick_labels((2e8, -4e8)) == ("2×10⁸", "−4×10⁸")


_ANY = st.lists(st.floats(), max_size=6)


@given(_ANY, st.booleans(), st.booleans())
def test_linear_axis_holds_every_value(values: Any, widen: Any, whole: Any) -> None:
    axis = linear_axis(values, widen=widen, whole=whole)
    finite = np.clip([v for v in values if math.isfinite(v)], -1e300, 1e300)
    assert axis.low < axis.high
    assert len(axis.labels) == len(axis.ticks) <= 13
    places = axis.place(finite)
    assert ((places >= -1e-6) & (places <= 1 + 1e-6)).all()


@given(_ANY)
def test_log_axis_holds_every_positive_value(values: Any) -> None:
    axis = log_axis(values)
    positive = np.array([v for v in values if math.isfinite(v) and 1e-290 < v < 1e280])
    assert 0 < axis.low < axis.high
    assert len(axis.labels) == len(axis.ticks) <= 40
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)
    places = axis.place(positive)
    assert ((places >= -1e-6) & (places <= 1 + 1e-6)).all()


def test_log_axis_has_no_place_for_zero() -> None:
    assert np.isnan(log_axis([1, 10]).place([0.0, -1.0])).all()
