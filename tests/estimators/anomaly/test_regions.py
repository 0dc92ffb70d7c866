"""Regions of a map: places, order and p-values by hand."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from convae.estimators.anomaly.regions import Region, find_regions
from convae.metrics.conformal import Calibration

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


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    found: np.ndarray = gaussian_filter(image.astype(float), sigma)
    return found


@pytest.mark.parametrize("contrast", [0.1, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("side", [3, 5, 9, 15])
@pytest.mark.parametrize("size", [(30, 40), (64, 64), (50, 120)])
def test_the_box_of_a_compact_defect_does_not_grow_with_its_contrast(
    contrast: float, side: int, size: tuple[int, int]
) -> None:
    """A map as networks give it: bounded at the defect, and disturbed everywhere by its contrast."""
    defect = np.zeros(size)
    defect[8 : 8 + side, 12 : 12 + side] = contrast
    change = blurred(defect, 1.5) + 0.1 * contrast
    scores = 10 * blurred(defect, 2) / (blurred(defect, 2) + 0.1) + 5 * contrast
    (region,) = find_regions(scores, 0.4, PEAKS, change)
    left, top, width, height = region.box
    assert side - 2 <= width <= 2 * side
    assert side - 2 <= height <= 2 * side
    assert abs(left + width / 2 - 12 - side / 2) <= 1
    assert abs(top + height / 2 - 8 - side / 2) <= 1
    assert region.score == scores.max()


def test_a_large_defect_stays_whole_and_several_stay_apart() -> None:
    defect = np.zeros((60, 80))
    defect[5:30, 5:45] = 1
    change = blurred(defect, 1.5)
    (whole,) = find_regions(10 * change + 1, 0.5, PEAKS, change + 0.05)
    assert whole.area >= 23 * 38  # at a straight edge both factors are 0.7 one pixel inside
    defect[45:52, 60:66] = 0.9
    change = blurred(defect, 1.5)
    found = find_regions(10 * change + 1, 0.5, PEAKS, change + 0.05)
    assert len(found) == 2
    assert found[1].box[0] >= 58
    assert found[1].box[1] >= 43


def test_each_part_above_the_level_keeps_a_region() -> None:
    """However weak: it is measured by its own highest place."""
    scores, change = np.zeros((20, 20)), np.full((20, 20), 0.01)
    scores[2:5, 2:5], change[2:5, 2:5] = 9, 1
    scores[12:15, 12:15] = 2
    assert [(r.box, r.score) for r in find_regions(scores, 1, PEAKS, change)] == [
        ((2, 2, 3, 3), 9),
        ((12, 12, 3, 3), 2),
    ]


def test_a_map_below_zero_and_no_change_at_all() -> None:
    scores = np.full((6, 6), -3.0)
    scores[2, 3] = -1
    assert find_regions(scores, -2, PEAKS, np.ones((6, 6)))[0].box == (3, 2, 1, 1)
    assert find_regions(scores, -2, PEAKS, np.zeros((6, 6)))[0].box == (3, 2, 1, 1)
    assert find_regions(scores, 0, PEAKS, np.ones((6, 6))) == []


def test_plain_values() -> None:
    region = Region(box=(1, 2, 3, 4), area=5, score=6.0, p_value=0.5)
    assert region.to_dict() == {"box": [1, 2, 3, 4], "area": 5, "score": 6.0, "p_value": 0.5}
