"""Originals over reconstructions over error maps, with their names and errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from convae.errors import InputError
from convae.report.colours import LIGHT, colour_map, hex_to_rgb
from convae.report.pictures.pictures import (
    error_map,
    error_scale,
    fit_size,
    shown_range,
    to_display,
)
from convae.report.text import clean, number, numbers, shorten

_INK, _MUTED = hex_to_rgb(LIGHT["ink"]), hex_to_rgb(LIGHT["muted"])
_GAP, _MARGIN, _LINE = 6, 14, 17


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Some images and their reconstructions.

    Attributes:
        originals: ``(n, C, H, W)``, about 0 to 1; NaN where a pixel is missing.
        reconstructions: the same shape.
        names: the name of each; empty for none.
        errors: one error for each image; empty for none.
        error_name: what the errors are.
        alpha: the last of two or four channels is transparency (None: of four only).
        bands: the three channels to show as red, green and blue (None: a fixed choice).

    Raises:
        InputError: for images of different shapes, or names or errors that are not as many as the images.
    """

    originals: np.ndarray
    reconstructions: np.ndarray
    names: Sequence[str] = ()
    errors: Sequence[float] | np.ndarray = ()
    error_name: str = "MSE"
    alpha: bool | None = None
    bands: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.originals)
        if len(shape) != 4 or np.shape(self.reconstructions) != shape:
            raise InputError(
                "originals and reconstructions must have one shape (n, C, H, W), got "
                f"{shape} and {np.shape(self.reconstructions)}"
            )
        for what, values in (("names", self.names), ("errors", self.errors)):
            if len(values) not in (0, shape[0]):
                raise InputError(f"{what} must be {shape[0]} or none, got {len(values)}")

    def __len__(self) -> int:
        return len(self.originals)

    def select(self, indices: Sequence[int] | np.ndarray) -> "Comparison":
        """Return the comparison of the images at the positions ``indices``, (n,), in that order."""
        at = np.asarray(indices, dtype=np.intp)
        return replace(
            self,
            originals=self.originals[at],
            reconstructions=self.reconstructions[at],
            names=[self.names[i] for i in at] if len(self.names) else (),
            errors=np.asarray(self.errors)[at] if len(self.errors) else (),
        )

    def captions(self) -> list[tuple[str, str]]:
        """Return name and error of each image, as text."""
        names = [clean(name) for name in self.names] or [""] * len(self)
        errors = (
            numbers([float(e) for e in self.errors], distinct=False) if len(self.errors) else []
        )
        texts = [f"{self.error_name} {error}" for error in errors] or [""] * len(self)
        return list(zip(names, texts, strict=True))

    def scale(self) -> float:
        """Return the error that its error maps show brightest (:func:`error_scale`)."""
        return error_scale(self.originals, self.reconstructions)

    def rows(
        self, *, scale: float, value_range: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return originals, reconstructions and error maps as uint8 ``(n, H, W, 3)``."""
        first, second = (
            to_display(pixels, bands=self.bands, alpha=self.alpha, value_range=value_range)
            for pixels in (self.originals, self.reconstructions)
        )
        return first, second, error_map(self.originals, self.reconstructions, scale=scale)


def best_and_worst(
    errors: Sequence[float] | np.ndarray, count: int = 8
) -> tuple[list[int], list[int]]:
    """Return the indices of the ``count`` smallest errors (n,) and of the largest, most extreme first.

    An image is in one of the two lists only; errors that are NaN are in none.
    """
    values = np.asarray(errors, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    order = order[~np.isnan(values[order])]
    best = min(count, (len(order) + 1) // 2)
    worst = min(count, len(order) - best)
    return order[:best].tolist(), order[len(order) - worst :][::-1].tolist()


def comparison_picture(
    comparison: Comparison, *, scale: float | None = None, columns: int = 8, errors: bool = True
) -> np.ndarray:
    """Return a picture of the originals over the reconstructions over the error maps, and a colour bar.

    Args:
        comparison: at least one image; 8 to 24 are recommended.
        scale: the error that is brightest; use the same for all pictures of one report.
        columns: how many images stand side by side.
        errors: whether the error maps are shown.

    Returns:
        uint8 ``(height, width, 3)``.
    """
    top = comparison.scale() if scale is None else scale
    rows = comparison.rows(scale=top, value_range=shown_range(comparison.originals))
    captions = ["\n".join(line for line in words if line) for words in comparison.captions()]
    names = ["original", "reconstruction", "error"]
    shown = rows if errors else rows[:2]
    picture = grid(shown, row_labels=names[: len(shown)], captions=captions, columns=columns)
    if not errors:
        return picture
    bar = _colour_bar(top, picture.shape[1])
    return np.concatenate([picture, bar])


def grid(
    rows: Sequence[np.ndarray],
    *,
    row_labels: Sequence[str] = (),
    captions: Sequence[str] = (),
    columns: int = 8,
    side: int = 112,
) -> np.ndarray:
    """Arrange rows of images on white, image k of each row above image k of the next.

    Args:
        rows: uint8 arrays ``(n, H, W, 3)``, all of one shape, n >= 1.
        row_labels: the name of each row, written at its left.
        captions: one text for each image, written below its column; a line too long loses its middle.
        columns: after this many images the rows continue below.
        side: the pixels to which tiny images are enlarged, by a whole factor; large ones are reduced to 256.

    Returns:
        uint8 ``(height, width, 3)``.

    Raises:
        InputError: the rows are not of one shape (n, H, W, 3).
    """
    if not rows or not len(rows[0]) or any(row.shape != rows[0].shape for row in rows):
        raise InputError(f"rows must be of one shape (n, H, W, 3), got {[r.shape for r in rows]}")
    sized = [fit_size(row, enlarge_to=side) for row in rows]
    count, high, wide = sized[0].shape[:3]
    blocks = math.ceil(count / max(columns, 1))
    columns = math.ceil(count / blocks)  # 9 images are 5 above 4, not 8 above 1
    cell = max(wide, 72)
    lines = max((text.count("\n") + 1 for text in captions if text), default=0)
    left = _MARGIN + (max(_text_width(label) for label in row_labels) + 12 if row_labels else 0)
    block = len(rows) * (high + _GAP) + lines * _LINE + 18
    width = left + columns * (cell + _GAP) - _GAP + _MARGIN
    sheet = PillowImage.new("RGB", (width, blocks * block - 18 + 2 * _MARGIN - _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for index in range(count):
        x = left + index % columns * (cell + _GAP)
        y = _MARGIN + index // columns * block
        for row, images in enumerate(sized):
            place = (x + (cell - wide) // 2, y + row * (high + _GAP))
            sheet.paste(PillowImage.fromarray(images[index]), place)
            if index % columns == 0 and row < len(row_labels):
                middle = (left - 12, place[1] + high // 2)
                draw.text(middle, row_labels[row], fill=_MUTED, font=_font(), anchor="rm")
        text = captions[index] if index < len(captions) else ""
        _write_caption(draw, text, x + cell // 2, y + len(rows) * (high + _GAP), cell)
    return np.asarray(sheet)


def _write_caption(draw: ImageDraw.ImageDraw, text: str, x: int, y: int, room: int) -> None:
    for row, line in enumerate(clean(text).split("\n") if text else []):
        fitting = line
        for length in range(len(line), 0, -1):
            fitting = shorten(line, length)
            if _text_width(fitting) <= room:
                break
        ink = _INK if row == 0 else _MUTED
        draw.text((x, y + 2 + row * _LINE), fitting, fill=ink, font=_font(), anchor="ma")


def _colour_bar(top: float, width: int) -> np.ndarray:
    sheet = PillowImage.new("RGB", (width, 34), "white")
    draw = ImageDraw.Draw(sheet)
    words = "absolute error, mean of the channels:  0"
    start = _MARGIN + _text_width(words) + 8
    length = max(min(160, width - start - 70), 20)
    ramp = np.broadcast_to(colour_map(np.linspace(0, 1, length)), (12, length, 3))
    sheet.paste(PillowImage.fromarray(np.ascontiguousarray(ramp)), (start, 8))
    draw.text((_MARGIN, 14), words, fill=_MUTED, font=_font(), anchor="lm")
    end = f"{number(top, 1)} and more"
    draw.text((start + length + 8, 14), end, fill=_MUTED, font=_font(), anchor="lm")
    return np.asarray(sheet)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(13)


def _text_width(text: str) -> int:
    return math.ceil(_font().getlength(text))
