"""The promise by simulation, thresholds and p-values against each other and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.errors import InputError
from convae.metrics.conformal import Calibration, check_rate, cross_bound, witnesses_needed

SCORES = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=40)


def test_p_values_by_hand() -> None:
    calibration = Calibration.of([3.0, 1.0, 2.0])
    # 1 + how many of 1, 2, 3 are at or above, of 4
    assert calibration.p_values([0.0, 1.0, 1.5, 3.0, 3.1]).tolist() == [1, 1, 0.75, 0.5, 0.25]
    assert calibration.p_values([[2.0]]).shape == (1, 1)


@given(SCORES, SCORES, st.sampled_from([0.05, 0.1, 0.29, 0.3, 0.5, 1.0]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_threshold_says_what_the_p_values_say(scores, new, rate, grouped) -> None:
    groups = np.arange(len(scores)) // 3 if grouped else None
    calibration = Calibration.of(scores, groups)
    if rate < calibration.lowest_rate - 1e-12:
        with pytest.raises(InputError, match="cannot be promised"):
            calibration.threshold(rate)
        return
    alarm = np.array(new) > calibration.threshold(rate)
    assert alarm.tolist() == (calibration.p_values(new) <= rate + 1e-9).tolist()


@given(SCORES)
@settings(max_examples=50, deadline=None)
def test_the_count_of_alarms_on_the_calibration_images_themselves(scores) -> None:
    """With all scores distinct the k-th highest is the threshold, k = rate (n + 1)."""
    distinct = np.array(scores) + np.linspace(0, 0.5, len(scores))
    calibration, n = Calibration.of(distinct), len(scores)
    for k in range(1, n + 1):
        assert calibration.threshold(k / (n + 1)) == np.sort(distinct)[n - k]


def test_the_lowest_rate_that_can_be_promised() -> None:
    calibration = Calibration.of(np.arange(99.0))
    assert calibration.lowest_rate == pytest.approx(0.01)
    assert calibration.threshold(0.01) == 98
    message = (
        "a false-alarm rate of 0.005 cannot be promised by 99 held-out normals: the lowest that "
        "can be is 1/100 = 0.01; 0.005 takes 199"
    )
    with pytest.raises(InputError, match=message):
        calibration.threshold(0.005)


@pytest.mark.parametrize("n", [1, 2, 9, 48, 99, 999])
def test_needed_witnesses_are_just_enough(n: int) -> None:
    assert witnesses_needed(1 / (n + 1)) == n
    assert witnesses_needed(round(1 / (n + 1) - 1e-4, 4)) > n


@pytest.mark.parametrize("ties", [False, True])
def test_the_promise(ties: bool) -> None:
    """Over many draws of calibration and new normal scores the mean false-alarm rate is kept.

    It is exactly floor(rate (n + 1)) / (n + 1) without ties, and below with them.
    """
    rng = np.random.default_rng(0)
    n, rate, draws = 30, 0.1, 4000
    alarms = []
    for _ in range(draws):
        scores = rng.gamma(2.0, size=n + 50)
        if ties:
            scores = np.floor(2 * scores)
        alarms.append((scores[n:] > Calibration.of(scores[:n]).threshold(rate)).mean())
    mean, error = np.mean(alarms), np.std(alarms) / math.sqrt(draws)
    assert mean <= rate + 3 * error
    if not ties:
        assert mean == pytest.approx(3 / 31, abs=3.5 * error)


def test_the_promise_for_groups() -> None:
    """Shots of one part are alike: each group counts as one, and the promise holds for a new one."""
    rng = np.random.default_rng(1)
    rate, draws = 0.1, 3000
    kept, naive = [], []
    for _ in range(draws):
        sizes = rng.integers(1, 12, size=20)
        groups = np.repeat(np.arange(20), sizes)
        # Larger groups score lower, so that pooled images are no fair sample of groups.
        parts = rng.normal(size=21) - np.append(sizes, rng.integers(1, 12)) / 3
        scores = parts[groups] + 0.1 * rng.normal(size=len(groups))
        new = parts[20] + 0.1 * rng.normal(size=8)
        kept.append((Calibration.of(scores, groups).p_values(new) <= rate).mean())
        naive.append((Calibration.of(scores).p_values(new) <= rate).mean())
    assert np.mean(kept) <= rate + 3 * np.std(kept) / math.sqrt(draws)
    assert np.mean(kept) > 0.05
    assert np.mean(naive) > rate + 0.03  # images of one part are no independent witnesses


def test_groups_of_one_are_no_groups() -> None:
    scores = np.random.default_rng(2).normal(size=25)
    one, other = Calibration.of(scores), Calibration.of(scores, np.arange(25))
    assert one.witnesses == other.witnesses == 25
    assert one.p_values(scores).tolist() == other.p_values(scores).tolist()
    assert Calibration.of(scores, np.arange(25) // 5).lowest_rate == pytest.approx(1 / 6)


def test_repeating_a_group_does_not_change_the_promise() -> None:
    once = Calibration.of([1.0, 2.0, 3.0], ["a", "b", "c"])
    often = Calibration.of([1.0, 2.0, 2.0, 2.0, 3.0], ["a", "b", "b", "b", "c"])
    assert often.p_values([0, 1.5, 2, 4]) == pytest.approx(once.p_values([0, 1.5, 2, 4]))
    assert once.threshold(0.5) == often.threshold(0.5) == 2


@pytest.mark.parametrize("scores", [[], [float("nan")], [[1.0]]])
def test_scores_that_calibrate_nothing(scores) -> None:
    with pytest.raises(InputError, match="one finite score for each of at least one image"):
        Calibration.of(scores)


def test_a_score_that_is_no_number_is_as_anomalous_as_can_be() -> None:
    calibration = Calibration.of([1.0, 2.0, 3.0])
    assert calibration.p_values([np.nan, np.inf, -np.inf]).tolist() == [0.25, 0.25, 1.0]


def test_groups_must_be_as_many() -> None:
    with pytest.raises(InputError, match="the group of each of 2 images"):
        Calibration.of([1.0, 2.0], ["a"])


@pytest.mark.parametrize("rate", [0, -0.1, 1.5, float("nan"), "0.1", True, None])
def test_what_is_no_rate(rate) -> None:
    with pytest.raises(InputError, match="a fraction above 0 and at most 1"):
        check_rate(rate)


@given(
    st.integers(10, 300), st.integers(0, 2**16), st.sampled_from(["normal", "uniform", "gumbel"])
)
def test_a_tail_goes_on_where_the_scores_end(count: int, seed: int, kind: str) -> None:
    scores = getattr(np.random.default_rng(seed), kind)(size=count)
    calibration = Calibration.of(scores)
    lowest = calibration.lowest_rate
    assert calibration.tail_threshold(lowest) == calibration.threshold(lowest)
    rates = [lowest, lowest / 2, lowest / 10, lowest / 100]
    thresholds = [calibration.tail_threshold(rate) for rate in rates]
    assert np.isfinite(thresholds).all()
    assert thresholds == sorted(thresholds)  # the rarer, the higher
    moved = Calibration.of(3 * scores + 5)
    assert moved.tail_threshold(rates[2]) == pytest.approx(3 * thresholds[2] + 5, rel=1e-6)


def test_the_tail_of_an_exponential_is_found() -> None:
    # Beyond u it is exponential again, with the same scale: the rate r lies at log(1/r).
    for seed in range(5):
        scores = np.random.default_rng(seed).exponential(size=2000)
        found = Calibration.of(scores).tail_threshold(1e-4)
        assert found == pytest.approx(np.log(1e4), rel=0.5)


def test_a_tail_of_few_or_equal_scores_is_refused() -> None:
    with pytest.raises(InputError, match="from at least 10 different ones; got 3"):
        Calibration.of([1.0, 2.0, 3.0] * 5).tail_threshold(0.001)


def test_groups_weigh_in_a_tail_as_one_image_each() -> None:
    scores = np.random.default_rng(0).normal(size=30)
    twice = Calibration.of(np.repeat(scores, 2), np.repeat(np.arange(30), 2))
    once = Calibration.of(scores)
    assert twice.tail_threshold(0.001) == pytest.approx(once.tail_threshold(0.001), rel=0.1)


def test_the_bound_of_folds_by_hand() -> None:
    assert cross_bound(0.05, 19, 1) == pytest.approx(0.05)  # each image a fold: the rate itself
    assert cross_bound(1 / 41, 40, 10) == pytest.approx((1 + 9) / 50)
    assert cross_bound(1.0, 10, 10) == 1.0
    for largest in (0, 11):
        with pytest.raises(InputError, match="a fold must have 1 to 10 images"):
            cross_bound(0.1, 10, largest)


@pytest.mark.parametrize(("count", "folds"), [(10, 5), (20, 4), (40, 4)])
def test_folds_keep_the_rate_with_a_detector_that_depends_on_its_images(
    count: int, folds: int
) -> None:
    """The distance to the nearest image of the fit, in few dimensions, overfits as badly as can be.

    Of 3,000 splits of new numbers each: the deviation of the mean is below 0.01.
    """
    rng, rate = np.random.default_rng(count), 2 / (count + 1)
    alarms = []
    for _ in range(3000):
        images = rng.standard_normal((count + 1, 3))
        known, new = images[:count], images[count]
        parts = np.array_split(np.arange(count), folds)
        scores, lowest = np.empty(count), np.inf
        for part in parts:
            others = np.delete(known, part, axis=0)
            scores[part] = [np.abs(others - known[i]).sum(axis=1).min() for i in part]
            lowest = min(lowest, np.abs(others - new).sum(axis=1).min())
        alarms.append(Calibration.of(scores).p_values(lowest) <= rate)
    assert np.mean(alarms) <= rate + 0.01
    assert np.mean(alarms) <= cross_bound(rate, count, -(-count // folds))
