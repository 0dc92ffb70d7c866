"""The curves of the trials of a search: the held-out figure by epoch, one line for each trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from convae.report.svg.axes import Axis, linear_axis, log_axis
from convae.report.svg.charts import Chart, Key
from convae.report.text import number


@dataclass(frozen=True, kw_only=True)
class TrialCurve:
    """One trial.

    Attributes:
        label: its name.
        values: epoch -> figure.
        role: ``best``, ``defaults`` or empty.
        stopped: whether it was stopped early.
    """

    label: str
    values: Mapping[int, float] = field(default_factory=dict)
    role: str = ""
    stopped: bool = False

    @property
    def css(self) -> str:
        """The style of its line."""
        if self.role == "best":
            return "cv-model"
        if self.role == "defaults":
            return "cv-train"
        return f"cv-baseline cv-thin{' cv-dash' if self.stopped else ''}"


def trial_curves_svg(
    curves: Sequence[TrialCurve],
    *,
    name: str,
    log: bool = True,
    heading: str = "",
    standalone: bool = True,
) -> str:
    """Draw the figure of each trial by epoch; the best trial and the defaults stand out.

    Args:
        curves: one for each trial; those without values are left out.
        name: what is drawn, the label of the axis.
        log: whether the axis is logarithmic, where all values are above 0.
        heading: written above the curves.
        standalone: the SVG is a separate file; False for use inside a page that has the style.
    """
    shown = sorted((one for one in curves if one.values), key=lambda one: bool(one.role))
    values = np.array([v for one in shown for v in one.values.values()], dtype=np.float64)
    epochs = np.array([e for one in shown for e in one.values], dtype=np.float64)
    chart = Chart(
        linear_axis(epochs, widen=False, whole=True, count=8),
        _axis(values, log),
        labels=("epoch", name),
        heading=heading,
    )
    for one in shown:
        places = sorted(one.values)
        line = np.array([one.values[e] for e in places], dtype=np.float64)
        chart.line(np.array(places, dtype=np.float64), line, css=one.css)
    for one in reversed(shown):
        if one.role:
            last = one.values[max(one.values)]
            chart.key(Key(text=f"{one.label} {number(float(last))}", css=one.css))
    stopped = sum(one.stopped for one in shown)
    for text, css, count in (
        ("other trials", "cv-baseline cv-thin", len(shown) - stopped - 2),
        ("stopped early", "cv-baseline cv-thin cv-dash", stopped),
    ):
        if count > 0:
            chart.key(Key(text=text, css=css))
    words = f"{len(shown)} trial{'s' * (len(shown) != 1)}, {stopped} of them stopped early."
    return chart.render(f"{name} of each trial by epoch", words, standalone=standalone)


def _axis(values: np.ndarray, log: bool) -> Axis:
    finite = values[np.isfinite(values)]
    if log and finite.size and finite.min() > 0 and finite.max() > 1.2 * finite.min():
        return log_axis(finite)
    return linear_axis(finite)
