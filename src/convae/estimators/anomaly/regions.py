"""Regions of a map: where an image is anomalous, and how certain that is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from convae.metrics.conformal import Calibration
from convae.metrics.ranking import label_regions

CORE = 0.5  # fraction of the highest strength of a region that all of its pixels reach


@dataclass(frozen=True, kw_only=True)
class Region:
    """A connected part of an image that stands out.

    Attributes:
        box: (left, top, width, height) in pixels of the image.
        area: in pixels.
        score: the highest value of the map in it.
        p_value: the probability that a normal image has a value as high as this anywhere.
    """

    box: tuple[int, int, int, int]
    area: int
    score: float
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "box": list(self.box),
            "area": self.area,
            "score": self.score,
            "p_value": self.p_value,
        }


def find_regions(
    scores: np.ndarray, level: float, peaks: Calibration, change: np.ndarray | None = None
) -> list[Region]:
    """Find the 8-connected regions of a map above a threshold, the highest first.

    A defect of strong contrast disturbs the network's output around it, so that the whole image may be above
    the threshold. So each part above it is reduced to the pixels where the map times the change reaches
    :data:`CORE` of its highest value there. If several parts remain, each is a region of its own.

    Args:
        scores: (H, W) the map.
        level: the threshold; higher values stand out.
        peaks: the highest values of the maps of held-out normal images.
        change: (H, W) how far each pixel is from its expected value, 0 or more; None uses the map alone.
    """
    from scipy.ndimage import find_objects, maximum

    labels, areas = label_regions(_cores(scores, level, change))
    if not len(areas):
        return []
    tops = np.asarray(maximum(scores, labels, np.arange(1, len(areas) + 1)), dtype=float)
    p_values = peaks.p_values(tops)
    boxes = find_objects(labels)
    return [
        Region(
            box=_box(boxes[i]),
            area=int(areas[i]),
            score=float(tops[i]),
            p_value=float(p_values[i]),
        )
        for i in np.argsort(-tops, kind="stable")
    ]


def _cores(scores: np.ndarray, level: float, change: np.ndarray | None) -> np.ndarray:
    """Return which pixels belong to regions, (H, W)."""
    from scipy.ndimage import maximum

    above: np.ndarray = scores > level
    labels, areas = label_regions(above)
    if change is None or not len(areas):
        return above
    # At least zero: if an image is anomalous as a whole, the threshold may be below normal values.
    strength = (scores - min(0.0, level)) * np.maximum(change, 0)
    tops = np.asarray(maximum(strength, labels, np.arange(1, len(areas) + 1)), dtype=float)
    kept: np.ndarray = above & (strength >= CORE * np.concatenate([[np.inf], tops])[labels])
    return kept


def _box(place: tuple[slice, slice]) -> tuple[int, int, int, int]:
    rows, columns = place
    return columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
