"""A map of images: each is placed by its code, as a small picture, without overlaps."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from convae.report.colours import LIGHT, class_colour, hex_to_rgb
from convae.report.text import clean, shorten

LONG_SIDE = 1600  # pixels of the longer side of the map
SMALLEST, LARGEST = 32, 128  # pixels of a cell
MOST_CLASSES = 20
_REACH = 6  # most cells by which a picture is displaced, if there is room
_FRAME, _MARGIN, _LINE = 2, 24, 30


class Layout:
    """A grid of cells over the points, and the image in each.

    Args:
        points: (n, 2) finite; the second axis points upwards.

    Attributes:
        cell: pixels of a side.
        columns, rows: of the grid.
        shown: (m,) the points that have a cell: the nearest to its centre first.
        cells: (m, 2) the column and row of each.
    """

    def __init__(self, points: np.ndarray) -> None:
        places, (width, height) = unit_places(points)
        room = width * height / (3 * max(len(points), 1))
        self.cell = int(np.clip(math.sqrt(room), SMALLEST, LARGEST))
        self.columns, self.rows = max(1, width // self.cell), max(1, height // self.cell)
        self.shown, self.cells = _assigned(
            places * [self.columns, self.rows], self.columns, self.rows
        )

    def picture(
        self,
        pictures: np.ndarray,
        *,
        classes: np.ndarray | None = None,
        names: Sequence[str] = (),
        words: str = "",
    ) -> np.ndarray:
        """Return the map.

        Args:
            pictures: uint8 (m, H, W, 3), one for each of ``shown``.
            classes: (m,) class numbers, which colour the frames.
            names: of the classes, for the legend.
            words: a line below the map.

        Returns:
            uint8 (height, width, 3).
        """
        keys = [] if classes is None else sorted(set(classes.tolist()))[:MOST_CLASSES]
        width = self.columns * self.cell + 2 * _MARGIN
        lines = _legend_lines([class_name(k, names) for k in keys], width - 2 * _MARGIN)
        height = self.rows * self.cell + 2 * _MARGIN + _LINE * (len(lines) + bool(words))
        sheet = PillowImage.new("RGB", (width, height), "white")
        for index, (column, row) in enumerate(self.cells.tolist()):
            colour = None if classes is None else hex_to_rgb(class_colour(int(classes[index])))
            cell = _framed(pictures[index], self.cell, colour)
            sheet.paste(cell, (_MARGIN + column * self.cell, _MARGIN + row * self.cell))
        draw = ImageDraw.Draw(sheet)
        top = self.rows * self.cell + 2 * _MARGIN
        for line in lines:
            for left, index in line:
                square = (_MARGIN + left, top, _MARGIN + left + 14, top + 14)
                draw.rectangle(square, fill=hex_to_rgb(class_colour(keys[index])))
                _write(draw, _MARGIN + left + 20, top, class_name(keys[index], names), "ink")
            top += _LINE
        if words:
            _write(draw, _MARGIN, top, words, "muted")
        return np.asarray(sheet)


def unit_places(points: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Return (n, 2) places from 0 to 1, across and down, and the width and height of the map in pixels.

    A few outliers do not compress all other points: they are placed at the edge.
    """
    values = np.asarray(points, dtype=np.float64)
    low, high = np.quantile(values, [0.005, 0.995], axis=0) if len(values) else np.zeros((2, 2))
    spread = high - low
    at_least = max(float(spread.max()), 1e-12) / 2  # no map is more than twice as long as wide
    spread = np.maximum(spread, at_least)
    middle = (low + high) / 2
    places = np.clip((values - middle) / (1.04 * spread) + 0.5, 0, 1)
    places[:, 1] = 1 - places[:, 1]
    width, height = (spread / spread.max() * LONG_SIDE).round().astype(int).tolist()
    return places, (width, height)


def _assigned(places: np.ndarray, columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the points that get a cell, and the cells: the nearest to its centre, others near by if free."""
    home = np.minimum(places.astype(int), [columns - 1, rows - 1])
    away = np.abs(places - home - 0.5).max(axis=1)
    reach = _REACH if 2 * len(places) <= columns * rows else 0
    free = np.ones((columns, rows), dtype=bool)
    shown, cells, homeless = list[int](), list[tuple[int, int]](), list[int]()
    for index in np.argsort(away, kind="stable").tolist():
        column, row = home[index]
        if free[column, row]:
            free[column, row] = False
            shown.append(index)
            cells.append((int(column), int(row)))
        else:
            homeless.append(index)
    for index in homeless if reach else ():
        found = _free_near(free, places[index] - 0.5, reach)
        if found is not None:
            free[found] = False
            shown.append(index)
            cells.append(found)
    return np.array(shown, dtype=np.int64), np.array(cells, dtype=np.int64).reshape(-1, 2)


def _free_near(free: np.ndarray, place: np.ndarray, reach: int) -> tuple[int, int] | None:
    """Return the free cell nearest to a place, at most ``reach`` cells away."""
    (left, top), (columns, rows) = (np.maximum(place.astype(int) - reach, 0), free.shape)
    part = free[left : min(left + 2 * reach + 1, columns), top : min(top + 2 * reach + 1, rows)]
    candidates = np.argwhere(part) + np.array([left, top])
    if not len(candidates):
        return None
    column, row = candidates[np.square(candidates - place).sum(axis=1).argmin()]
    return int(column), int(row)


def _framed(
    picture: np.ndarray, side: int, colour: tuple[int, int, int] | None
) -> PillowImage.Image:
    """Draw a picture in the middle of a square cell, with a thin frame in the colour of its class."""
    room = side - 2 * _FRAME - 2
    height, width = picture.shape[:2]
    scale = room / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = PillowImage.Resampling.NEAREST if scale >= 1 else PillowImage.Resampling.BOX
    small = PillowImage.fromarray(np.ascontiguousarray(picture)).resize(size, method)
    cell = PillowImage.new("RGB", (side, side), "white")
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    if colour is not None:
        frame = (
            left - _FRAME,
            top - _FRAME,
            left + size[0] + _FRAME - 1,
            top + size[1] + _FRAME - 1,
        )
        ImageDraw.Draw(cell).rectangle(frame, fill=colour)
    cell.paste(small, (left, top))
    return cell


def class_name(number: int, names: Sequence[str]) -> str:
    """Return the name of a class, or its number if it has none, short enough for a legend."""
    return shorten(clean(names[number] if number < len(names) else str(number)), 24)


def _write(draw: ImageDraw.ImageDraw, left: int, top: int, text: str, colour: str) -> None:
    ink = hex_to_rgb(LIGHT[colour])
    draw.text((left, top + 7), text, fill=ink, font=_font(), anchor="lm")


def _legend_lines(texts: Sequence[str], width: int) -> list[list[tuple[int, int]]]:
    """Return for each line of a legend where each entry begins, and its index."""
    lines: list[list[tuple[int, int]]] = []
    left = width
    for index, text in enumerate(texts):
        needed = 44 + math.ceil(_font().getlength(text))
        if not lines or left + needed > width:
            lines.append([])
            left = 0
        lines[-1].append((left, index))
        left += needed
    return lines


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(16)
