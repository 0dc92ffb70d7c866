"""Whether new images still resemble the calibration images that set a detector's threshold.

A threshold is valid for images from the same source as the calibration images. Two tests detect a change,
without labels:

- The scores of images called normal. Given the threshold t, an order statistic of the calibration scores,
  the calibration scores below t and the new scores up to t are independent samples of one distribution, that
  of normal scores below t; in other words, the p-values are uniform above the false-alarm rate. The scores
  are compared by ranks (Mann-Whitney), which allows for a small number of calibration images: a test
  against the uniform distribution itself would not, and would reject too often.
- Brightness, contrast, sharpness and size of all images, compared with those of the calibration images by
  ranks.

Each of the :data:`TESTS` tests has the significance level :data:`LEVEL` / :data:`TESTS`, so that images
without drift are reported in at most a fraction :data:`LEVEL` of runs. With thousands of images a test also
finds irrelevant differences. A change must therefore be material as well, see :data:`MATERIAL` and
:data:`LEAST`. Several shots of one part are not independent: among the calibration images groups are
counted once; among new images groups are unknown.

Source: Mann, Whitney 1947, doi:10.1214/aoms/1177730491.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from convae.metrics.conformal import Calibration

Array = np.ndarray[Any, np.dtype[Any]]

LEVEL = 0.01  # highest probability that images without drift are reported
FEWEST = 20  # fewest new images for a test
# Least deviation from 1/2 of the fraction of pairs in which the new image is higher: 0.14 for a change of
# normal values by half a standard deviation, as Phi(0.5 / sqrt(2)) = 0.638.
MATERIAL = 0.14
SCORES = "p-value of images called normal"
# The properties of an image, and the least change of their median that counts: (absolute, as a fraction).
LEAST = {
    "brightness": (1 / 255, 0.0),
    "contrast": (1 / 255, 0.0),
    "sharpness": (0.0, 0.02),
    "height": (0.0, 0.02),
    "width": (0.0, 0.02),
}
TESTS = 1 + len(LEAST)


@dataclass(frozen=True)
class Look:
    """The appearance of an image, as the network receives it.

    Attributes:
        brightness: mean of its scaled values, about 0 to 1.
        contrast: their standard deviation.
        sharpness: mean gradient, as a fraction of the contrast: it does not depend on the light.
        height, width: of the image before it is resized to the size of the model.
    """

    brightness: float
    contrast: float
    sharpness: float
    height: int
    width: int


def look_of(scaled: Array, size: tuple[int, int]) -> Look:
    """Compute the properties of an image.

    Args:
        scaled: (C, H, W) in about [0, 1], in the size that the network takes; NaN does not count.
        size: (height, width) of the image before resizing.

    >>> look_of(np.array([[[0.0, 1.0], [0.0, 1.0]]]), (4, 4))
    Look(brightness=0.5, contrast=0.5, sharpness=1.0, height=4, width=4)
    """
    grey = np.asarray(scaled, dtype=np.float64).mean(axis=0)
    known = grey[np.isfinite(grey)]
    brightness, contrast = (float(known.mean()), float(known.std())) if known.size else (0.0, 0.0)
    steps = [_mean(np.abs(np.diff(grey, axis=axis))) for axis in (0, 1)]
    sharpness = sum(steps) / len(steps) / contrast if contrast > 1e-6 else 0.0
    return Look(brightness, contrast, sharpness, size[0], size[1])


def look_rows(looks: Sequence[Look], groups: Array | None = None) -> Array:
    """Return the properties of calibration images as float32 (n, 6) for a model file; column 6 is the weight.

    Args:
        looks: of n images.
        groups: (n,) the group of each image, which counts as one; None makes each its own.
    """
    values = np.array([astuple(look) for look in looks], dtype=np.float32).reshape(-1, len(LEAST))
    weights = np.ones(len(values))
    if groups is not None:
        _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        weights = 1 / sizes[member]
    return np.column_stack([values, weights]).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A property, compared between the calibration images and new ones.

    Attributes:
        what: brightness, contrast, sharpness, height, width, or :data:`SCORES`.
        before, after: median of the calibration images, and of the new ones.
        p_value: the probability of a difference of ranks this large without drift.
        moved: whether it is material, and the p-value at most :data:`LEVEL` / :data:`TESTS`.
    """

    what: str
    before: float
    after: float
    p_value: float
    moved: bool

    @property
    def text(self) -> str:
        """Return ``brightness fell from 0.52 to 0.431 (p = 2e-09)``."""
        verb = "rose" if self.after > self.before else "fell"
        size = self.what in ("height", "width")
        before, after = (f"{v:,.0f}" if size else f"{v:.3g}" for v in (self.before, self.after))
        unit = " pixels" if size else ""
        p = f"p = {self.p_value:.1g}" if self.p_value >= 1e-12 else "p < 1e-12"
        return f"{self.what} {verb} from {before} to {after}{unit} ({p})"


