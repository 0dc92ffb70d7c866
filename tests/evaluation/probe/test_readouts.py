"""Read-outs and their intervals against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, r2_score, v_measure_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from convae.evaluation.probe import readouts
from convae.metrics.resampling import resamples

RNG = np.random.default_rng(0)


def groups(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(count, 4) points around three centres, and which centre."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(3, size=count)
    centres = np.eye(3, 4) * 3
    return centres[classes] + rng.normal(size=(count, 4)), classes


FIT, KNOWN = groups(200)
TEST, TRUTH = groups(90, seed=1)


def test_votes_are_scikit_learns_where_no_two_classes_tie() -> None:
    ours = readouts.vote(FIT, KNOWN, TEST, 3)
    reference = KNeighborsClassifier(3).fit(FIT, KNOWN)
    tied = reference.predict_proba(TEST).max(axis=1) < 0.5
    assert (ours == reference.predict(TEST))[~tied].all()
    nearest = KNeighborsClassifier(1).fit(FIT, KNOWN).predict(TEST)
    assert (ours == nearest)[tied].all()


def test_averages_are_scikit_learns() -> None:
    values = FIT @ [1.0, -1, 2, 0]
    reference = KNeighborsRegressor(5).fit(FIT, values).predict(TEST)
    np.testing.assert_allclose(readouts.average(FIT, values, TEST, 5), reference)


def test_a_linear_classifier_reads_what_is_linear() -> None:
    answers = readouts.linear_classes(FIT * [1, 1e4, 1, 1], KNOWN, TEST * [1, 1e4, 1, 1], seed=0)
    assert (answers == TRUTH).mean() > 0.9
    assert (readouts.linear_classes(FIT, np.full(200, 2), TEST, seed=0) == 2).all()


def test_ridge_regression_reads_what_is_linear() -> None:
    weights = np.array([1.0, -1, 2, 0])
    answers = readouts.ridge_values(FIT, FIT @ weights + 7, TEST)
    np.testing.assert_allclose(answers, TEST @ weights + 7, atol=0.05)


def test_clusters_of_new_images_are_those_of_the_nearest_centres() -> None:
    found = readouts.clusters(FIT, TEST, 3, seed=0)
    assert adjusted_rand_score(TRUTH, found) > 0.7
    assert len(readouts.clusters(FIT[:2], TEST, 5, seed=0)) == 90


def test_measures_of_clusterings_are_scikit_learns() -> None:
    found = RNG.integers(4, size=90)
    weights = resamples(90, seed=0)[:20]
    for clusters in (found, TRUTH, np.zeros(90, np.int64)):
        rand, v = readouts.cluster_scores(TRUTH, clusters, weights)
        assert rand.value == pytest.approx(adjusted_rand_score(TRUTH, clusters))
        assert v.value == pytest.approx(v_measure_score(TRUTH, clusters))
        drawn = [
            [np.repeat(values, w.astype(int)) for values in (TRUTH, clusters)] for w in weights
        ]
        for score, reference in ((rand, adjusted_rand_score), (v, v_measure_score)):
            expected = np.array([reference(*pair) for pair in drawn])
            centred = expected - expected.mean() + score.value
            np.testing.assert_allclose(score.samples, centred, atol=1e-6)


def test_one_class_in_one_cluster_is_perfect() -> None:
    same = np.zeros(9, np.int64)
    assert [s.value for s in readouts.cluster_scores(same, same, np.ones((1, 9)))] == [1, 1]


def test_explained_variance_is_scikit_learns() -> None:
    truth = RNG.normal(size=90)
    answers = truth + RNG.normal(size=90)
    weights = resamples(90, seed=0)
    score = readouts.explained_score(truth, answers, weights)
    assert score.value == pytest.approx(r2_score(truth, answers))
    expected = r2_score(truth, answers, sample_weight=weights[3])
    assert score.samples[3] == pytest.approx(expected)


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    right = (RNG.uniform(size=400) < 0.8).astype(float)
    score = readouts.mean_score(right, resamples(400, seed=0))
    half = 1.96 * right.std() / 20
    assert score.value == right.mean()
    assert score.interval == pytest.approx((right.mean() - half, right.mean() + half), abs=0.008)


def test_resamples_are_those_of_the_seed() -> None:
    one = resamples(30, seed=0)
    assert (one.sum(axis=1) == 30).all()
    assert np.array_equal(one, resamples(30, seed=0))
    assert not np.array_equal(one, resamples(30, seed=1))


def test_what_does_not_vary_stays_finite() -> None:
    fit = np.c_[FIT, np.full(200, 5.0)]
    one, other = readouts.standardised(fit, fit[:3])
    assert np.isfinite(one).all()
    assert np.abs(other[:, 4]).max() == 0
    assert np.isfinite(readouts.standardised(fit * 0, fit)[1]).all()
