"""Regions of a map: where an image is anomalous, and how surely."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from convae.metrics.conformal import Calibration
from convae.metrics.ranking import label_regions

CORE = 0.5  # part of the highest strength of a region that all of it has


@dataclass(frozen=True, kw_only=True)
class Region:
    """A connected part of an image that stands out.

    Attributes:
        box: (left, top, width, height) in pixels of the image.
        area: in pixels.
        score: the highest value of the map in it.
        p_value: how probable it is that a normal image has a place as high as this anywhere.
    """

    box: tuple[int, int, int, int]
    area: int
    score: float
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "box": list(self.box),
            "area": self.area,
            "score": self.score,
            "p_value": self.p_value,
        }


def find_regions(
    scores: np.ndarray, level: float, peaks: Calibration, change: np.ndarray | None = None
) -> list[Region]:
    """The 8-connected regions of a map above a level, the highest first.

    A defect of strong contrast disturbs what a network makes of everything around it, so that the whole
    image may be above the level. So of each part above it only that is kept where the map times the change
    comes to :data:`CORE` of its highest there. Where that has several parts they are regions of their own.

    Args:
        scores: (H, W) the map.
        level: what is above it stands out.
        peaks: the highest values of the maps of held-out normal images.
        change: (H, W) how far each pixel is from what there should be, 0 or more; None takes the map alone.
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
    """(H, W) which pixels belong to regions."""
    from scipy.ndimage import maximum

    above: np.ndarray = scores > level
    labels, areas = label_regions(above)
    if change is None or not len(areas):
        return above
    # From zero up: where an image is anomalous as a whole, the level may be below what is usual.
    strength = (scores - min(0.0, level)) * np.maximum(change, 0)
    tops = np.asarray(maximum(strength, labels, np.arange(1, len(areas) + 1)), dtype=float)
    kept: np.ndarray = above & (strength >= CORE * np.concatenate([[np.inf], tops])[labels])
    return kept


def _box(place: tuple[slice, slice]) -> tuple[int, int, int, int]:
    rows, columns = place
    return columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
