"""How well scores rank anomalous above normal: AUROC, average precision, AUPRO.

A higher score means more anomalous. Images are ranked by one score each; pixels by
maps, in constant memory for any number of them.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from convae.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]

AUPRO_LIMIT = 0.3
# A map's float32 values are counted in bins of their 20 leading bits: sign, exponent and 11 bits of
# the fraction, so that values within 0.05 % of each other count as tied, whatever their size.
BITS = 20


def auroc(scores: Any, anomalous: Any) -> float:
    """Area under the receiver operating characteristic of images.

    It is the probability that a random anomalous image has a higher score than a random normal one, ties
    counted half: the Mann-Whitney statistic over the number of pairs.

    Convention: 1 ranks every anomalous image above every normal one, 0.5 is random, 0 the reverse.

    Args:
        scores: (n,) finite numbers.
        anomalous: (n,) true or 1 for an anomalous image.

    Raises:
        InputError: shapes differ, a score is not finite, or there are none of one kind.

    >>> auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
    0.75
    """
    scores, anomalous = _checked(scores, anomalous)
    _, rank, ties = np.unique(scores, return_inverse=True, return_counts=True)
    normal = np.bincount(rank[~anomalous], minlength=len(ties))
    below = np.cumsum(normal) - normal / 2
    return float(below[rank[anomalous]].mean() / normal.sum())


def average_precision(scores: Any, anomalous: Any) -> float:
    """Average precision of images: ``Σ (R_k - R_{k-1}) P_k`` over the thresholds from high to low.

    P_k is the fraction of anomalous ones among the images at or above the k-th distinct score, R_k
    the fraction of all anomalous ones that are among them. Nothing is interpolated.

    Convention: at most 1; a random ranking has the fraction of anomalous images. Arguments and errors as for
    :func:`auroc`.

    >>> round(average_precision([0.1, 0.4, 0.35, 0.8], [False, False, True, True]), 4)
    0.8333
    """
    scores, anomalous = _checked(scores, anomalous)
    values, rank = np.unique(-scores, return_inverse=True)
    found = np.cumsum(np.bincount(rank[anomalous], minlength=len(values)))
    taken = np.cumsum(np.bincount(rank, minlength=len(values)))
    gained = np.diff(found, prepend=0)
    return float((gained * found / taken).sum() / found[-1])


def roc(scores: Any, anomalous: Any) -> tuple[Array, Array]:
    """Return the receiver operating characteristic: (k,) false-alarm and (k,) detection rates, from 0 to 1.

    There is one point for each distinct score, from high to low, after (0, 0). Arguments and errors as for
    :func:`auroc`.

    >>> roc([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    scores, anomalous = _checked(scores, anomalous)
    values, rank = np.unique(-scores, return_inverse=True)
    rates = []
    for one in (~anomalous, anomalous):
        count = np.cumsum(np.bincount(rank[one], minlength=len(values)))
        rates.append(np.concatenate([[0.0], count / count[-1]]))
    return rates[0], rates[1]


class PixelRanking:
    """Ranking of the pixels of many maps against masks, in constant memory (about 25 MB).

    Values are rounded to 12 significant bits. Both measures are then exact, with ties counted as
    straight pieces of the curve.

    >>> ranking = PixelRanking()
    >>> ranking.update([[0.1, 0.2], [0.7, 0.9]], [[0, 0], [0, 1]])
    >>> ranking.auroc()
    1.0
    """

    def __init__(self) -> None:
        self._normal = np.zeros(2**BITS)
        self._anomalous = np.zeros(2**BITS)
        self._overlap = np.zeros(2**BITS)  # each anomalous pixel weighs 1 / area of its region
        self.regions = 0

    def update(self, scores: Any, mask: Any) -> None:
        """Add the map of one image.

        Args:
            scores: (H, W) finite numbers.
            mask: (H, W) true or 1 where the image is anomalous; all false for a normal image.

        Raises:
            InputError: the shapes differ or a score is not finite.
        """
        scores, mask = np.asarray(scores, dtype=np.float32), np.asarray(mask).astype(bool)
        if scores.ndim != 2 or scores.shape != mask.shape:
            raise InputError(
                f"a map and its mask must both be (H, W); got {scores.shape} and {mask.shape}"
            )
        if not np.isfinite(scores).all():
            raise InputError("a map must hold finite numbers only")
        bins = _bins(scores)
        self._normal += np.bincount(bins[~mask], minlength=2**BITS)
        if mask.any():
            self._anomalous += np.bincount(bins[mask], minlength=2**BITS)
            labels, areas = label_regions(mask)
            weights = 1 / areas[labels[mask] - 1]
            self._overlap += np.bincount(bins[mask], weights=weights, minlength=2**BITS)
            self.regions += len(areas)

    def add(self, other: "PixelRanking") -> None:
        """Add all maps of another ranking."""
        self._normal += other._normal
        self._anomalous += other._anomalous
        self._overlap += other._overlap
        self.regions += other.regions

    @property
    def complete(self) -> bool:
        """Whether there are both normal and anomalous pixels, which a ranking needs."""
        return bool(self._normal.any() and self._anomalous.any())

    def auroc(self) -> float:
        """Return the area under the ROC of all pixels of all maps together; see :func:`auroc`.

        Raises:
            InputError: there are no normal or no anomalous pixels.
        """
        return self._area(self._anomalous, 1.0)

    def aupro(self, limit: float = AUPRO_LIMIT) -> float:
        """Return the area under the per-region overlap, up to a false-positive rate, as a fraction of it.

        At each threshold, the overlap is the fraction of each anomalous region (8-connected) at or above the
        threshold, averaged over all regions of all images. It is plotted against the fraction of normal
        pixels at or above the threshold. Small regions count as much as large ones.

        Convention: [0, 1], 1 where every region is found before any normal pixel; ``limit / 2`` for a random
        ranking.

        Args:
            limit: the false-positive rate up to which the area is taken, above 0 up to 1.

        Raises:
            InputError: the limit is out of range, or there are no normal or no anomalous pixels.

        Source: Bergmann et al. 2021, doi:10.1007/s11263-020-01400-4, section 5.
        """
        if not 0 < limit <= 1:
            raise InputError(f"limit must be above 0 and at most 1; got {limit!r}")
        return self._area(self._overlap, limit)

    def _area(self, found: Array, limit: float) -> float:
        """Return the area under the cumulated ``found`` over that of normal pixels, divided by limit."""
        if not self._normal.any() or not found.any():
            raise InputError("both normal and anomalous pixels are needed")
        used = np.flatnonzero(self._normal + found)[::-1]
        x = np.concatenate([[0.0], np.cumsum(self._normal[used])]) / self._normal.sum()
        y = np.concatenate([[0.0], np.cumsum(found[used])]) / found.sum()
        end = np.interp(limit, x, y)
        inside = x < limit
        x, y = np.append(x[inside], limit), np.append(y[inside], end)
        return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) / limit)


