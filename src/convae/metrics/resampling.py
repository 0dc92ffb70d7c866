"""Uncertainty of a difference: bootstrap resamples of the images that two methods were measured on.

Both methods are resampled together (paired), so that the difficulty of an image for both cancels out.

Source: Efron, Tibshirani 1993, An Introduction to the Bootstrap, chapters 6 and 13.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

RESAMPLES = 1000
SEED = 0
MOST = 5000  # with more images the mean is normal: the interval follows from its deviation
PERFECT = 100.0  # decibels that stand for an infinite PSNR in a difference
WIDTH = 1.959964  # standard deviations that hold 95 % of a normal distribution


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The difference between two methods on the same images.

    Attributes:
        value: the mean of the first minus that of the second; NaN if no image has both values.
        interval: the range of 95 % of the resamples; None with fewer than two images.
        images: number of images.
    """

    value: float
    interval: tuple[float, float] | None
    images: int

    @property
    def sign(self) -> int:
        """1 if the first is significantly higher, -1 if it is significantly lower, 0 otherwise."""
        if self.interval is None:
            return 0
        low, high = self.interval
        return int(low > 0) - int(high < 0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        value = self.value if math.isfinite(self.value) else None
        interval = None if self.interval is None else list(self.interval)
        return {"value": value, "interval": interval, "images": self.images}


def between(samples: Array) -> tuple[float, float]:
    """Return the 2.5 % and the 97.5 % quantile of samples (B,)."""
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


def student_interval(values: Any) -> tuple[float, float]:
    """Return the 95 % interval of the mean of independent values (n,), by Student's t; infinite for one.

    >>> low, high = student_interval([1.0, 2.0, 3.0])
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    from scipy.special import stdtrit

    each = np.asarray(values, dtype=np.float64)
    if len(each) < 2:
        return -math.inf, math.inf
    reach = float(stdtrit(len(each) - 1, 0.975) * each.std(ddof=1) / math.sqrt(len(each)))
    mean = float(each.mean())
    return mean - reach, mean + reach


def resamples(count: int, seed: int = SEED) -> Array:
    """Return (B, n) how often each of n images is in each bootstrap resample of n."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float32)


def paired_difference(first: Any, second: Any, *, seed: int = SEED) -> Difference:
    """Return the mean difference of one value per image, and its interval.

    Args:
        first, second: (n,) one value for each image, in the same order. Images for which one of them is NaN
            are left out; infinite values count as :data:`PERFECT`.
        seed: of the resamples.

    >>> paired_difference([1.0, 2.0, 3.0], [0.0, 1.0, 2.0]).interval
    (1.0, 1.0)
    """
    one, other = (np.clip(np.asarray(x, dtype=np.float64), -PERFECT, PERFECT) if _infinite(x) else
                  np.asarray(x, dtype=np.float64) for x in (first, second))  # fmt: skip
    gaps = one - other
    gaps = gaps[np.isfinite(gaps)]
    count = len(gaps)
    if not count:
        return Difference(value=math.nan, interval=None, images=0)
    mean = float(gaps.mean())
    if count == 1:
        return Difference(value=mean, interval=None, images=1)
    if count > MOST:
        reach = WIDTH * float(gaps.std(ddof=1)) / math.sqrt(count)
        return Difference(value=mean, interval=(mean - reach, mean + reach), images=count)
    # About the mean, so that equal differences give it exactly.
    samples = mean + resamples(count, seed).astype(np.float64) @ (gaps - mean) / count
    return Difference(value=mean, interval=between(samples), images=count)


def auroc_samples(normal: Array, anomalous: Array, members: Array, weights: Array) -> Array:
    """Compute (B,) the AUROC on each resample of images that exist both normal and damaged.

    Args:
        normal, anomalous: (n,) and (m,) scores.
        members: (m,) which of the n images each damaged one was made from.
        weights: (B, n) how often each image is in each resample.
    """
    above = (anomalous[:, None] > normal) + 0.5 * (anomalous[:, None] == normal)
    chosen = weights[:, members]
    pairs = chosen.sum(axis=1) * weights.sum(axis=1)
    found: Array = ((chosen @ above) * weights).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)
    return found


def auroc_interval(scores: Any, anomalous: Any, *, seed: int = SEED) -> tuple[float, float] | None:
    """Return the range of 95 % of the resampled AUROCs; normal and anomalous images are resampled separately.

    If every anomalous image ranks above every normal one, this holds in every resample: the interval is then
    (1, 1), and does not bound the AUROC of future images.

    Args:
        scores: (n,) finite numbers, higher for more anomalous.
        anomalous: (n,) true or 1 for an anomalous image.
        seed: of the resamples.

    Returns:
        None with fewer than two images of one kind.
    """
    _, ranks = np.unique(np.asarray(scores, dtype=np.float64), return_inverse=True)
    chosen = np.asarray(anomalous).astype(bool)
    normal, odd = ranks[~chosen], ranks[chosen]
    if min(len(normal), len(odd)) < 2:
        return None
    rng, bins = np.random.default_rng(seed), int(ranks.max()) + 1
    samples = np.empty(RESAMPLES)
    for k in range(RESAMPLES):
        resampled = np.bincount(rng.choice(normal, len(normal)), minlength=bins)
        below = np.cumsum(resampled) - resampled / 2
        samples[k] = below[rng.choice(odd, len(odd))].mean() / len(normal)
    return between(samples)


def _infinite(values: Any) -> bool:
    return bool(np.isinf(np.asarray(values, dtype=np.float64)).any())
