"""Sparsity and selectivity against values worked out by hand."""

import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from convae.errors import InputError
from convae.metrics.sparsity import RunningSelectivity, selectivity, sparsity


def test_rates_and_the_part_that_is_on() -> None:
    codes = np.array([[1.0, 0, 0, 0], [2, 1, 0, 0], [0, 3, 0, 0], [1, 0, 0, 0]])
    found = sparsity(codes)
    assert found.rate.tolist() == [0.75, 0.5, 0, 0]
    assert found.active == 5 / 16
    assert found.dead == 2


def test_a_unit_of_a_spatial_code_is_on_where_any_position_is() -> None:
    codes = np.zeros((2, 2, 3, 3))
    codes[0, 1, 2, 2] = 1
    found = sparsity(codes)
    assert found.rate.tolist() == [0, 0.5]
    assert found.active == 1 / 36


@pytest.mark.parametrize(
    ("code", "hoyer"),
    [
        ([5.0, 0, 0, 0], 1.0),  # one alone: (2 - 1) / (2 - 1)
        ([-3.0, 3, 3, -3], 0.0),  # all alike: (2 - 12 / 6) / (2 - 1)
        ([1.0, 1, 0, 0], 2 - np.sqrt(2)),
        ([0.0, 0, 0, 0], 0.0),
    ],
)
def test_hoyers_sparsity(code: list[float], hoyer: float) -> None:
    assert sparsity(np.array([code])).hoyer == pytest.approx(hoyer)


def test_what_counts_as_on_can_be_said() -> None:
    assert sparsity(np.array([[0.4, 0.6]]), on=0.5).rate.tolist() == [0, 1]


def test_the_line_names_dead_units() -> None:
    line = sparsity(np.array([[1.0, 0], [1, 0]])).summary()
    assert "50.0 % of the values" in line
    assert "1 for none" in line


@pytest.mark.parametrize("codes", [np.zeros(3), np.zeros((0, 3)), np.zeros((2, 3, 4))])
def test_other_shapes_are_refused(codes: np.ndarray) -> None:
    with pytest.raises(InputError, match="codes must be"):
        sparsity(codes)


@pytest.mark.parametrize("shape", [(50, 7), (50, 7, 3, 2)])
def test_batches_give_what_the_whole_gives(shape: tuple[int, ...]) -> None:
    codes = np.random.default_rng(0).normal(size=shape).clip(0)
    whole, parts = sparsity(codes, on=0.3), sparsity(iter(np.split(codes, [1, 20, 33])), on=0.3)
    assert np.array_equal(parts.rate, whole.rate)
    assert (parts.active, parts.hoyer) == pytest.approx((whole.active, whole.hoyer))


def test_no_batch_is_kept() -> None:
    alive = list[weakref.ref[np.ndarray]]()

    def batches() -> Iterator[np.ndarray]:
        for _ in range(20):
            assert sum(one() is not None for one in alive) <= 1
            batch = np.ones((4, 3))
            alive.append(weakref.ref(batch))
            yield batch
            del batch

    assert sparsity(batches()).rate.tolist() == [1, 1, 1]


def test_batches_must_agree_and_there_must_be_one() -> None:
    with pytest.raises(InputError, match=r"codes must be \(n, 3\) or .*; got \(2, 4\)"):
        sparsity([np.zeros((2, 3)), np.zeros((2, 4))])
    with pytest.raises(InputError, match="n at least 1"):
        sparsity([])


def test_selectivity_of_known_means() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    codes = np.array(
        [  # one class alone; all alike; means 3, 1, 1; below zero: the second shifted by -4
            [2.0, 1, 3, -4],
            [2, 1, 3, -4],
            [0, 1, 1, -3],
            [0, 1, 1, -3],
            [0, 1, 1, -3],
            [0, 1, 1, -3],
        ]
    )
    # last: from its least on 0, 1, 1: the class with the largest mean has 1, the others 2 of 4
    found = selectivity(codes, labels)
    assert found.values == pytest.approx([1, 0, 0.5, (1 - 0.5) / 1.5])
    assert found.classes[[0, 2]].tolist() == [0, 0]
    assert found.classes[3] in (1, 2)


def test_selectivity_needs_classes() -> None:
    with pytest.raises(InputError, match="at least two classes"):
        selectivity(np.zeros((3, 2)), np.zeros(3))


def test_selectivity_over_batches_is_that_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(60, 5)), rng.integers(0, 4, 60)
    running = RunningSelectivity()
    for part in np.array_split(np.arange(60), 7):  # some classes are missing in some of them
        running.add(codes[part], labels[part])
    whole, parts = selectivity(codes, labels), running.result()
    assert parts.values == pytest.approx(whole.values)
    assert np.array_equal(parts.classes, whole.classes)
    assert running.classes == 4
    with pytest.raises(InputError, match=r"codes \(n, k\) and n labels; got \(3, 5\) and 2"):
        running.add(codes[:3], labels[:2])