def pixel_auroc(maps: Iterable[Any], masks: Iterable[Any]) -> float:
    """Return :meth:`PixelRanking.auroc` of maps and masks, (H, W) each."""
    return _ranking(maps, masks).auroc()


def aupro(maps: Iterable[Any], masks: Iterable[Any], limit: float = AUPRO_LIMIT) -> float:
    """Return :meth:`PixelRanking.aupro` of maps and masks, (H, W) each."""
    return _ranking(maps, masks).aupro(limit)


def label_regions(mask: Array) -> tuple[Array, Array]:
    """Label the 8-connected regions of a mask (H, W).

    Returns:
        (H, W) labels, 0 outside and from 1 up inside, and (regions,) areas in pixels.
    """
    from scipy.ndimage import label

    labels, count = label(mask, structure=np.ones((3, 3)))
    return labels, np.bincount(labels.ravel(), minlength=count + 1)[1:]


def _ranking(maps: Iterable[Any], masks: Iterable[Any]) -> PixelRanking:
    ranking = PixelRanking()
    for scores, mask in zip(maps, masks, strict=True):
        ranking.update(scores, mask)
    return ranking


def _bins(scores: Array) -> Array:
    """Return the bin of each float32 value; bins are in the order of the values."""
    bits = (scores + np.float32(0)).view(np.uint32)  # + 0 makes -0 the same as 0
    ordered = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return (ordered >> (32 - BITS)).astype(np.int64)


def _checked(scores: Any, anomalous: Any) -> tuple[Array, Array]:
    scores, anomalous = np.asarray(scores, dtype=np.float64), np.asarray(anomalous).astype(bool)
    if scores.ndim != 1 or scores.shape != anomalous.shape:
        raise InputError(
            "scores and anomalous must be as long as each other, (n,); got "
            f"{scores.shape} and {anomalous.shape}"
        )
    if not np.isfinite(scores).all():
        raise InputError(f"score {int(np.argmin(np.isfinite(scores)))} is not a finite number")
    if anomalous.all() or not anomalous.any():
        kind = "normal" if anomalous.all() else "anomalous"
        raise InputError(f"both normal and anomalous images are needed; there are no {kind} ones")
    return scores, anomalous
