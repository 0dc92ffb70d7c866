"""What is held out and in which order images come: partitions, permutations, the same each time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.training.splits_and_batches import (
    MAX_HELD_OUT,
    MIN_IMAGES_TO_HOLD_OUT,
    epoch_batches,
    generator,
    hold_out,
)

SEEDS = st.integers(0, 2**32 - 1)


@given(
    groups=st.lists(st.integers(0, 12), min_size=1, max_size=80),
    fraction=st.floats(0, 1),
    seed=SEEDS,
)
def test_holding_out_is_a_partition_that_keeps_groups_together(
    groups: list[int], fraction: float, seed: int
) -> None:
    array = np.array(groups)
    training, validation = hold_out(array, fraction, seed)
    both = np.concatenate([training, validation])
    assert sorted(both.tolist()) == list(range(len(groups)))
    assert training.tolist() == sorted(training.tolist())
    assert validation.tolist() == sorted(validation.tolist())
    assert len(training) > 0
    assert not set(array[training]) & set(array[validation])
    again = hold_out(array, fraction, seed)
    assert all(np.array_equal(a, b) for a, b in zip((training, validation), again, strict=True))


@given(
    groups=st.lists(st.integers(0, 12), min_size=MIN_IMAGES_TO_HOLD_OUT, max_size=80),
    fraction=st.floats(0.01, 0.9),
    seed=SEEDS,
)
def test_as_many_as_asked_and_at_most_a_group_more(
    groups: list[int], fraction: float, seed: int
) -> None:
    array = np.array(groups)
    sizes = np.bincount(array)
    _, validation = hold_out(array, fraction, seed)
    wanted = np.ceil(len(array) * fraction)
    assert len(validation) < wanted + sizes.max()
    if len(set(groups)) > 1:
        assert len(validation) >= min(wanted, len(array) - sizes.max())


def test_single_images_are_held_out_exactly() -> None:
    training, validation = hold_out(np.arange(1000), 0.1, 3)
    assert (len(training), len(validation)) == (900, 100)
    other = hold_out(np.arange(1000), 0.1, 4)[1]
    assert not np.array_equal(validation, other)


def test_no_more_than_a_bound_is_held_out() -> None:
    assert len(hold_out(np.arange(100_000), 0.2, 0)[1]) == MAX_HELD_OUT


@pytest.mark.parametrize(
    ("groups", "fraction"),
    [([0, 1, 2, 3], 0.5), ([7] * 50, 0.5), (range(50), 0.0)],
    ids=["too few", "one group", "nothing asked"],
)
def test_where_nothing_can_be_held_out(groups: list[int], fraction: float) -> None:
    training, validation = hold_out(np.array(groups), fraction, 0)
    assert (len(training), len(validation)) == (len(groups), 0)


def test_groups_may_have_names() -> None:
    names = np.array(["anna", "ben", "anna", "cleo", "ben", "dora"])
    training, validation = hold_out(names, 0.4, 1)
    assert not set(names[training]) & set(names[validation])


@given(
    count=st.integers(1, 200), batch_size=st.integers(1, 64), seed=SEEDS, epoch=st.integers(0, 99)
)
def test_an_epoch_is_an_even_permutation(
    count: int, batch_size: int, seed: int, epoch: int
) -> None:
    positions = np.arange(count) * 3
    batches = epoch_batches(positions, batch_size, seed, epoch)
    assert sorted(np.concatenate(batches).tolist()) == positions.tolist()
    sizes = [len(batch) for batch in batches]
    assert len(batches) == -(-count // batch_size)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    again = epoch_batches(positions, batch_size, seed, epoch)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_every_epoch_and_seed_has_its_own_order() -> None:
    orders = {
        tuple(np.concatenate(epoch_batches(np.arange(50), 8, seed, epoch)).tolist())
        for seed in range(3)
        for epoch in range(4)
    }
    assert len(orders) == 12


def test_the_generator_is_the_same_on_every_machine() -> None:
    """Philox and SeedSequence are specified; these values must not change, or resumed runs would."""
    words = generator(1, 2, 3).bit_generator.random_raw(2)
    assert words.tolist() == [13279728891206244966, 234311473967787377]
