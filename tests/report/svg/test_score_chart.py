"""The histogram of scores: bars, the threshold's place, the outline of the calibration images."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convae.errors import InputError
from convae.report.findings import ScoreSpread
from convae.report.svg.score_chart import score_histogram_svg


def threshold_line(svg: str) -> list[float]:
    """The x of both ends of the line of the threshold."""
    line = re.search(r'<path class="cv-line cv-mark cv-dash" d="M([\d.]+) [\d.]+L([\d.]+) ', svg)
    assert line is not None
    return [float(line[1]), float(line[2])]


def bars(svg: str, css: str) -> list[tuple[float, float]]:
    """(left, right) of each bar."""
    path = re.search(rf'<path class="[^"]*{css}[^"]*" d="([^"]*)"', svg)
    assert path is not None
    found = re.findall(r"M([\d.]+) [\d.]+V[\d.]+H([\d.]+)V[\d.]+Z", path[1])
    return [(float(left), float(right)) for left, right in found]


@pytest.mark.parametrize("high", [4.0, 900.0])  # a linear and a logarithmic axis
def test_the_threshold_lies_between_normal_and_anomalous_images(high: float) -> None:
    spread = ScoreSpread(
        scores=[1.0] * 20 + [high] * 3, anomalous=[False] * 20 + [True] * 3, threshold=2.0
    )
    svg = score_histogram_svg(spread)
    left, right = threshold_line(svg)
    assert left == right
    normal, anomalous = bars(svg, "cv-soft"), bars(svg, "cv-strong")
    assert len(normal) == 2  # all images: those that are anomalous stand on theirs
    assert len(anomalous) == 1
    assert normal[0][1] < left < anomalous[0][0]
    assert "threshold 2.00" in svg
    assert "23 images, 3 of them anomalous." in svg


def test_calibration_images_are_an_outline_scaled_to_as_many_images() -> None:
    """Ten images and five calibration images of one score: the outline reaches the top of the bar."""
    svg = score_histogram_svg(ScoreSpread(scores=[1.0] * 10, calibration=[1.0] * 5))
    top = re.search(r'cv-soft" d="M[\d.]+ [\d.]+V([\d.]+)H', svg)
    outline = re.search(r'<path class="cv-line cv-baseline cv-thin" d="([^"]*)"', svg)
    assert top is not None
    assert outline is not None
    heights = [float(y) for _, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", outline[1])]
    assert min(heights) == float(top[1])


def test_without_verdicts_there_is_neither_threshold_nor_normal() -> None:
    svg = score_histogram_svg(ScoreSpread(scores=[1.0, 2.0]))
    assert "cv-mark cv-dash" not in svg.split("</style>")[1]
    assert ">normal<" not in svg
    assert score_histogram_svg(ScoreSpread(scores=[1.0], threshold=-np.inf)).count("threshold") == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=40),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_any_scores_give_a_chart(scores: list[float], threshold: float) -> None:
    flagged = [not score <= threshold for score in scores]
    svg = score_histogram_svg(ScoreSpread(scores=scores, anomalous=flagged, threshold=threshold))
    ElementTree.fromstring(svg)
    assert "nan" not in svg.lower().split("</style>")[1]


def test_verdicts_are_one_an_image() -> None:
    with pytest.raises(InputError, match="anomalous must be 2 or none, got 1"):
        ScoreSpread(scores=[1.0, 2.0], anomalous=[True])
