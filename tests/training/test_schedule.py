"""The learning rate as a function of the step."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.training.schedule import rate_factor


def factors(total: int, kind: str, warmup: float) -> list[float]:
    return [rate_factor(step, total, kind=kind, warmup=warmup) for step in range(total + 1)]


@given(
    total=st.integers(1, 300),
    kind=st.sampled_from(["cosine", "constant"]),
    warmup=st.floats(0, 1),
)
def test_it_rises_and_then_never_rises(total: int, kind: str, warmup: float) -> None:
    values = factors(total, kind, warmup)
    assert all(0 <= value <= 1 for value in values)
    assert values[0] > 0  # the first step is not wasted
    top = values.index(max(values))
    assert values[top] == 1
    assert values[: top + 1] == sorted(values[: top + 1])
    assert values[top:] == sorted(values[top:], reverse=True)
    assert top <= max(1, round(total * warmup))


def test_cosine_by_its_formula() -> None:
    for step in range(10, 100):
        expected = (1 + math.cos(math.pi * (step - 10) / 90)) / 2
        assert rate_factor(step, 100, kind="cosine", warmup=0.1) == pytest.approx(expected)


def test_warm_up_is_linear() -> None:
    assert factors(8, "constant", 0.5) == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]


def test_without_warm_up_the_first_step_is_whole() -> None:
    assert factors(3, "constant", 0.0) == [1, 1, 1, 1]
    assert rate_factor(0, 1, kind="cosine", warmup=0.0) == 1
