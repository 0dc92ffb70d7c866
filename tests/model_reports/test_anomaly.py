"""The words of a detector's report."""

import pytest

from convae.evaluation.results.guarantee import counted
from convae.metrics.conformal import Calibration


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([0], "1 normal image"),
        ([0, 1, 2], "3 normal images"),
        ([0, 0, 0], "3 normal images in 1 group"),
        ([i % 7 for i in range(49)], "49 normal images in 7 groups"),
        ([i // 2 for i in range(2400)], "2,400 normal images in 1,200 groups"),
    ],
)
def test_images_and_groups_are_counted_as_what_they_are(groups: list[int], expected: str) -> None:
    calibration = Calibration.of([float(i) for i in range(len(groups))], groups)
    assert counted(calibration, "normal image") == expected
