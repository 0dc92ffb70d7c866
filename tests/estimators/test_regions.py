"""Regions of a map: places, order and p-values by hand."""

import numpy as np

from convae.conformal import Calibration
from convae.estimators.regions import Region, find_regions

PEAKS = Calibration.of([1.0, 2.0, 3.0])


def test_regions_by_hand() -> None:
    scores = np.zeros((6, 8), np.float32)
    scores[1:3, 2:5] = 2.5
    scores[3, 5] = 2.0  # touches by a corner
    scores[5, 0] = 7.0
    assert find_regions(scores, 1.5, PEAKS) == [
        Region(box=(0, 5, 1, 1), area=1, score=7.0, p_value=0.25),
        Region(box=(2, 1, 4, 3), area=7, score=2.5, p_value=0.5),
    ]


def test_none_above_the_level() -> None:
    assert find_regions(np.ones((4, 4)), 1.0, PEAKS) == []


def test_plain_values() -> None:
    region = Region(box=(1, 2, 3, 4), area=5, score=6.0, p_value=0.5)
    assert region.to_dict() == {"box": [1, 2, 3, 4], "area": 5, "score": 6.0, "p_value": 0.5}
