"""Schedules of equal cost: whole epochs, as near to the budget as they can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.errors import InputError
from convae.evaluation.experiments.schedules import ALONE, BOTH, SCRATCH, Schedule, equal_schedules

COSTS = st.lists(st.integers(1, 1000), min_size=1, max_size=5)


@given(COSTS, st.integers(1, 3000), st.integers(1, 60))
def test_costs_agree_up_to_half_of_the_dearest_epoch(
    levels: list[int], joint: int, epochs: int
) -> None:
    ways = equal_schedules(levels, joint, epochs)
    budget = ways[SCRATCH].cost(levels, joint)
    assert budget == epochs * joint
    for name in (ALONE, BOTH):
        way = ways[name]
        least = min(way.level_epochs) == 1  # a level has one at least, whatever it costs
        assert least or abs(way.cost(levels, joint) - budget) <= max(levels) / 2
        assert max(way.level_epochs) - min(way.level_epochs) <= 1
    assert ways[ALONE].epochs == 0
    assert 1 <= ways[BOTH].epochs <= epochs
    assert set(ways[SCRATCH].level_epochs) == {0}


def test_given_epochs_are_kept_and_levels_alone_have_them_in_proportion() -> None:
    ways = equal_schedules([10, 10, 10], 30, 12, (1, 2, 0))
    assert ways[BOTH] == Schedule(level_epochs=(1, 2, 0), epochs=11)
    assert ways[ALONE].level_epochs == (12, 24, 0)
    assert str(ways[ALONE]) == "12+24+0"
    assert str(ways[BOTH]) == "1+2+0, then 11 together"
    assert str(ways[SCRATCH]) == "12 together"


@pytest.mark.parametrize(
    ("epochs", "level_epochs", "sentence"),
    [
        (0, None, "epochs must be at least 1"),
        (3, (0, 0), "level_epochs must not be 0 for every level"),
        (
            3,
            (3, 3),
            "level_epochs 3, 3 cost as much as 3.0 of the 3 epochs together, and leave none",
        ),
        (3, (9, 1), "take more epochs, or fewer of the levels"),
    ],
)
def test_what_leaves_nothing_to_compare_is_refused(
    epochs: int, level_epochs: tuple[int, ...] | None, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        equal_schedules([10, 10], 20, epochs, level_epochs)
    assert sentence in str(caught.value)
