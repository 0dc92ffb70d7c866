"""Read-outs of codes: classes, numbers, clusters, neighbourhoods; with intervals by resampling.

Every read-out is fitted on some images and predicts for others. Intervals and differences come from one set
of bootstrap resamples of those others, so that two codes are compared on the same images.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convae.embedding.nearest_neighbours import nearest
from convae.loading import load
from convae.metrics.resampling import between

STRENGTHS = (
    0.01,
    0.1,
    1.0,
)  # inverse regularisation of the linear classifier, chosen within the fit
MOST_TO_CHOOSE = 2000  # images on which it is chosen
Answers = Callable[[np.ndarray], np.ndarray]  # from rows of values to the predictions


@dataclass(frozen=True, kw_only=True)
class Score:
    """A measure on the held-out images.

    Attributes:
        value: on all of them.
        samples: (B,) the same on each resample; two scores are compared by these.
    """

    value: float
    samples: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        """The range of 95 % of the resamples."""
        return between(self.samples)

    @property
    def text(self) -> str:
        """The value and its interval, for people."""
        low, high = self.interval
        return f"{self.value:.3f} ({low:.3f} to {high:.3f})"


def mean_score(values: np.ndarray, weights: np.ndarray) -> Score:
    """Compute the mean of one value per image (n,), such as 1 for a correct prediction."""
    return Score(value=float(values.mean()), samples=weights @ values / len(values))


def explained_score(truth: np.ndarray, answers: np.ndarray, weights: np.ndarray) -> Score:
    """Compute R²: 1 - Σ (answer - truth)² / Σ (truth - mean)²; 0 is no better than the mean, 1 is perfect.

    Args:
        truth, answers: (n,).
        weights: (B, n) of each resample.
    """
    every = np.concatenate([np.ones((1, len(truth))), weights]).astype(np.float64)
    shifted, total = truth - truth.mean(), every.sum(axis=1)
    spread = every @ shifted**2 - (every @ shifted) ** 2 / total
    explained = 1 - every @ (answers - truth) ** 2 / np.maximum(spread, 1e-300)
    return Score(value=float(explained[0]), samples=explained[1:])


def cluster_scores(
    classes: np.ndarray, clusters: np.ndarray, weights: np.ndarray
) -> tuple[Score, Score]:
    """Compute adjusted Rand index and V-measure of a clustering against the classes (0, 1, ...)."""
    shape = (int(classes.max()) + 1, int(clusters.max()) + 1)
    cells = classes * shape[1] + clusters
    every = [np.ones(len(classes)), *weights]
    tables = np.stack([np.bincount(cells, w, shape[0] * shape[1]).reshape(shape) for w in every])
    return _centred(adjusted_rand(tables)), _centred(v_measure(tables))


def _centred(values: np.ndarray) -> Score:
    """Return the first value as the score, with the other values as samples centred on it.

    An image that is sampled twice agrees with itself, so that every resample seems better clustered.
    """
    return Score(value=float(values[0]), samples=values[1:] - values[1:].mean() + values[0])


def adjusted_rand(tables: np.ndarray) -> np.ndarray:
    """Compute the index (B,) from contingency tables (B, classes, clusters) (Hubert & Arabie 1985).

    Convention: 1 for the same partition, 0 on average by chance.
    """

    def pairs(counts: np.ndarray) -> np.ndarray:
        found: np.ndarray = counts * (counts - 1) / 2
        return found

    both = pairs(tables).sum(axis=(1, 2))
    rows, columns = (pairs(tables.sum(axis=axis)).sum(axis=1) for axis in (2, 1))
    expected = rows * columns / np.maximum(pairs(tables.sum(axis=(1, 2))), 1)
    return _ratio(both - expected, (rows + columns) / 2 - expected)


def v_measure(tables: np.ndarray) -> np.ndarray:
    """Compute (B,) harmonic means of homogeneity and completeness (Rosenberg & Hirschberg 2007); 0 to 1."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)

    def entropy(p: np.ndarray) -> np.ndarray:
        bits: np.ndarray = -(p * np.log(np.where(p > 0, p, 1))).reshape(len(p), -1).sum(axis=1)
        return bits

    apart = entropy(shares.sum(axis=2)) + entropy(shares.sum(axis=1))
    return _ratio(2 * (apart - entropy(shares)), apart)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; 1 where the denominator is 0: there is nothing to distinguish."""
    empty = np.abs(whole) < 1e-12
    share: np.ndarray = np.where(empty, 1.0, part / np.where(empty, 1, whole))
    return share


# -- fitted on some images, predicting for others -----------------------------------------------------


def vote(fit: np.ndarray, classes: np.ndarray, test: np.ndarray, k: int) -> np.ndarray:
    """Predict the most frequent class (m,) of the k nearest images; among equals, that of the nearest.

    Args:
        fit: (n, D) rows of the known images.
        classes: (n,) their classes.
        test: (m, D) rows of the images to predict for.
        k: number of neighbours; at most n are used.
    """
    near = classes[nearest(test, fit, min(k, len(fit))).indices]
    alike = (near[:, :, None] == near[:, None, :]).sum(axis=2)
    answers: np.ndarray = near[np.arange(len(near)), alike.argmax(axis=1)]
    return answers


def average(fit: np.ndarray, values: np.ndarray, test: np.ndarray, k: int) -> np.ndarray:
    """Predict the mean value (m,) of the k nearest images.

    Args: as for :func:`vote`, with values (n,) in place of classes.
    """
    answers: np.ndarray = values[nearest(test, fit, min(k, len(fit))).indices].mean(axis=1)
    return answers


def linear_classes(fit: np.ndarray, classes: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Predict the classes (m,) of ``test`` (m, D) with :func:`linear_reader`."""
    return linear_reader(fit, classes, seed)(test)


