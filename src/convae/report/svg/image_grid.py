"""Pictures of some images in rows with names: originals, below them what a model makes of them."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

from convae.errors import InputError
from convae.report.pictures.pictures import data_uri, fit_size
from convae.report.svg.charts import LETTER, coordinate, document, escape, text_at
from convae.report.text import clean, shorten

_SIDE, _LARGE, _FEW = (
    104,
    176,
    4,
)  # CSS pixels: the longer side of a picture; larger where there are few
_GAP, _MARGIN, _LINE = 6.0, 12.0, 16.0
_LEAST = 84.0  # width for a name and a number


def image_grid_svg(
    rows: Mapping[str, np.ndarray],
    *,
    captions: Sequence[Sequence[str]] = (),
    note: str = "",
    heading: str = "",
    columns: int = 8,
    standalone: bool = True,
) -> str:
    """Draw rows of pictures, picture k of each row above picture k of the next.

    Args:
        rows: what each row shows, and its pictures: uint8 ``(n, H, W, 3)``, all of one shape, n >= 1.
        captions: lines of text for each image, written below it.
        note: a sentence below all.
        heading: written above the pictures.
        columns: after this many images the rows continue below.
        standalone: the SVG is a separate file; False for use inside a page that has the style.

    Raises:
        InputError: the rows are not of one shape ``(n, H, W, 3)``.
    """
    shapes = {pictures.shape for pictures in rows.values()}
    if len(shapes) != 1 or len(shape := next(iter(shapes))) != 4 or not shape[0]:
        raise InputError(f"rows must be of one shape (n, H, W, 3), got {sorted(shapes)}")
    count, high, wide = shape[:3]
    columns = min(columns, count)
    blocks = -(-count // columns)
    columns = -(-count // blocks)  # 9 images are 5 above 4, not 8 above 1
    scale = (_LARGE if count <= _FEW else _SIDE) / max(high, wide)
    width, height = max(wide * scale, 1.0), max(high * scale, 1.0)
    cell = max(width, _LEAST)
    left = _MARGIN + LETTER * max(map(len, rows)) + 10
    top = _MARGIN + (28.0 if heading else 0.0)
    lines = max((len(caption) for caption in captions), default=0)
    block = len(rows) * (height + _GAP) + lines * _LINE + 14
    right = left + columns * (cell + _GAP) - _GAP + _MARGIN
    parts = [text_at(_MARGIN, 24, heading, css="cv-text cv-head")] if heading else []
    # Tiny images are enlarged here: not every program shows enlarged pixels as squares.
    size = round(scale * max(high, wide))
    small = {what: fit_size(one, enlarge_to=2 * size, limit=2 * size) for what, one in rows.items()}
    for index in range(count):
        x = left + index % columns * (cell + _GAP)
        y = top + index // columns * block
        for row, (what, pictures) in enumerate(small.items()):
            level = y + row * (height + _GAP)
            box = (x + (cell - width) / 2, level, width, height)
            parts.append(_picture(pictures[index], box, what))
            if index % columns == 0:
                middle = level + height / 2 + 4
                parts.append(text_at(left - 10, middle, what, css="cv-small", anchor="end"))
        foot = y + len(rows) * (height + _GAP)
        for line, words in enumerate(captions[index] if captions else ()):
            text = shorten(clean(words), int(cell / LETTER))
            css = "cv-text" if line == 0 else "cv-small"
            parts.append(
                text_at(x + cell / 2, foot + 12 + line * _LINE, text, css=css, anchor="middle")
            )
    right = max(right, 420.0)
    foot = top + blocks * block - 14
    for sentence in textwrap.wrap(note, int((right - 2 * _MARGIN) / LETTER)):
        foot += _LINE
        parts.append(text_at(_MARGIN, foot + 4, sentence, css="cv-small"))
    description = f"{count} image{'s' * (count != 1)}, each as {', '.join(rows)}. {note}".strip()
    return document(parts, (right, foot + _MARGIN), heading or "Images", description, standalone)


def _picture(picture: np.ndarray, box: tuple[float, float, float, float], what: str) -> str:
    """Place a picture (H, W, 3) in a box (x, y, width, height)."""
    x, y, width, height = map(coordinate, box)
    sharp = ' style="image-rendering:pixelated"' if box[2] >= picture.shape[1] else ""
    return (
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none"{sharp} '
        f'href="{data_uri(picture)}"><title>{escape(what)}</title></image>'
    )
