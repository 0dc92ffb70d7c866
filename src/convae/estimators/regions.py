"""Regions of a map: where an image is anomalous, and how surely."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from convae.conformal import Calibration
from convae.ranking import label_regions


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


def find_regions(scores: np.ndarray, level: float, peaks: Calibration) -> list[Region]:
    """The 8-connected regions of a map above a level, the highest first.

    Args:
        scores: (H, W) the map.
        level: what is above it stands out.
        peaks: the highest values of the maps of held-out normal images.
    """
    from scipy.ndimage import find_objects, maximum

    labels, areas = label_regions(scores > level)
    if not len(areas):
        return []
    tops = np.asarray(maximum(scores, labels, np.arange(1, len(areas) + 1)), dtype=float)
    chances = peaks.p_values(tops)
    boxes = find_objects(labels)
    return [
        Region(
            box=_box(boxes[i]),
            area=int(areas[i]),
            score=float(tops[i]),
            p_value=float(chances[i]),
        )
        for i in np.argsort(-tops, kind="stable")
    ]


def _box(place: tuple[slice, slice]) -> tuple[int, int, int, int]:
    rows, columns = place
    return columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