def linear_reader(fit: np.ndarray, classes: np.ndarray, seed: int) -> Answers:
    """Fit logistic regression on standardised rows (n, D); its strength is chosen on a part of them."""

    def fitted(strength: float, some: np.ndarray) -> Answers:
        known = classes[some]
        if len(np.unique(known)) < 2:
            return lambda rows: np.full(len(rows), known[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # non-convergence needs no warning
            found = (
                load("sklearn.linear_model")
                .LogisticRegression(C=strength, max_iter=200)
                .fit(scaled[some], known)
            )
        return lambda rows: np.asarray(found.predict(rows))

    scaled, _ = standardised(fit, fit)
    order = np.random.default_rng(seed).permutation(len(fit))
    some, kept = np.array_split(
        order[:MOST_TO_CHOOSE], [max(1, min(len(fit), MOST_TO_CHOOSE) * 4 // 5)]
    )

    def right(strength: float) -> int:
        return int((fitted(strength, some)(scaled[kept]) == classes[kept]).sum())

    answers = fitted(max(STRENGTHS, key=right), order)
    return lambda rows: answers(standardised(fit, rows)[1])


def ridge_values(fit: np.ndarray, values: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Predict the values (m,) of ``test`` (m, D) with :func:`ridge_reader`."""
    return ridge_reader(fit, values)(test)


def ridge_reader(fit: np.ndarray, values: np.ndarray) -> Answers:
    """Fit ridge regression on standardised rows (n, D); its strength is chosen by leave-one-out."""
    found = (
        load("sklearn.linear_model")
        .RidgeCV(np.logspace(-3, 5, 9))
        .fit(standardised(fit, fit)[0], values)
    )
    return lambda rows: np.asarray(found.predict(standardised(fit, rows)[1]))


def clusters(fit: np.ndarray, test: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return the k-means cluster (m,) of each row of ``test`` (m, D).

    The centres are fitted on ``fit`` (n, D).
    """
    means = load("sklearn.cluster").KMeans(min(count, len(fit)), n_init=4, random_state=seed)
    centres = means.fit(fit.astype(np.float64))
    found: np.ndarray = centres.predict(test.astype(np.float64))
    return found


def standardised(fit: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardise both, (n, D) and (m, D), by the mean and the spread of ``fit``.

    Columns that hardly vary stay small.
    """
    mean, spread = fit.mean(axis=0, dtype=np.float64), fit.std(axis=0, dtype=np.float64)
    spread = np.maximum(spread, 1e-3 * max(float(spread.max()), 1e-12))
    return (fit - mean) / spread, (test - mean) / spread
