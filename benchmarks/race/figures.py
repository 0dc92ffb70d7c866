"""Medians, ratios of pairs and exponents: what is left of many timings."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from convae.networks.architecture import Architecture
from convae.networks.summary import summarize


@dataclass(frozen=True)
class Spread:
    """The quartiles of some values."""

    low: float
    median: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)} to {short(self.high)})"


def spread(values: Sequence[float]) -> Spread:
    """The quartiles, by linear interpolation between neighbours.

    >>> spread([1.0, 2.0, 3.0, 4.0, 5.0])
    Spread(low=2.0, median=3.0, high=4.0, count=5)
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low, median, high, len(values))


def ratios(pairs: Sequence[tuple[float, float]]) -> Spread:
    """Of pairs measured one beside the other, the first divided by the second.

    A machine that slows down for a minute slows both down: the median of ratios forgets it, the ratio of
    medians does not.

    >>> ratios([(2.0, 1.0), (1.0, 0.5), (8.0, 4.0)]).median
    2.0
    """
    return spread([first / second for first, second in pairs])


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """How cost grows with size: the slope of a least-squares line through the logarithms.

    >>> round(exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    x, y = [math.log(s) for s in sizes], [math.log(c) for c in costs]
    return statistics.linear_regression(x, y).slope


def operations(a: Architecture, *, training: bool) -> int:
    """Floating-point operations for one image, as the textbook counts them: two for each multiply-add of
    convolutions and matrix products.

    A training step is three times that: forward, for the gradient of the weights, and for the gradient of
    what goes in, which the first layer does without. A route that multiplies less does not change the count:
    it shows as a higher rate.
    """
    summary = summarize(a)
    if not training:
        return 2 * summary.multiply_adds
    first = next(row for row in summary.rows if row.multiply_adds)
    return 2 * (3 * summary.multiply_adds - first.multiply_adds)


def short(value: float) -> str:
    """A number with three digits that matter, and commas.

    >>> short(1234.5), short(12.345), short(0.012345)
    ('1,234', '12.3', '0.0123')
    """
    if value == 0 or not math.isfinite(value):
        return str(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"
