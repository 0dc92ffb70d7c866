"""The chart of the ROC."""

from xml.etree import ElementTree

import numpy as np

from convae.report.svg.roc_chart import Roc, roc_svg


def test_the_curve_its_area_and_the_threshold_are_in_the_drawing() -> None:
    curve = Roc(
        false_alarms=np.array([0, 0, 0.5, 1]),
        detections=np.array([0, 0.5, 1, 1]),
        point=(0.5, 1.0),
        auroc=0.875,
    )
    drawn = roc_svg(curve, heading="ROC curve")
    ElementTree.fromstring(drawn)
    assert "AUROC 0.875" in drawn
    assert "At the threshold 100\u00a0% of the defects are detected" in drawn
    assert "at the threshold" in drawn
    plain = roc_svg(
        Roc(false_alarms=np.array([0, 1]), detections=np.array([0, 1]), point=None, auroc=0.5)
    )
    assert "at the threshold" not in plain
