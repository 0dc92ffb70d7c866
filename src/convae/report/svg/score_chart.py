"""The histogram of anomaly scores, with the threshold and the scores of the calibration images."""

import math

import numpy as np

from convae.report.findings import ScoreSpread
from convae.report.svg.axes import Axis, linear_axis, log_axis
from convae.report.svg.charts import Chart, Key
from convae.report.text import number

FEWEST, MOST = 12, 48  # number of bars
WIDE = 20.0  # ratio of the range of positive scores from which the axis is logarithmic
_NORMAL, _ANOMALOUS = "cv-model cv-fill cv-soft", "cv-bad cv-fill cv-strong"


def score_histogram_svg(spread: ScoreSpread, *, heading: str = "", standalone: bool = True) -> str:
    """Draw the histogram of scores; in each bar, anomalous images are stacked with the normal ones.

    The scores of the calibration images are an outline, scaled to the number of images, so that the
    two shapes are comparable.

    Args:
        spread: the scores.
        heading: written above the chart.
        standalone: the SVG is a separate file; False for use inside a page that has the style.
    """
    scores = np.asarray(spread.scores, dtype=np.float64)
    flagged = np.asarray(spread.anomalous, dtype=bool)
    known = np.isfinite(scores)
    flagged = flagged[known] if len(flagged) else np.zeros(int(known.sum()), bool)
    scores = scores[known]
    calibration = np.asarray(spread.calibration, dtype=np.float64)
    threshold = spread.threshold if _is_place(spread.threshold) else None
    axis = _axis(np.concatenate([scores, calibration, [] if threshold is None else [threshold]]))
    edges = _edges(axis, len(scores))
    every, some = np.histogram(scores, edges)[0], np.histogram(scores[flagged], edges)[0]
    outline = np.histogram(calibration, edges)[0] * (len(scores) / max(len(calibration), 1))
    top = linear_axis([0, *every, *outline], whole=True)
    chart = Chart(axis, top, labels=("score of an image", "images"), heading=heading)
    _stacked(chart, edges, every, some, judged=bool(len(spread.anomalous)))
    if len(calibration):
        heights = np.repeat(outline, 2).astype(float)
        chart.line(np.repeat(edges, 2)[1:-1], heights, css="cv-baseline cv-thin")
        chart.key(Key(text="calibration images, scaled", css="cv-baseline cv-thin"))
    if threshold is not None:
        ends = np.array([threshold, threshold]), np.array([top.low, top.high])
        chart.line(*ends, css="cv-mark cv-dash")
        text = f"threshold {number(float(threshold))}"
        chart.key(Key(text=text, css="cv-mark cv-dash"))
    words = f"{len(scores):,} images, {int(some.sum()):,} of them anomalous."
    return chart.render("Scores of the images", words, standalone=standalone)


def _stacked(
    chart: Chart, edges: np.ndarray, every: np.ndarray, some: np.ndarray, *, judged: bool
) -> None:
    """Draw a bar for each step: all of it, and its anomalous images from the foot of the chart."""
    left, right = _shrunk(edges, chart.x)
    chart.bars(left, right, every, css=_NORMAL)
    chart.key(Key(text="normal" if judged else "images", css=_NORMAL, mark="bar"))
    if some.any():
        chart.bars(left, right, some, css=_ANOMALOUS)
        chart.key(Key(text="anomalous", css=_ANOMALOUS, mark="bar"))


def _shrunk(edges: np.ndarray, axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Return left and right of each bar, with a gap between two."""
    if axis.log:
        gap = (edges[1] / edges[0]) ** 0.06
        return edges[:-1] * gap, edges[1:] / gap
    gap = (edges[1] - edges[0]) * 0.06
    return edges[:-1] + gap, edges[1:] - gap


def _axis(values: np.ndarray) -> Axis:
    """Return a logarithmic axis if positive scores differ so much that the low ones would share a bar."""
    if values.size and values.min() > 0 and values.max() > WIDE * values.min():
        return log_axis(values)
    return linear_axis(values)


def _edges(axis: Axis, count: int) -> np.ndarray:
    steps = min(max(2 * math.isqrt(count), FEWEST), MOST) + 1
    if axis.log:
        return np.geomspace(axis.low, axis.high, steps)
    return np.linspace(axis.low, axis.high, steps)


def _is_place(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
