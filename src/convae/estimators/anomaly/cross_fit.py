"""Detectors that are each fitted on the rest of a set, to rank the set by itself."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from convae.errors import InputError
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.estimators.anomaly.split import LEAST_GROUPS
from convae.images.sources.base import ImageSource
from convae.training.observers import Observer
from convae.training.splits_and_batches import generator

FOLDS = 3
SPREAD = 1.4826  # times the median absolute deviation: the deviation of a normal distribution
LEAST_SPREAD = 1.0  # in standard deviations of normal images; few images give too small an estimate


class Fold(NamedTuple):
    """A part of a set, and a detector that has seen none of it.

    Attributes:
        positions: of its images in the source, ascending.
        model: fitted on all other images.
        median, spread: of the scores of held-out images among the others: ``(score - median) / spread`` is
            comparable between folds.
    """

    positions: np.ndarray
    model: AnomalyDetector
    median: float
    spread: float


def cross_fitted(
    model: AnomalyDetector, source: ImageSource, *, observers: Iterable[Observer] = ()
) -> Iterator[Fold]:
    """Fit one detector for each third of a source, on the other two thirds.

    The median and the median absolute deviation hardly change if some of these images are anomalous.

    Args:
        model: its parameters are used; it is not changed.

    Raises:
        InputError: there are too few images.
    """
    least = -(-LEAST_GROUPS * FOLDS // (FOLDS - 1))
    if len(source) < least:
        raise InputError(
            f"{source.description}: at least {least} images are needed to rank them by each other; got "
            f"{len(source)}"
        )
    order = generator(model._seed(), 0, 3).permutation(len(source))
    for part in np.array_split(order, FOLDS):
        others = np.setdiff1d(order, part)
        fitted = clone(model).fit(source.select(others), observers=observers, verbose=False)
        scores = fitted.calibration_.scores
        median = float(np.median(scores))
        spread = SPREAD * float(np.median(np.abs(scores - median)))
        yield Fold(np.sort(part), fitted, median, max(spread, LEAST_SPREAD))
