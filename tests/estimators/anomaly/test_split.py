"""Parts and folds of normal images: sizes, groups, and which rates they can promise."""

import numpy as np
import pytest

from convae.errors import InputError
from convae.estimators.anomaly.split import cross_normals, open_rate, split_normals
from convae.metrics.conformal import Calibration


def test_every_image_is_in_one_part_and_groups_stay_together() -> None:
    groups = np.repeat([f"part {i}" for i in range(150)], 3)
    parts = split_normals(groups, 0.05, seed=1)
    three = (parts.training, parts.choosing, parts.calibrating)
    assert np.array_equal(np.sort(np.concatenate(three)), np.arange(450))
    assert not set(groups[three[0]]) & set(groups[three[1]])
    assert not set(groups[three[2]]) & (set(groups[three[0]]) | set(groups[three[1]]))
    assert len(parts.calibrating) == 3 * 30  # a fifth, where that is enough for the rate
    assert parts.rate == 0.05


@pytest.mark.parametrize(
    ("count", "rate", "calibrating", "promised"),
    [
        (1000, None, 200, 0.01),
        (9000, None, 500, 0.01),  # more would only take images from the training
        (9000, 0.001, 999, 0.001),
        (300, None, 99, 0.02),  # one of them may lie above the threshold
        (100, None, 20, 2 / 21),
        (90, None, 18, 1 / 19),  # two would be more than a tenth
        (100, 0.025, 39, 0.025),  # never more than two fifths
        (8, None, 2, 1 / 3),
        (100, 0.5, 20, 0.5),
    ],
)
def test_as_many_calibrate_as_the_rate_takes(
    count: int, rate: float | None, calibrating: int, promised: float
) -> None:
    parts = split_normals(np.arange(count), rate, seed=0)
    assert len(parts.calibrating) == calibrating
    assert parts.rate == promised
    assert len(parts.choosing) >= 2
    assert len(parts.training) >= count * 0.25


def test_too_few_for_the_rate_says_what_can_be_promised() -> None:
    with pytest.raises(
        InputError, match=r"takes 99 .* of 100 .* 40 can be: .* 1/41 = 0\.0244.* 248"
    ):
        split_normals(np.arange(100), 0.01, seed=0)


@pytest.mark.parametrize("count", [1, 7])
def test_too_few_images(count: int) -> None:
    with pytest.raises(InputError, match=f"at least 8 different normal images.* got {count} of"):
        split_normals(np.arange(count), None, seed=0)
    with pytest.raises(InputError, match="got 1 of 50 samples"):
        split_normals(np.zeros(50), None, seed=0)


def test_the_seed_decides() -> None:
    first, again, other = (split_normals(np.arange(60), None, seed).training for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("count", "folds"), [(8, 2), (23, 4), (10, 10), (100, 3)])
def test_each_group_calibrates_once_what_was_fitted_without_it(count: int, folds: int) -> None:
    groups = np.repeat(np.arange(count), 2)
    parts = cross_normals(groups, None, 3, folds)
    assert len(parts) == folds
    calibrating = np.concatenate([part.calibrating for part in parts])
    assert np.array_equal(np.sort(calibrating), np.arange(2 * count))
    for part in parts:
        three = (part.training, part.choosing, part.calibrating)
        assert np.array_equal(np.sort(np.concatenate(three)), np.arange(2 * count))
        assert not set(groups[part.training]) & set(groups[part.choosing])
        assert not set(groups[part.calibrating]) & set(groups[np.concatenate(three[:2])])
        assert len(part.choosing) >= 4
        assert part.rate == open_rate(count)
    sizes = [len(part.calibrating) for part in parts]
    assert max(sizes) - min(sizes) <= 2


def test_what_folds_cannot_promise_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"takes 99 normal images, and there are 40 .*: the lowest rate is 1/41"
    ):
        cross_normals(np.arange(40), 0.01, 0, 4)
    assert cross_normals(np.arange(40), 0.01, 0, 4, estimated=True)[0].rate == 0.01
    with pytest.raises(InputError, match="at least 10 different normal images"):
        cross_normals(np.arange(9), None, 0, 10)
    with pytest.raises(InputError, match="at least 8 different normal images"):
        cross_normals(np.arange(7), None, 0, 2)


@pytest.mark.parametrize(("witnesses", "above"), [(8, 0), (18, 0), (19, 1), (40, 1), (199, 1)])
def test_without_a_rate_one_held_out_image_may_lie_above_the_threshold(
    witnesses: int, above: int
) -> None:
    """With 2 / (n + 1), as the new image counts among them; with fewer than 19 that is above a tenth."""
    scores = np.random.default_rng(witnesses).normal(size=witnesses)
    threshold = Calibration.of(scores).threshold(open_rate(witnesses))
    assert (scores > threshold).sum() == above
    assert open_rate(witnesses) <= 0.12


@pytest.mark.parametrize("witnesses", [200, 999])
def test_the_default_rate_is_never_below_a_hundredth(witnesses: int) -> None:
    assert open_rate(witnesses) == 0.01