@dataclass(frozen=True, kw_only=True)
class Drift:
    """The result of the tests.

    Attributes:
        images: number of images tested, without those that the model was trained on.
        changes: all comparisons; empty if there are fewer than :data:`FEWEST` images.
    """

    images: int
    changes: tuple[Change, ...] = ()

    @property
    def moved(self) -> list[Change]:
        """The changes that count as drift."""
        return [change for change in self.changes if change.moved]

    @property
    def sentence(self) -> str:
        """Return what to do and why, in one line; empty if nothing changed."""
        if not self.moved:
            return ""
        texts = "; ".join(change.text for change in self.moved)
        return f"recalibrate: these images are no longer like the calibration images: {texts}"

    @property
    def summary(self) -> str:
        """Return the result in a few words, with or without drift."""
        if not self.changes:
            return f"not tested: fewer than {FEWEST} new images"
        if self.moved:
            return "no: " + ", ".join(change.what for change in self.moved)
        return f"yes, as far as {len(self.changes)} tests at a level of {LEVEL:g} in all can say"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON; ``recalibrate`` is None where nothing could be tested."""
        return {
            "recalibrate": bool(self.moved) if self.changes else None,
            "images": self.images,
            "tests": [
                {
                    "what": change.what,
                    "calibration_median": change.before,
                    "median": change.after,
                    "p_value": change.p_value,
                    "moved": change.moved,
                }
                for change in self.changes
            ],
        }


def find_drift(
    calibration: Calibration,
    threshold: float,
    rows: Array | None,
    *,
    scores: Sequence[float],
    looks: Sequence[Look],
) -> Drift:
    """Compare new images with the calibration images.

    Args:
        calibration: the scores of the calibration images.
        threshold: the score above which an image is anomalous.
        rows: their properties, by :func:`look_rows`; None (a model file without them) compares scores only.
        scores: (n,) of new images that the model was not trained on.
        looks: (n,) of the same images.
    """
    changes = _score_change(calibration, threshold, np.asarray(scores, dtype=np.float64))
    if rows is not None and len(rows) and len(looks) >= FEWEST:
        new = look_rows(looks)
        changes += [
            _change(what, new[:, k], rows[:, k], rows[:, -1]) for k, what in enumerate(LEAST)
        ]
    return Drift(images=len(looks), changes=tuple(changes))


def _score_change(calibration: Calibration, threshold: float, scores: Array) -> list[Change]:
    """Compare the scores of images called normal; report p-values, which are easier to compare."""
    new, below = scores[scores <= threshold], calibration.scores < threshold
    old, weights = calibration.scores[below], calibration.weights[below]
    if len(new) < FEWEST or not len(old):
        return []
    share, p_value = rank_test(new, old, weights)
    before, after = (float(np.median(calibration.p_values(one))) for one in (old, new))
    moved = abs(share - 0.5) >= MATERIAL and p_value <= LEVEL / TESTS
    return [Change(what=SCORES, before=before, after=after, p_value=p_value, moved=moved)]


def _change(what: str, new: Array, old: Array, weights: Array) -> Change:
    share, p_value = rank_test(new, old, weights)
    before, after = float(np.median(old)), float(np.median(new))
    absolute, fraction = LEAST[what]
    seen = abs(after - before) > max(absolute, fraction * abs(before))
    moved = seen and abs(share - 0.5) >= MATERIAL and p_value <= LEVEL / TESTS
    return Change(what=what, before=before, after=after, p_value=p_value, moved=moved)


def rank_test(new: Array, old: Array, weights: Array) -> tuple[float, float]:
    """Apply the two-sided Mann-Whitney test, with weights for the old values.

    The fraction of pairs in which the new value is higher (ties count half) has, without drift, the mean 1/2
    and the variance (m + n + 1) / 12 m n, with n the sum of the weights. Ties, and values of one group that
    agree less than fully, make the true variance smaller.

    Args:
        new: (m,).
        old: (k,).
        weights: (k,) the weight of each old value: 1, or one over the size of its group.

    Returns:
        the fraction, 0 to 1, and the p-value by the normal approximation.

    >>> rank_test(np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.ones(2))
    (0.5, 1.0)
    """
    order = np.argsort(old, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(np.asarray(weights, dtype=np.float64)[order])])
    low, high = (sums[np.searchsorted(old[order], new, side=s)] for s in ("left", "right"))
    n, m = float(sums[-1]), len(new)
    share = float(np.mean((low + high) / 2) / n)
    z = (share - 0.5) / math.sqrt((m + n + 1) / (12 * m * n))
    return share, math.erfc(abs(z) / math.sqrt(2))


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else 0.0
