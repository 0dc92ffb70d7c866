"""What the pictures are made of: grids of numbers, text, arrows, and steps of an animation.

An element that belongs to some steps only is put into :meth:`Picture.during`. Without animation a picture
shows its last step: where the reader's system asks for reduced motion, where it is printed by itself, and in
programs that draw SVG without animation. Within a page, browsers print the step that is on the screen.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import numpy as np

WIDTH = 400  # fits the screen of a phone with text that can be read
CELL = 28
LAST = 3.0  # how many times longer the last step stands than the others
Place = tuple[int, int]
Value = float | str | None
Values = np.ndarray | Sequence[Sequence[Value]]
LIGHT = {
    "paper": "fill:#fff",
    "text": "fill:#1d2433",
    "note": "fill:#566072",
    "halo": "fill:#566072;stroke:#fff",
    "cell": "fill:#fff;stroke:#7b8798",
    "input": "fill:#e1ecfb;stroke:#6f86a8",
    "kernel": "fill:#fde6c8;stroke:#a9834c",
    "output": "fill:#d3efe1;stroke:#5f957b",
    "zero": "fill:#eef0f3;stroke:#a3acb9",
    "faint": "fill:none;stroke:#b9c0cb",
    "window": "fill:none;stroke:#1a5fb4",
    "now": "fill:none;stroke:#0b7a4b",
    "line": "fill:none;stroke:#566072",
    "link": "fill:none;stroke:#1a5fb4",
    "first": "fill:none;stroke:#1a5fb4",
    "second": "fill:none;stroke:#b4540a",
    "third": "fill:none;stroke:#0b7a4b",
    "count1": "fill:#f3ecfa;stroke:#b39ccc",
    "count2": "fill:#d9c4ee;stroke:#b39ccc",
    "count3": "fill:#c3a3e3;stroke:#b39ccc",
    "count4": "fill:#ab80d6;stroke:#b39ccc",
}
DARK = {
    "paper": "fill:#151a22",
    "text": "fill:#e8ecf3",
    "note": "fill:#a9b3c2",
    "halo": "fill:#a9b3c2;stroke:#151a22",
    "cell": "fill:#151a22;stroke:#7b8798",
    "input": "fill:#1d3457;stroke:#6f8fbf",
    "kernel": "fill:#523714;stroke:#bd9350",
    "output": "fill:#12452f;stroke:#5fae88",
    "zero": "fill:#262d38;stroke:#667083",
    "faint": "fill:none;stroke:#4a5464",
    "window": "fill:none;stroke:#7db5ff",
    "now": "fill:none;stroke:#5fdca0",
    "line": "fill:none;stroke:#a9b3c2",
    "link": "fill:none;stroke:#7db5ff",
    "first": "fill:none;stroke:#7db5ff",
    "second": "fill:none;stroke:#ffac66",
    "third": "fill:none;stroke:#5fdca0",
    "count1": "fill:#2a2038;stroke:#6d5590",
    "count2": "fill:#45305f;stroke:#6d5590",
    "count3": "fill:#5c3f82;stroke:#6d5590",
    "count4": "fill:#7750a8;stroke:#6d5590",
}
FIXED = (
    "text{font:14px system-ui,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;text-anchor:middle;"
    "font-variant-numeric:tabular-nums}.note{font-size:13px}.small{font-size:12px}.strong{font-weight:700}"
    ".start{text-anchor:start}.end{text-anchor:end}.window,.now{stroke-width:3}"
    ".line{stroke-width:1.4}.link{stroke-width:1.2}"
    ".halo{font-size:13px;paint-order:stroke;stroke-width:5;stroke-linejoin:round}"
    ".first,.second,.third{stroke-width:2.4}.second{stroke-dasharray:7 4}.third{stroke-dasharray:2 3}"
    ".dot{stroke-dasharray:none}"
)


@dataclass
class Picture:
    """An SVG of :data:`WIDTH` units.

    Args:
        title: a few words, for readers who hear the picture.
        words: a sentence or two that say what it shows.
        height: in the same units.
        steps: of the animation; 1 for a picture that does not move.
        seconds: the time that one step stands.
    """

    title: str
    words: str
    height: int
    steps: int = 1
    seconds: float = 2.0
    parts: list[str] = field(default_factory=list)
    spans: set[Place] = field(default_factory=set)

    @contextmanager
    def during(self, start: int, stop: int | None = None) -> Iterator[None]:
        """Everything drawn inside is visible from step ``start`` until before ``stop`` (the next step)."""
        stop = start + 1 if stop is None else stop
        self.spans.add((start, stop))
        self.parts.append(f'<g class="s{start}-{stop}">')
        yield
        self.parts.append("</g>")

    @contextmanager
    def named(self, name: str) -> Iterator[None]:
        """Group what is drawn inside under an identifier, by which tests find it."""
        self.parts.append(f'<g id="{name}">')
        yield
        self.parts.append("</g>")

    def text(self, x: float, y: float, words: object, kind: str = "text") -> None:
        """Write a line centred at x (or from it, with the kind ``start``), on the baseline y."""
        self.parts.append(
            f'<text class="{kind}" x="{_short(x)}" y="{_short(y)}">{escape(str(words))}</text>'
        )

    def box(
        self, x: float, y: float, width: float, height: float, kind: str, round_: int = 0
    ) -> None:
        """Draw a rectangle from its upper left corner."""
        corner = f' rx="{round_}"' if round_ else ""
        self.parts.append(
            f'<rect class="{kind}" x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" '
            f'height="{_short(height)}"{corner}/>'
        )

    def line(
        self, points: Sequence[tuple[float, float]], kind: str = "line", *, arrow: bool = False
    ) -> None:
        """Draw a line through points, with an arrow head at the last one if ``arrow``."""
        way = "L".join(f"{_short(x)} {_short(y)}" for x, y in points)
        head = ' marker-end="url(#head)"' if arrow else ""
        self.parts.append(f'<path class="{kind}" d="M{way}"{head}/>')

    def grid(
        self,
        x: float,
        y: float,
        values: Values,
        kind: str = "cell",
        *,
        kinds: Mapping[Place, str] | None = None,
        cell: float = CELL,
        words: str = "text",
    ) -> None:
        """Draw values as cells; one of None stays empty. ``kinds`` names other kinds for single cells."""
        for row, line in enumerate(values):
            for column, value in enumerate(line):
                own = (kinds or {}).get((row, column), kind)
                self.box(x + column * cell, y + row * cell, cell, cell, own)
                if value is not None:
                    middle = (x + (column + 0.5) * cell, y + (row + 0.5) * cell + 5)
                    self.text(*middle, number(value), words)

    def pixels(self, x: float, y: float, image: np.ndarray, *, cell: float = CELL) -> None:
        """Draw an image (H, W) in [0, 1] as grey cells with their values."""
        for (row, column), value in np.ndenumerate(image):
            left, top = x + column * cell, y + row * cell
            self.parts.append(
                f'<rect fill="rgb({",".join([str(round(255 * value))] * 3)})" stroke="#7b8798" '
                f'x="{_short(left)}" y="{_short(top)}" width="{cell}" height="{cell}"/>'
            )
            self.parts.append(
                f'<text style="fill:{"#000" if value > 0.45 else "#fff"}" x="{_short(left + cell / 2)}" '
                f'y="{_short(top + cell / 2 + 5)}">{number(float(value))}</text>'
            )

    def frame(
        self, x: float, y: float, place: Place, size: Place, kind: str, cell: float = CELL
    ) -> None:
        """Draw a frame around some cells of the grid whose corner is (x, y)."""
        self.box(
            x + place[1] * cell, y + place[0] * cell, size[1] * cell, size[0] * cell, kind, round_=2
        )

    def svg(self) -> str:
        """Return the file."""
        style = FIXED + _rules(LIGHT) + self._animation()
        style += f"@media (prefers-color-scheme:dark){{{_rules(DARK)}}}"
        wide, high = WIDTH * 5 // 4, self.height * 5 // 4
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" '
                f'width="{wide}" height="{high}" role="img">',
                f"<title>{escape(self.title)}</title><desc>{escape(self.words)}</desc>",
                f"<style>{style}</style>",
                '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
                'markerHeight="7" orient="auto"><path class="line" d="M1 1L7 4L1 7"/></marker></defs>',
                f'<rect class="paper" width="{WIDTH}" height="{self.height}" rx="8"/>',
                *self.parts,
                "</svg>",
                "",
            ]
        )

    def _animation(self) -> str:
        """Show each group during its steps; without animation, only the groups of the last step."""
        total = self.steps - 1 + LAST
        hidden = [f".s{a}-{b}" for a, b in sorted(self.spans) if b < self.steps]
        rules = [f"{','.join(hidden)}{{visibility:hidden}}"] if hidden else []
        moving = []
        for start, stop in sorted(self.spans):
            if (start, stop) == (0, self.steps):
                continue
            name = f"s{start}-{stop}"
            marks = [(start, "visible"), *([(stop, "hidden")] if stop < self.steps else [])]
            if start:
                marks = [(0, "hidden"), *marks]
            frames = "".join(f"{_short(100 * at / total)}%{{visibility:{v}}}" for at, v in marks)
            rules.append(f"@keyframes {name}{{{frames}}}")
            time = _short(total * self.seconds)
            moving.append(f".{name}{{animation:{name} {time}s step-end infinite}}")
        if moving:
            moving.append("svg:hover g{animation-play-state:paused}")
            wanted = "@media screen and (prefers-reduced-motion:no-preference)"
            rules.append(f"{wanted}{{{''.join(moving)}}}")
        return "".join(rules)


def number(value: float | str) -> str:
    """Return a value as it is written in a cell: a true minus sign, no needless decimals."""
    if isinstance(value, str):
        return value
    return f"{value:.4g}".replace("-", "−")


def cells(where: np.ndarray, kind: str) -> dict[Place, str]:
    """Return this kind for all cells where the mask (H, W) is true."""
    return {(int(row), int(column)): kind for row, column in np.argwhere(where)}


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _rules(colours: Mapping[str, str]) -> str:
    return "".join(f".{kind}{{{colour}}}" for kind, colour in colours.items())
