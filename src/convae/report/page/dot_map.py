"""A page with a dot for every image; it shows the image under the pointer. One file, no scripts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from convae.filesystem.atomic import store
from convae.report.colours import class_colour
from convae.report.page.html import page_template
from convae.report.pictures.image_map import MOST_CLASSES, class_name, unit_places
from convae.report.pictures.pictures import data_uri
from convae.report.svg.charts import FONT, THEME
from convae.report.text import clean


@dataclass(frozen=True, kw_only=True)
class Dots:
    """The contents of the page.

    Attributes:
        points: (n, 2); the second axis points upwards.
        pictures: uint8 (n, H, W, 3), small.
        names: n names.
        classes: (n,) class numbers, or None.
        class_names: the names of the classes.
        words: the line below the heading.
    """

    points: np.ndarray
    pictures: np.ndarray
    names: Sequence[str]
    classes: np.ndarray | None = None
    class_names: Sequence[str] = ()
    words: str = ""


def write_dot_map(path: str | Path, dots: Dots) -> Path:
    """Write the page atomically; return its path."""
    return store(path, render_dot_map(dots).encode("utf-8"))


def render_dot_map(dots: Dots) -> str:
    """Return the text of the page; the pictures are one sheet, of which each dot shows its part."""
    places, (width, height) = unit_places(dots.points)
    count, high, wide = dots.pictures.shape[:3]
    columns = max(1, math.isqrt(count))
    zoom = max(1, round(96 / max(high, wide)))
    colours = _colours(dots)
    cells = [
        {
            "name": clean(name),
            "left": f"{100 * x:.2f}",
            "top": f"{100 * y:.2f}",
            "x": -(index % columns) * wide * zoom,
            "y": -(index // columns) * high * zoom,
            "colour": colours[index],
        }
        for index, (name, (x, y)) in enumerate(zip(dots.names, places.tolist(), strict=True))
    ]
    return page_template("map.html.jinja").render(
        cells=cells,
        words=clean(dots.words),
        legend=_legend(dots),
        sheet=Markup(data_uri(_sheet(dots.pictures, columns))),
        sheet_width=columns * wide * zoom,
        wide=wide * zoom,
        high=high * zoom,
        ratio=f"{width} / {height}",
        font=Markup(FONT),
        theme=Markup(THEME),
    )


def _colours(dots: Dots) -> list[str]:
    if dots.classes is None:
        return [class_colour(0)] * len(dots.names)
    return [class_colour(int(number)) for number in dots.classes]


def _legend(dots: Dots) -> list[tuple[str, str]]:
    """Return (colour, name) of each class."""
    if dots.classes is None:
        return []
    known = sorted(set(dots.classes.tolist()))[:MOST_CLASSES]
    return [(class_colour(k), class_name(k, dots.class_names)) for k in known]


def _sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Join all pictures into one, in rows of ``columns``."""
    count, high, wide = pictures.shape[:3]
    rows = math.ceil(count / columns)
    sheet = np.zeros((rows * columns, high, wide, 3), np.uint8)
    sheet[:count] = pictures
    grid = sheet.reshape(rows, columns, high, wide, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * high, columns * wide, 3)
