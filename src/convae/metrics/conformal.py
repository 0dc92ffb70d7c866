"""Split-conformal p-values and thresholds: a false-alarm rate that is promised, not hoped for.

Scores of normal images that were never trained on (the calibration images) say how high a normal
image scores. If a new normal image comes from where they came from, the chance that its p-value is
at most ``rate`` is at most ``rate``, whatever the model and however few images there are. With n
calibration images no p-value is below ``1 / (n + 1)``, so that is the lowest rate that can be
promised.

Images that belong together (several shots of one part) are not n independent witnesses. Where
groups are named, each group counts as one, and n is the number of groups.

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

# Rates and weights are binary fractions: 1/3 is a little below a third. So much is taken for rounding.
TOLERANCE = 1e-9
TAIL = 50  # highest scores that a tail is estimated from, at most
LEAST_TAIL = 10  # different scores that it takes
MOST_SHAPE = 0.5


@dataclass(frozen=True)
class Calibration:
    """The scores of held-out normal images, higher for more anomalous.

    Attributes:
        scores: (n,) from the lowest to the highest.
        weights: (n,) what each counts: 1, or one over the size of its group.

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
        """The calibration by these scores.

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
        """How many count: images, or groups of them."""
        return round(float(self.weights.sum()))

    @property
    def lowest_rate(self) -> float:
        """The lowest false-alarm rate that can be promised: ``1 / (witnesses + 1)``."""
        return 1 / (self.witnesses + 1)

    def p_values(self, scores: Any) -> Array:
        """The p-value of each score: ``(1 + witnesses at or above it) / (1 + witnesses)``.

        A tie counts against an alarm. [lowest_rate, 1]; a score that is NaN counts as above all others, so
        that what could not be measured is never called normal.

        Args:
            scores: numbers in any shape.
        """
        scores = np.asarray(scores, dtype=np.float64)
        above = self._weight_from(np.searchsorted(self.scores, scores, side="left"))
        p: Array = (1 + above) / (1 + self.witnesses)
        return p

    def threshold(self, rate: float) -> float:
        """The score above which (not at which) the p-value is at most ``rate``.

        Args:
            rate: the promised false-alarm rate, a fraction: :attr:`lowest_rate` up to 1.

        Raises:
            InputError: so low a rate cannot be promised by so few images, or it is no fraction.
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
        """An estimate of the score above which a fraction ``rate`` of normal images lies: no promise.

        Below :attr:`lowest_rate` the scores alone say nothing. A generalised Pareto distribution is fitted by
        L-moments to what lies above the median (of more than twice :data:`TAIL` scores to so many of the
        highest), and continued. The shape is kept between -0.5 and 0.5, as few scores hardly tell it.

        Args:
            rate: a fraction above 0 and at most 1; from :attr:`lowest_rate` on it is :meth:`threshold`.

        Raises:
            InputError: it is no fraction, or there are fewer than :data:`LEAST_TAIL` different scores.

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
        """What all calibration scores from each place on weigh together."""
        cumulated = np.concatenate([[0.0], np.cumsum(self.weights[::-1])])[::-1]
        weight: Array = cumulated[places]
        return weight

    def _advice(self, rate: float) -> str:
        return (
            f"the lowest that can be is 1/{self.witnesses + 1} = {self.lowest_rate:.3g}; "
            f"{rate:g} takes {witnesses_needed(rate)}"
        )


def cross_bound(rate: float, witnesses: int, largest: int) -> float:
    """The most false alarms there can be where each calibration image was scored by another model.

    The n calibration images (groups) lie in folds of at most m, each image is scored by a model that was
    fitted without its fold, and a new image gets the lowest of the scores of all these models. If the new
    image comes from where the others came from, the chance that its p-value is at most ``rate`` is at most
    (rate (n + 1) + m - 1) / (n + m). Such a bound is for the worst case; about ``rate`` is what is seen.

    With a further fold there are n + m images, and each could be the new one. Of those that would be called
    anomalous take the one with the lowest score: (1 - rate)(n + 1) images lie below it, which would not. That
    is the argument for the jackknife-minmax (Barber, Candès, Ramdas, Tibshirani 2021,
    doi:10.1214/20-AOS1965, theorem 3), with folds.

    Args:
        rate: the rate of the threshold, a fraction.
        witnesses: n.
        largest: m, 1 to n; with 1 (each image a fold) the bound is the rate.

    >>> cross_bound(0.1, 19, 1), round(cross_bound(0.02, 50, 5), 3)
    (0.1, 0.091)
    """
    check_rate(rate)
    if not 1 <= largest <= witnesses:
        raise InputError(f"a fold must have 1 to {witnesses} images; got {largest}")
    return min(1.0, (rate * (witnesses + 1) + largest - 1) / (witnesses + largest))


def _pareto(excess: Array, weights: Array) -> tuple[float, float]:
    """(scale, shape) of a generalised Pareto distribution by the first two L-moments of sorted values."""
    middle = (np.cumsum(weights) - weights / 2) / weights.sum()
    mean = float(np.average(excess, weights=weights))
    second = float(np.average((2 * middle - 1) * excess, weights=weights))
    shape = float(np.clip(2 - mean / max(second, mean * TOLERANCE), -MOST_SHAPE, MOST_SHAPE))
    return mean * (1 - shape), shape


def witnesses_needed(rate: float) -> int:
    """The fewest held-out normals that can promise this false-alarm rate.

    >>> witnesses_needed(0.01), witnesses_needed(0.05)
    (99, 19)
    """
    check_rate(rate)
    return math.ceil((1 - TOLERANCE) / rate) - 1


def check_rate(rate: object) -> None:
    """Refuse what is no false-alarm rate with :class:`InputError`."""
    number = isinstance(rate, int | float | np.number) and not isinstance(rate, bool)
    if not number or not 0 < float(rate) <= 1:  # type: ignore[arg-type]
        raise InputError(f"false_alarm_rate must be a fraction above 0 and at most 1; got {rate!r}")
