"""Proportions of a few images: the count, and the interval of the true rate."""

from dataclasses import dataclass
from typing import Any

from convae.errors import InputError

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Proportion:
    """A number of hits among a total.

    Attributes:
        hits: how many.
        total: of how many; 0 where there is nothing to count.

    Raises:
        InputError: ``hits`` is not in 0..``total``.

    >>> Proportion(2, 8).value
    0.25
    """

    hits: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.total:
            raise InputError(f"hits must lie in 0..{self.total}; got {self.hits}")

    @property
    def value(self) -> float | None:
        """The fraction; None for a total of 0."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of :func:`clopper_pearson`; None for a total of 0."""
        return clopper_pearson(self.hits, self.total) if self.total else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        ends = self.interval
        return {
            "count": self.hits,
            "of": self.total,
            "rate": self.value,
            "interval": None if ends is None else list(ends),
        }


def clopper_pearson(hits: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact interval of a rate: its coverage is at least the confidence, for any ``total``.

    At its ends, the probability of this many hits or more (or fewer) is ``(1 - confidence) / 2``.

    Args:
        hits: 0 to ``total``.
        total: 1 or more.
        confidence: between 0 and 1.

    Raises:
        InputError: for values outside these ranges.

    Source: Clopper, Pearson 1934, doi:10.1093/biomet/26.4.404.

    >>> [round(end, 4) for end in clopper_pearson(0, 10)]
    [0.0, 0.3085]
    """
    from scipy.stats import beta

    if not 0 <= hits <= total or total < 1:
        raise InputError(f"hits must lie in 0..total and total be 1 or more; got {hits} of {total}")
    if not 0 < confidence < 1:
        raise InputError(f"confidence must lie between 0 and 1; got {confidence!r}")
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, total - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, total - hits)) if hits < total else 1.0
    return low, high
