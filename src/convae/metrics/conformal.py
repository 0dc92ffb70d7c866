"""Split-conformal p-values and thresholds, which guarantee a false-alarm rate.

They are based on the scores of normal images that were never trained on (the calibration images). If a new
normal image comes from the same distribution, the probability that its p-value is at most ``rate`` is at most
``rate``, for any model and any number of images. With n calibration images no p-value is below
``1 / (n + 1)``, so that is the lowest rate that can be guaranteed.

Images that belong together (several shots of one part) are not n independent images. If groups are given,
each group counts as one, and n is the number of groups.

Source: Vovk, Gammerman, Shafer 2005, doi:10.1007/b106715; groups: Lee, Barber, Willett 2023,
arXiv:2306.06342, theorem 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convae.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]

# Rates and weights are binary fractions: 1/3 is a little below a third. This is the rounding tolerance.
TOLERANCE = 1e-9
TAIL = 50  # most of the highest scores from which a tail is estimated
LEAST_TAIL = 10  # fewest different scores for that
MOST_SHAPE = 0.5


@dataclass(frozen=True)
class Calibration:
    """The scores of held-out normal images, higher for more anomalous.

    Attributes:
        scores: (n,) from the lowest to the highest.
        weights: (n,) the weight of each: 1, or one over the size of its group.

    >>> calibration = Calibration.of([0.1, 0.2, 0.3, 0.4])
    >>> calibration.p_values([0.35, 0.9])
    array([0.4, 0.2])
    >>> calibration.threshold(0.2)
    0.4
    """

    scores: Array
    weights: Array

    @classmethod
    def of(cls, scores: Any, groups: Sequence[Any] | Array | None = None) -> "Calibration":
        """Build the calibration from scores.

        Args:
            scores: (n,) finite numbers, at least one.
            groups: (n,) the group of each image; None makes each its own.

        Raises:
            InputError: there are no scores, one is not finite, or groups are not (n,).
        """
        scores = np.asarray(scores, dtype=np.float64)
        if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
            raise InputError("calibration needs one finite score for each of at least one image")
        order = np.argsort(scores, kind="stable")
        if groups is None:
            return cls(scores[order], np.ones(len(scores)))
        groups = np.asarray(groups)
        if groups.shape != scores.shape:
            raise InputError(
                f"groups must name the group of each of {len(scores)} images; got {groups.shape}"
            )
        _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        return cls(scores[order], (1 / sizes[member])[order])

    @property
    def witnesses(self) -> int:
        """The number of independent images: images, or groups of them."""
        return round(float(self.weights.sum()))

    @property
    def lowest_rate(self) -> float:
        """The lowest false-alarm rate that can be guaranteed: ``1 / (witnesses + 1)``."""
        return 1 / (self.witnesses + 1)

    def p_values(self, scores: Any) -> Array:
        """Return the p-value of each score: ``(1 + witnesses at or above it) / (1 + witnesses)``.

        A tie counts against an alarm. The range is [lowest_rate, 1]. NaN counts as above all other scores, so
        that what could not be measured is never called normal.

        Args:
            scores: numbers in any shape.

        Returns:
            p-values in the same shape.
        """
        scores = np.asarray(scores, dtype=np.float64)
        above = self._weight_from(np.searchsorted(self.scores, scores, side="left"))
        p: Array = (1 + above) / (1 + self.witnesses)
        return p

    def threshold(self, rate: float) -> float:
        """Return the score above which (not at which) the p-value is at most ``rate``.

        Args:
            rate: the guaranteed false-alarm rate, a fraction: :attr:`lowest_rate` up to 1.

        Raises:
            InputError: the images are too few to guarantee this rate, or it is not a fraction above 0 and at
                most 1.
        """
        check_rate(rate)
        if witnesses_needed(rate) > self.witnesses:
            raise InputError(
                f"a false-alarm rate of {rate:g} cannot be promised by {self.witnesses} held-out "
                f"normals: {self._advice(rate)}"
            )
        budget = rate * (1 + self.witnesses) - 1 + TOLERANCE
        values, first = np.unique(self.scores, return_index=True)
        above = self._weight_from(np.append(first[1:], len(self.scores)))
        if self.witnesses <= budget:
            return -math.inf
        return float(values[np.argmax(above <= budget)])

    def tail_threshold(self, rate: float) -> float:
        """Estimate the score above which a fraction ``rate`` of normal images lies, without a guarantee.

        Below :attr:`lowest_rate` the scores alone do not determine it. A generalised Pareto distribution is
        fitted by L-moments to the scores above the median (at most the :data:`TAIL` highest), and
        extrapolated. Its shape is kept between -0.5 and 0.5, because a few scores hardly determine it.

        Args:
            rate: a fraction above 0 and at most 1; from :attr:`lowest_rate` on it is :meth:`threshold`.

        Raises:
            InputError: it is not a fraction above 0 and at most 1, or there are fewer than :data:`LEAST_TAIL`
                different scores.

        Source: Hosking and Wallis 1987, doi:10.1080/00401706.1987.10488243.
        """
        check_rate(rate)
        if witnesses_needed(rate) <= self.witnesses:
            return self.threshold(rate)
        if len(np.unique(self.scores)) < LEAST_TAIL:
            raise InputError(
                f"the tail of the scores can be estimated from at least {LEAST_TAIL} different ones; got "
                f"{len(np.unique(self.scores))}"
            )
        first = max(len(self.scores) // 2, len(self.scores) - TAIL)
        start, tail, weights = self.scores[first - 1], self.scores[first:], self.weights[first:]
        share = float(weights.sum() / self.weights.sum())
        scale, shape = _pareto(tail - start, weights)
        past = rate / share
        far = -math.log(past) if abs(shape) < TOLERANCE else (past**-shape - 1) / shape
        return float(max(start + scale * far, self.scores[-1]))

    def _weight_from(self, places: Array) -> Array:
        """Return the total weight of the calibration scores from each place on."""
        cumulated = np.concatenate([[0.0], np.cumsum(self.weights[::-1])])[::-1]
        weight: Array = cumulated[places]
        return weight

    def _advice(self, rate: float) -> str:
        return (
            f"the lowest that can be is 1/{self.witnesses + 1} = {self.lowest_rate:.3g}; "
            f"{rate:g} takes {witnesses_needed(rate)}"
        )


def cross_bound(rate: float, witnesses: int, largest: int) -> float:
    """Bound the false-alarm rate if each calibration image was scored by another model.

    The n calibration images (groups) lie in folds of at most m, each image is scored by a model that was
    fitted without its fold, and a new image gets the lowest of the scores of all these models. If the new
    image comes from the same distribution, the probability that its p-value is at most ``rate`` is at most
    (rate (n + 1) + m - 1) / (n + m). This bound is for the worst case; in practice the rate is about
    ``rate``.

    Proof: with a further fold there are n + m images, and each could be the new one. Among those that would
    be called anomalous, take the one with the lowest score: (1 - rate)(n + 1) images lie below it, which
    would not. This is the argument for the jackknife-minmax (Barber, Candès, Ramdas, Tibshirani 2021,
    doi:10.1214/20-AOS1965, theorem 3), with folds.

    Args:
        rate: the rate of the threshold, a fraction.
        witnesses: n.
        largest: m, 1 to n; with 1 (each image a fold) the bound is the rate.

    Raises:
        InputError: the rate is not a fraction above 0 and at most 1, or ``largest`` is not from 1 to n.

    >>> cross_bound(0.1, 19, 1), round(cross_bound(0.02, 50, 5), 3)
    (0.1, 0.091)
    """
    check_rate(rate)
    if not 1 <= largest <= witnesses:
        raise InputError(f"a fold must have 1 to {witnesses} images; got {largest}")
    return min(1.0, (rate * (witnesses + 1) + largest - 1) / (witnesses + largest))


def _pareto(excess: Array, weights: Array) -> tuple[float, float]:
    """Fit a generalised Pareto distribution, (scale, shape), by two L-moments of sorted values."""
    middle = (np.cumsum(weights) - weights / 2) / weights.sum()
    mean = float(np.average(excess, weights=weights))
    second = float(np.average((2 * middle - 1) * excess, weights=weights))
    shape = float(np.clip(2 - mean / max(second, mean * TOLERANCE), -MOST_SHAPE, MOST_SHAPE))
    return mean * (1 - shape), shape


def witnesses_needed(rate: float) -> int:
    """Return the fewest held-out normal images that can guarantee this false-alarm rate.

    >>> witnesses_needed(0.01), witnesses_needed(0.05)
    (99, 19)
    """
    check_rate(rate)
    return math.ceil((1 - TOLERANCE) / rate) - 1


def check_rate(rate: object) -> None:
    """Refuse a value that is not a false-alarm rate.

    Raises:
        InputError: it is not a fraction above 0 and at most 1.
    """
    number = isinstance(rate, int | float | np.number) and not isinstance(rate, bool)
    if not number or not 0 < float(rate) <= 1:  # type: ignore[arg-type]
        raise InputError(f"false_alarm_rate must be a fraction above 0 and at most 1; got {rate!r}")
