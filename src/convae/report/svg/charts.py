"""Charts as SVG, drawn without a plotting library: a frame with axes, lines, bars, dots and a legend.

Every chart is well-formed XML without scripts, ids or external references. It names its
colours by CSS classes for light and dark, and describes its contents in ``<title>`` and ``<desc>``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape as _escape
from xml.sax.saxutils import quoteattr as _quoteattr

import numpy as np

from convae.report.colours import DARK, LIGHT, variables
from convae.report.svg.axes import Axis
from convae.report.text import clean

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
LETTER = 6.9  # pixels: the mean width of a letter at the chart's 13 px

# var() with the light colour as fallback: programs without custom properties (most SVG
# editors) then still show the light chart.
_RULES = {
    ".cv-paper": "fill:{paper}",
    ".cv-text": "fill:{ink}",
    ".cv-small": "fill:{muted}",
    ".cv-grid": "stroke:{line};stroke-width:1",
    ".cv-frame": "stroke:{muted};stroke-width:1;fill:none",
    ".cv-model": "stroke:{model};color:{model}",
    ".cv-baseline": "stroke:{baseline};color:{baseline}",
    ".cv-train": "stroke:{train};color:{train}",
    ".cv-box": "stroke:{muted};color:{muted}",
    ".cv-bad": "stroke:{bad};color:{bad}",
    ".cv-mark": "stroke:{ink};color:{ink}",
}
_SHAPES = (
    ".cv text{font-size:13px;stroke:none}.cv .cv-head{font-size:14px;font-weight:600}"
    ".cv .cv-line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    ".cv .cv-dash{stroke-dasharray:6 4;stroke-linecap:butt}.cv .cv-thin{stroke-width:1.5}"
    ".cv .cv-fill{fill:currentColor;stroke:none}.cv .cv-soft{fill-opacity:.28}"
    ".cv .cv-strong{fill-opacity:.8}"
    ".cv .cv-dots{fill:none;stroke-linecap:round;stroke-opacity:.75}"
)


def _coloured(rule: str) -> str:
    for name, colour in LIGHT.items():
        rule = rule.replace(f"{{{name}}}", f"var(--cv-{name},{colour})")
    return rule


STYLE = "".join(f"{name}{{{_coloured(rule)}}}" for name, rule in _RULES.items()) + _SHAPES
# The printer's paper is white, so only a screen is ever dark.
THEME = (
    f":root{{{variables(LIGHT)}}}"
    f"@media screen and (prefers-color-scheme: dark){{:root{{{variables(DARK)}}}}}"
)


def escape(text: object) -> str:
    """Escape text for use between two tags."""
    return _escape(clean(text))


def attribute(text: object) -> str:
    """Return text as an attribute value, with its quotes."""
    return _quoteattr(clean(text))


def coordinate(value: float) -> str:
    """Format a coordinate, to a tenth of a pixel."""
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")


def text_at(
    x: float, y: float, text: object, *, css: str = "cv-text", anchor: str = "start"
) -> str:
    """Return one line of text; ``anchor`` is start, middle or end."""
    return (
        f'<text class="{css}" x="{coordinate(x)}" y="{coordinate(y)}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def document(
    parts: Sequence[str], size: tuple[float, float], title: str, description: str, standalone: bool
) -> str:
    """Return the whole SVG around ``parts``.

    Args:
        parts: its elements, in the order they are painted.
        size: width and height in CSS pixels, which is also its coordinate system.
        title: what it is, in a few words.
        description: what it shows, for those who cannot see it.
        standalone: the SVG is a separate file, which then includes its colours and its heading.
    """
    width, height = (coordinate(side) for side in size)
    own = f"<style>{THEME}{STYLE}</style>" if standalone else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cv" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label={attribute(title)} '
        f'font-family="{FONT}"><title>{escape(title)}</title><desc>{escape(description)}</desc>'
        f'{own}<rect class="cv-paper" width="{width}" height="{height}" />{"".join(parts)}</svg>'
    )


@dataclass(frozen=True, kw_only=True)
class Key:
    """One entry of a legend: ``mark`` is line, bar, dot, square or ring."""

    text: str
    css: str
    mark: str = "line"
    colour: str | None = None


class Chart:
    """A frame with two axes, filled by ``line``, ``bars``, ``rule`` and ``add``, then rendered."""

    def __init__(
        self,
        x: Axis,
        y: Axis,
        *,
        labels: tuple[str, str] = ("", ""),
        size: tuple[int, int] = (460, 300),
        heading: str = "",
    ) -> None:
        """Start an empty chart; ``labels`` name x and y, an empty ``heading`` takes no room."""
        self.x, self.y, self.labels, self.heading, self.size = x, y, labels, heading, size
        widest = max((len(label) for label in y.labels), default=0)
        self.inset = 10 if heading else 1
        self.left = self.inset + 8 + 8.4 * widest if widest else float(self.inset)
        self.top = (30 if heading else 6) + (24 if labels[1] else 8)
        first, last = (4.2 * len(x.labels[k]) if x.labels else 0.0 for k in (0, -1))
        self.left = max(self.left, self.inset + first)  # half of a label hangs over each end
        self.right = size[0] - (max(18, last) if x.ticks else self.inset)
        self._ticked = 18 if x.ticks else 0
        self.bottom = size[1] - 10 - self._ticked - (16 if labels[0] else 0)
        self._parts: list[str] = []
        self._keys: list[Key] = []

    def key(self, key: Key) -> None:
        """Add an entry to the legend."""
        self._keys.append(key)

    def add(self, part: str) -> None:
        """Add an element in the drawing's own coordinates."""
        self._parts.append(part)

    def places(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Convert values (n,) to drawing coordinates (n,); NaN where there is no position."""
        across = self.left + self.x.place(x) * (self.right - self.left)
        return across, self.bottom - self.y.place(y) * (self.bottom - self.top)

    def line(self, x: np.ndarray, y: np.ndarray, *, css: str) -> None:
        """Draw a line through values (n,).

        A value without a position interrupts it, and a single value is a dot.
        """
        xs, ys = self.places(x, y)
        known = np.isfinite(xs) & np.isfinite(ys)
        path = []
        for index in np.flatnonzero(known):
            starts = index == 0 or not known[index - 1]
            alone = starts and (index + 1 == len(known) or not known[index + 1])
            path.append(f"{'M' if starts else 'L'}{coordinate(xs[index])} {coordinate(ys[index])}")
            if alone:
                self.ring(float(xs[index]), float(ys[index]), css=css, radius=2.5)
        self._parts.append(f'<path class="cv-line {css}" d="{"".join(path)}" />')

    def rule(self, y: float, *, css: str) -> None:
        """Draw a straight line across at one value, if that value has a position."""
        share = float(self.y.place(y))
        if np.isfinite(share) and -1e-9 <= share <= 1 + 1e-9:
            height = coordinate(self.bottom - share * (self.bottom - self.top))
            ends = f'x1="{coordinate(self.left)}" x2="{coordinate(self.right)}"'
            self._parts.append(
                f'<line class="cv-line cv-thin {css}" {ends} y1="{height}" y2="{height}" />'
            )

    def bars(self, left: np.ndarray, right: np.ndarray, y: np.ndarray, *, css: str) -> None:
        """Draw bars, (n,) values each, from the foot of the chart, as one path."""
        x0, top = self.places(left, y)
        x1, _ = self.places(right, y)
        path = "".join(
            f"M{coordinate(a)} {coordinate(self.bottom)}V{coordinate(t)}H{coordinate(b)}"
            f"V{coordinate(self.bottom)}Z"
            for a, b, t in zip(x0, x1, np.minimum(top, self.bottom), strict=True)
            if np.isfinite([a, b, t]).all() and t < self.bottom
        )
        self._parts.append(f'<path class="{css}" d="{path}" />')

    def ring(self, x: float, y: float, *, css: str, radius: float = 5) -> None:
        """Draw a ring at drawing coordinates."""
        self._parts.append(
            f'<circle class="cv-line {css}" cx="{coordinate(x)}" cy="{coordinate(y)}" '
            f'r="{coordinate(radius)}" />'
        )

    def render(self, title: str, description: str, *, standalone: bool = True) -> str:
        """Return the chart as SVG text."""
        legend, rows = _legend(self._keys, self.inset, self.size[1] + 12, self.right - self.inset)
        height = self.size[1] + (rows * 19 + 8 if rows else 0)
        frame = [*self._grid(), *self._parts, *self._words(), *legend]
        return document(frame, (self.size[0], height), title, description, standalone)

    def _grid(self) -> list[str]:
        ends = f'x1="{coordinate(self.left)}" x2="{coordinate(self.right)}"'
        heights = [
            coordinate(float(h)) for h in self.places(np.zeros(1), np.array(self.y.ticks))[1]
        ]
        lines = [f'<line class="cv-grid" {ends} y1="{h}" y2="{h}" />' for h in heights]
        foot = coordinate(self.bottom)
        if not self.x.ticks:
            return lines
        return [*lines, f'<line class="cv-frame" {ends} y1="{foot}" y2="{foot}" />']

    def _words(self) -> list[str]:
        _, ys = self.places(np.zeros(1), np.array(self.y.ticks))
        xs, _ = self.places(np.array(self.x.ticks), np.ones(1))
        words = [
            text_at(self.left - 8, float(y) + 4, label, css="cv-small", anchor="end")
            for y, label in zip(ys, self.y.labels, strict=True)
        ]
        words += [
            text_at(float(x), self.bottom + 18, label, css="cv-small", anchor="middle")
            for x, label in zip(xs, self.x.labels, strict=True)
        ]
        if self.heading:
            words.append(text_at(self.inset, 22, self.heading, css="cv-text cv-head"))
        if self.labels[1]:
            words.append(text_at(self.inset, self.top - 13, self.labels[1], css="cv-small"))
        if self.labels[0]:
            middle = (self.left + self.right) / 2
            words.append(
                text_at(
                    middle,
                    self.bottom + 18 + self._ticked,
                    self.labels[0],
                    css="cv-small",
                    anchor="middle",
                )
            )
        return words


def _legend(keys: Sequence[Key], left: float, top: float, width: float) -> tuple[list[str], int]:
    parts: list[str] = []
    x, row = left, 0
    for key in keys:
        indent = 26 if key.mark == "line" else 17
        needed = indent + LETTER * len(key.text) + 16
        if x > left and x + needed > left + width:
            x, row = left, row + 1
        y = top + row * 19
        parts.append(_swatch(key, x, y) + text_at(x + indent, y + 4, key.text))
        x += needed
    return parts, row + 1 if keys else 0


def _swatch(key: Key, x: float, y: float) -> str:
    colour = f' style="color:{key.colour};stroke:{key.colour}"' if key.colour else ""
    left, middle, level = coordinate(x), coordinate(x + 6), coordinate(y)
    if key.mark == "line":
        end = coordinate(x + 20)
        return (
            f'<line class="cv-line {key.css}"{colour} x1="{left}" x2="{end}" '
            f'y1="{level}" y2="{level}" />'
        )
    if key.mark in ("bar", "square"):
        side = 12 if key.mark == "bar" else 8
        corner = f'x="{coordinate(x + 6 - side / 2)}" y="{coordinate(y - side / 2)}"'
        return f'<rect class="{key.css}"{colour} {corner} width="{side}" height="{side}" />'
    return f'<circle class="{key.css}"{colour} cx="{middle}" cy="{level}" r="4.5" />'
