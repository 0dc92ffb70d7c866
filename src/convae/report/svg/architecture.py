"""The architecture as a drawing: boxes as high as the image and as wide as its channels."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from convae.report.colours import CLASSES
from convae.report.svg.charts import LETTER, coordinate, document, escape, text_at
from convae.report.text import number, shorten

_TALLEST, _LEAST = 132.0, 5.0
PARTS = {"encoder": CLASSES[0], "code": CLASSES[1], "decoder": CLASSES[2]}


@dataclass
class Box:
    """Consecutive layers whose results have one shape."""

    shape: tuple[int, ...]
    part: str
    layers: list[Mapping[str, object]] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(_count(layer) for layer in self.layers)

    @property
    def side(self) -> float:
        """The mean side of its map; 1 for a dense layer."""
        return _side(self.shape)

    @property
    def words(self) -> str:
        """What the layers do, each kind once."""
        kinds: dict[str, int] = {}
        for layer in self.layers:
            kind = str(layer.get("kind") or layer.get("name") or "layer")
            kinds[kind] = kinds.get(kind, 0) + 1
        return ", ".join(kind if n == 1 else f"{n} × {kind}" for kind, n in kinds.items())


def architecture_svg(
    layers: Sequence[Mapping[str, object]], *, heading: str = "", standalone: bool = True
) -> str:
    """Draw the layers from the image through the code to the reconstruction.

    Args:
        layers: one mapping for each layer, in the order of the data: ``name``, ``kind`` (what it does, in
            a few words), ``shape`` (of its result: ``(C, H, W)``, or ``(n,)`` for a dense one),
            ``parameters`` and, if known, ``part`` (encoder, code or decoder; otherwise the smallest
            result is the code). Consecutive layers with one shape are drawn as one box.
        heading: written above the drawing.
        standalone: the SVG is a separate file; False for use inside a page that has the style.
    """
    boxes = boxes_of(layers)
    turned = len(boxes) > 10
    pitch = 46.0 if turned else min(max(960 / max(len(boxes), 1), 96.0), 124.0)
    top = 34.0 if heading else 10.0
    foot = top + _TALLEST + 14
    width = max(pitch * len(boxes) + 24, 320.0)
    left = (width - pitch * len(boxes)) / 2
    largest = max((_side(box.shape) for box in boxes), default=1.0)
    parts = [text_at(10, 22, heading, css="cv-text cv-head")] if heading else []
    parts += _links(boxes, left, pitch, top + _TALLEST / 2)
    for index, box in enumerate(boxes):
        middle = left + pitch * (index + 0.5)
        parts.append(_drawn(box, middle, top + _TALLEST / 2, largest, pitch))
        parts += _turned(box, middle, foot) if turned else _level(box, middle, foot, pitch)
    height = foot + (138 if turned else 76)
    parts += _legend(boxes, left, height)
    words = "; ".join(f"{box.words}: {shape_text(box.shape)}" for box in boxes)
    return document(parts, (width, height + 24), "Architecture", words, standalone)


def shape_text(shape: object) -> str:
    """Format a shape: ``(32, 14, 14)`` as ``32 × 14 × 14``."""
    sides = tuple(shape) if isinstance(shape, tuple | list) else ()
    return " × ".join(str(side) for side in sides) or "–"


def boxes_of(layers: Sequence[Mapping[str, object]]) -> list[Box]:
    """Join consecutive layers with results of one shape; ``layers`` as for :func:`architecture_svg`."""
    shapes = [_shape(layer) for layer in layers]
    sizes = [math.prod(shape) for shape in shapes]
    code = len(sizes) - 1 - sizes[::-1].index(min(sizes)) if sizes else 0
    boxes: list[Box] = []
    for index, (layer, shape) in enumerate(zip(layers, shapes, strict=True)):
        guess = "encoder" if index < code else "code" if index == code else "decoder"
        part = str(layer.get("part") or guess)
        if not boxes or boxes[-1].shape != shape or boxes[-1].part != part:
            boxes.append(Box(shape, part))
        boxes[-1].layers.append(layer)
    return boxes


def _shape(layer: Mapping[str, object]) -> tuple[int, ...]:
    shape = layer.get("shape")
    return tuple(int(side) for side in shape) if isinstance(shape, tuple | list) else ()


def _count(layer: Mapping[str, object]) -> int:
    parameters = layer.get("parameters")
    return int(parameters) if isinstance(parameters, int | float) else 0


def _side(shape: tuple[int, ...]) -> float:
    return math.sqrt(math.prod(shape[-2:])) if len(shape) >= 2 else 1.0


def _drawn(box: Box, middle: float, centre: float, largest: float, pitch: float) -> str:
    """Draw a box: height by the side of the image, width by the channels (both compressed)."""
    colour = PARTS.get(box.part, CLASSES[9])
    if len(box.shape) >= 2:
        height = max(_TALLEST * math.sqrt(_side(box.shape) / largest), _LEAST)
        width = min(5 + 3.6 * math.log2(1 + box.shape[0]), pitch * 0.62)
    else:  # a dense layer: a thin column
        count = box.shape[0] if box.shape else 1
        height, width = min(6 + 5 * math.log2(1 + count), _TALLEST), 9.0
    place = (
        f'x="{coordinate(middle - width / 2)}" y="{coordinate(centre - height / 2)}" '
        f'width="{coordinate(width)}" height="{coordinate(height)}"'
    )
    tip = f"{box.words}, {shape_text(box.shape)}, {number(box.parameters)} parameters"
    return (
        f'<rect {place} rx="2" style="fill:{colour};fill-opacity:.32;stroke:{colour};'
        f'stroke-width:1.5"><title>{escape(tip)}</title></rect>'
    )


def _links(boxes: Sequence[Box], left: float, pitch: float, centre: float) -> list[str]:
    if len(boxes) < 2:
        return []
    ends = coordinate(left + pitch / 2), coordinate(left + pitch * (len(boxes) - 0.5))
    level = coordinate(centre)
    return [f'<line class="cv-grid" x1="{ends[0]}" x2="{ends[1]}" y1="{level}" y2="{level}" />']


def _level(box: Box, middle: float, foot: float, pitch: float) -> list[str]:
    words = _wrapped(box.words, int((pitch - 4) / LETTER))
    lines = [(shape_text(box.shape), "cv-text"), *((line, "cv-small") for line in words)]
    if box.parameters:
        lines.append((f"{number(box.parameters)} par.", "cv-small"))
    return [
        text_at(middle, foot + 10 + 17 * row, line, css=css, anchor="middle")
        for row, (line, css) in enumerate(lines)
    ]


def _wrapped(words: str, room: int) -> list[str]:
    """Return at most two lines of ``room`` letters."""
    lines = textwrap.wrap(words, room, break_long_words=False)
    if len(lines) > 2:
        lines[1] = shorten(" ".join(lines[1:]), room)
    return [shorten(line, room) for line in lines[:2]]


def _turned(box: Box, middle: float, foot: float) -> list[str]:
    lines = [(shape_text(box.shape), "cv-text", -2.0), (shorten(box.words, 18), "cv-small", 13.0)]
    parts = []
    for line, css, shift in lines:
        x, y = coordinate(middle + shift), coordinate(foot)
        parts.append(
            f'<text class="{css}" x="{x}" y="{y}" text-anchor="end" '
            f'transform="rotate(-90 {x} {y})">{escape(line)}</text>'
        )
    return parts


def _legend(boxes: Sequence[Box], left: float, top: float) -> list[str]:
    parts, x = [], left + 6
    for name, colour in PARTS.items():
        inside = [box for box in boxes if box.part == name]
        if not inside:
            continue
        words = f"{name}, {number(sum(box.parameters for box in inside))} parameters"
        parts.append(
            f'<rect x="{coordinate(x)}" y="{coordinate(top)}" width="12" height="12" rx="2" '
            f'style="fill:{colour};fill-opacity:.32;stroke:{colour};stroke-width:1.5" />'
            + text_at(x + 18, top + 10.5, words, css="cv-small")
        )
        x += 36 + LETTER * len(words)
    return parts
