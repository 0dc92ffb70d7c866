"""The receiver operating characteristic of a detector, with the point of its threshold."""

from dataclasses import dataclass

import numpy as np

from convae.report.svg.axes import linear_axis
from convae.report.svg.charts import Chart, Key
from convae.report.text import percent


@dataclass(frozen=True, kw_only=True)
class Roc:
    """A curve and a point on it.

    Attributes:
        false_alarms, detections: (k,) rates from 0 to 1, rising.
        point: (false-alarm rate, detection rate) at the threshold; None for no mark.
        auroc: the area under the curve.
    """

    false_alarms: np.ndarray
    detections: np.ndarray
    point: tuple[float, float] | None
    auroc: float


def roc_svg(curve: Roc, *, heading: str = "", standalone: bool = True) -> str:
    """Draw the detection rate against the false-alarm rate, compared with a random ranking.

    Args:
        curve: its points.
        heading: written above the chart.
        standalone: the SVG is a separate file; False for use inside a page that has the style.
    """
    unit = linear_axis([0.0, 1.0])
    chart = Chart(
        unit,
        unit,
        labels=("false-alarm rate", "detection rate"),
        size=(400, 380),
        heading=heading,
    )
    ends = np.array([0.0, 1.0])
    chart.line(ends, ends, css="cv-baseline cv-dash cv-thin")
    chart.line(curve.false_alarms, curve.detections, css="cv-model")
    chart.key(Key(text=f"AUROC {curve.auroc:.3f}", css="cv-model"))
    chart.key(Key(text="chance 0.5", css="cv-baseline cv-dash cv-thin"))
    words = f"Area under the curve {curve.auroc:.3f}."
    if curve.point is not None:
        x, y = chart.places(np.array([curve.point[0]]), np.array([curve.point[1]]))
        chart.ring(float(x[0]), float(y[0]), css="cv-mark")
        chart.key(Key(text="at the threshold", css="cv-mark", mark="ring"))
        words += (
            f" At the threshold {percent(curve.point[1])} of the defects are detected, and "
            f"{percent(curve.point[0])} of the normal images are false alarms."
        )
    return chart.render("ROC curve", words, standalone=standalone)
