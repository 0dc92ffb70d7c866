"""Drift: what the tests report without drift and with it, and what a look measures."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, mannwhitneyu

from convae.metrics.conformal import Calibration
from convae.metrics.drift import (
    FEWEST,
    LEAST,
    LEVEL,
    SCORES,
    TESTS,
    Drift,
    Look,
    find_drift,
    look_of,
    look_rows,
    rank_test,
)

SEEDS = 300


def looks(rng: np.random.Generator, count: int, shift: float = 0.0) -> list[Look]:
    """Looks whose every value varies."""
    values = rng.normal(shift, 1, (count, 3)) * 0.05 + 0.5
    sides = np.round(rng.normal(shift, 1, (count, 2)) * 20 + 200).astype(int)
    return [
        Look(float(v[0]), float(v[1]), float(v[2]), int(side[0]), int(side[1]))
        for v, side in zip(values, sides, strict=True)
    ]


def drift(
    seed: int, *, shift: float = 0.0, moved: float = 0.0, old: int = 60, new: int = 80
) -> Drift:
    """Of normal scores and looks, shifted by so many standard deviations."""
    rng = np.random.default_rng(seed)
    calibration = Calibration.of(rng.normal(size=old))
    return find_drift(
        calibration,
        calibration.threshold(0.1),
        look_rows(looks(rng, old)),
        scores=rng.normal(shift, 1, new).tolist(),
        looks=looks(rng, new, moved),
    )


@pytest.mark.parametrize(("old", "new"), [(10, 200), (60, 80), (200, 25)])
def test_images_without_drift_are_rarely_reported(old: int, new: int) -> None:
    """At most a fraction LEVEL = 0.01 of runs: 3 of 300, and a Poisson variable of mean 3 exceeds 10 with a
    chance of 3e-4.
    """
    reported = sum(bool(drift(seed, old=old, new=new).moved) for seed in range(SEEDS))
    assert reported <= 10


def test_one_test_keeps_its_level_where_a_test_against_uniform_p_values_does_not() -> None:
    """10 calibration and 200 new images: at 0.05 about 15 of 300 (binomial, standard deviation 3.8) by ranks.

    All 200 p-values depend on the same 10 scores: their mean has the standard deviation of the mean of 10,
    0.09, and not that of 200, 0.02, so that most runs fail a test that takes them for independent.
    """
    by_ranks = by_uniform = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        new, old = rng.normal(size=200), rng.normal(size=10)
        by_ranks += rank_test(new, old, np.ones(10))[1] <= 0.05
        by_uniform += kstest(Calibration.of(old).p_values(new), "uniform").pvalue <= 0.05
    assert 3 <= by_ranks <= 27
    assert by_uniform > 150


@pytest.mark.parametrize("shift", [-1.0, 1.0])
def test_shifted_scores_are_reported_by_their_p_values(shift: float) -> None:
    found = [drift(seed, shift=shift, old=200, new=300) for seed in range(40)]
    assert sum(one.moved != [] for one in found) >= 36
    change = next(one.moved[0] for one in found if one.moved)
    assert change.what == SCORES
    assert (change.after < change.before) == (shift > 0)  # higher scores have lower p-values
    assert change.p_value <= LEVEL / TESTS


def test_what_is_called_anomalous_does_not_count_among_what_is_called_normal() -> None:
    """A quarter of real anomalies, far above the threshold, leaves the others as they are."""
    rng = np.random.default_rng(0)
    calibration = Calibration.of(rng.normal(size=60))
    threshold = calibration.threshold(0.1)
    normal = rng.normal(size=90).tolist()
    given: dict[str, Any] = {"rows": None, "looks": []}
    plain = find_drift(calibration, threshold, scores=normal, **given)
    mixed = find_drift(calibration, threshold, scores=[*normal, *[50.0] * 30], **given)
    assert plain.changes == mixed.changes
    assert not mixed.moved


def test_looks_that_moved_are_named_with_both_medians() -> None:
    found = drift(0, moved=2.0)
    assert [change.what for change in found.moved] == list(LEAST)
    assert found.sentence.startswith(
        "recalibrate: these images are no longer like the calibration images: brightness rose from 0."
    )
    assert "; height rose from 198 to 239 pixels (p < 1e-12)" in found.sentence
    assert " pixels (p" in found.sentence
    assert found.sentence.count("\n") == 0
    values = found.to_dict()
    assert values["recalibrate"] is True
    assert len(values["tests"]) == TESTS


def test_a_change_that_nobody_can_see_is_none() -> None:
    """All calibration images have one brightness, and 1,000 new ones differ by a tenth of a grey level."""
    old = [Look(0.5, 0.1, 1.0, 100, 100)] * 50
    new = [Look(0.5 + 0.1 / 255, 0.1, 1.01, 101, 99)] * 1000
    calibration = Calibration.of(np.arange(50.0))
    given: dict[str, Any] = {"scores": [], "rows": look_rows(old)}
    assert not find_drift(calibration, 45.0, looks=new, **given).moved
    seen = [Look(0.5 + 2 / 255, 0.1, 1.03, 103, 97)] * 1000
    moved = find_drift(calibration, 45.0, looks=seen, **given).moved
    assert [change.what for change in moved] == ["brightness", "sharpness", "height", "width"]


def test_few_images_and_models_without_looks() -> None:
    assert drift(0, shift=9.0, moved=9.0, new=FEWEST - 1).changes == ()
    assert drift(0, new=FEWEST - 1).to_dict()["recalibrate"] is None
    rng = np.random.default_rng(0)
    calibration = Calibration.of(rng.normal(size=60))
    older = find_drift(
        calibration,
        calibration.threshold(0.1),
        None,
        scores=rng.normal(size=60).tolist(),
        looks=looks(rng, 60, 9.0),
    )
    assert [change.what for change in older.changes] == [SCORES]


def test_a_group_of_calibration_images_counts_once() -> None:
    """Ten copies of each of 12 images say no more than the 12."""
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=12), rng.normal(1, 1, 40)
    once = rank_test(new, old, np.ones(12))
    copies = rank_test(new, np.repeat(old, 10), np.full(120, 0.1))
    assert copies == pytest.approx(once)
    rows = look_rows(
        [Look(float(v), 0, 0, 1, 1) for v in np.repeat(old, 10)], np.repeat(range(12), 10)
    )
    assert rows.shape == (120, 6)
    assert rows[:, -1] == pytest.approx(np.full(120, 0.1))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(-1000, 1000), min_size=9, max_size=40, unique=True),
    st.lists(st.floats(-1000, 1000).map(lambda v: v + 0.123), min_size=9, max_size=40, unique=True),
)
def test_the_rank_test_is_scipys(new: list[float], old: list[float]) -> None:
    first, second = np.array(new, float), np.array(old)
    expected = mannwhitneyu(first, second, method="asymptotic", use_continuity=False)
    share, p_value = rank_test(first, second, np.ones(len(second)))
    assert share == pytest.approx(expected.statistic / len(first) / len(second))
    if not set(first) & set(second):
        assert p_value == pytest.approx(expected.pvalue)


def test_a_look_measures_light_and_focus_apart() -> None:
    """Half the light halves brightness and contrast and leaves the sharpness; a blur does the reverse."""
    rng = np.random.default_rng(0)
    image = rng.random((1, 32, 32))
    kernel = np.ones(3) / 3
    blurred = np.apply_along_axis(np.convolve, 1, image, kernel, "same")
    blurred = np.apply_along_axis(np.convolve, 2, blurred, kernel, "same")
    plain, dark, soft = (look_of(one, (64, 48)) for one in (image, image / 2, blurred))
    assert dark.brightness == pytest.approx(plain.brightness / 2)
    assert dark.contrast == pytest.approx(plain.contrast / 2)
    assert dark.sharpness == pytest.approx(plain.sharpness)
    assert soft.sharpness < 0.7 * plain.sharpness
    assert (plain.height, plain.width) == (64, 48)


def test_a_look_of_anything_is_finite() -> None:
    for image in (np.full((3, 4, 4), np.nan), np.zeros((1, 1, 1)), np.ones((2, 1, 5))):
        assert np.isfinite(look_rows([look_of(image, (1, 1))])).all()
    holed = np.array([[[0.0, 1.0], [0.0, np.nan]]])
    assert look_of(holed, (2, 2)).brightness == pytest.approx(1 / 3)
