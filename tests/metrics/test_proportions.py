"""Proportions and the interval of Clopper and Pearson."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from convae.errors import InputError
from convae.metrics.proportions import Proportion, clopper_pearson


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),  # 1 - 0.025 ** (1 / 10)
        (10, 10, 0.6915, 1.0),  # 0.025 ** (1 / 10)
        (1, 1, 0.025, 1.0),
        (5, 10, 0.1871, 0.8129),  # tables of Pearson and Hartley
        (1, 20, 0.0013, 0.2487),  # R: binom.test(1, 20)
        (81, 263, 0.2527, 0.3676),  # Newcombe 1998, table I, method 5
        (15, 148, 0.0578, 0.1617),  # the same
    ],
)
def test_reference_values(hits: int, total: int, low: float, high: float) -> None:
    assert clopper_pearson(hits, total) == pytest.approx((low, high), abs=5e-5)


@given(st.data(), st.integers(1, 400))
def test_the_ends_are_where_so_many_hits_are_a_chance_of_one_in_forty(
    data: st.DataObject, total: int
) -> None:
    hits = data.draw(st.integers(0, total))
    low, high = clopper_pearson(hits, total)
    assert 0 <= low <= hits / total <= high <= 1
    if hits:
        assert binom.sf(hits - 1, total, low) == pytest.approx(0.025, rel=1e-6)
    if hits < total:
        assert binom.cdf(hits, total, high) == pytest.approx(0.025, rel=1e-6)


def test_nothing_has_no_rate() -> None:
    nothing = Proportion(0, 0)
    assert nothing.to_dict() == {"count": 0, "of": 0, "rate": None, "interval": None}
    with pytest.raises(InputError, match=r"hits must lie in 0\.\.2; got 3"):
        Proportion(3, 2)
    with pytest.raises(InputError, match=r"hits must lie in 0\.\.total"):
        clopper_pearson(0, 0)
    with pytest.raises(InputError, match="confidence must lie between 0 and 1"):
        clopper_pearson(0, 1, 1.0)
