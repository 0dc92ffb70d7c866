"""Errors against a number of images or of values in a code: lines with intervals, both axes logarithmic."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convae.report.svg.axes import Axis, log_axis, tick_labels
from convae.report.svg.charts import Chart, Key
from convae.report.text import number

MOST_TICKS = 8


@dataclass(frozen=True, kw_only=True)
class ErrorLine:
    """One line of the chart.

    Attributes:
        name: for the legend.
        css: the class of its colour: ``cv-model``, ``cv-baseline`` or ``cv-train``.
        values: (n,) at each position; 0 and below have no place.
        low, high: (n,) ends of the intervals; NaN for none.
        marked: the position with a ring; None for none.
        mark: what the ring means.
    """

    name: str
    css: str
    values: Sequence[float] | np.ndarray
    low: Sequence[float] | np.ndarray
    high: Sequence[float] | np.ndarray
    marked: int | None = None
    mark: str = ""


def error_chart_svg(
    positions: Sequence[int],
    lines: Sequence[ErrorLine],
    *,
    label: str,
    heading: str = "",
    standalone: bool = True,
) -> str:
    """Draw errors against positions.

    Args:
        positions: (n,) whole numbers above 0, ascending.
        lines: the errors.
        label: what the positions are, such as ``training images``.
        heading: written above the chart.
        standalone: the SVG is a separate file; False for use inside a page that has the style.
    """
    places = np.asarray(positions, dtype=np.float64)
    reached = [
        np.asarray(part, dtype=np.float64) for one in lines for part in (one.values, one.high)
    ]
    lowest = [_positive_low(one) for one in lines]
    chart = Chart(
        _position_axis(places),
        log_axis(np.concatenate([*reached, *lowest])),
        labels=(label, "mean squared error of test images"),
        heading=heading,
    )
    words = []
    for one in lines:
        values = np.asarray(one.values, dtype=np.float64)
        chart.line(places, values, css=one.css)
        chart.key(Key(text=one.name, css=one.css))
        for place, low, high in zip(places, _positive_low(one), one.high, strict=True):
            if np.isfinite(low) and np.isfinite(high):
                chart.line(
                    np.array([place, place]), np.array([low, high]), css=f"{one.css} cv-thin"
                )
        for place, value in zip(*chart.places(places, values), strict=True):
            if np.isfinite(value):
                chart.ring(float(place), float(value), css=one.css, radius=2)
        words.append(f"{one.name}: {', '.join(number(float(value)) for value in values)}.")
        if one.marked is not None:
            x, y = chart.places(places[[one.marked]], values[[one.marked]])
            if np.isfinite([x[0], y[0]]).all():
                chart.ring(float(x[0]), float(y[0]), css=one.css, radius=7)
                chart.key(
                    Key(text=f"{one.mark}, {one.name}", css=f"cv-line {one.css}", mark="ring")
                )
    at = ", ".join(f"{position:,}" for position in positions)
    return chart.render(
        f"Error by {label}", f"At {at} {label}. {' '.join(words)}", standalone=standalone
    )


def _positive_low(line: ErrorLine) -> np.ndarray:
    """Return the lower ends of the intervals, raised to a tenth of the value, which has a place."""
    values = np.asarray(line.values, dtype=np.float64)
    return np.maximum(np.asarray(line.low, dtype=np.float64), values / 10)


def _position_axis(places: np.ndarray) -> Axis:
    """Return a logarithmic axis with a tick at the positions, at every other one where there are many."""
    around = log_axis(places)
    step = -(-len(places) // MOST_TICKS)
    ticks = tuple(float(place) for place in places[::-1][::step][::-1])
    return Axis(
        low=around.low, high=around.high, ticks=ticks, labels=tick_labels(ticks, log=True), log=True
    )
