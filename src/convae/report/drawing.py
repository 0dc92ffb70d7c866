"""A drawing that a notebook shows, a program saves, and matplotlib can take over."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from convae.errors import InputError
from convae.filesystem.atomic import store
from convae.report.matplotlib_axes import (
    draw_architecture,
    draw_codes,
    draw_loss,
    draw_picture,
    png_of,
)
from convae.report.page.contents import CodeMap, Panel
from convae.report.page.folder import panel_picture
from convae.report.pictures.pictures import png_bytes, shown_range, to_display
from convae.report.svg.architecture import architecture_svg
from convae.report.svg.code_scatter import code_map_svg, directions_of
from convae.report.svg.curves import History, loss_curve_svg
from convae.report.svg.image_grid import image_grid_svg

SUFFIXES = (".svg", ".png")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Drawing:
    """A drawing as SVG. A notebook shows it; :meth:`save` writes it to a file.

    Attributes:
        title: what it shows.
        svg: the text of the SVG file, which needs nothing else.
        draw: draws the same into axes of matplotlib.
        size: width and height in inches of a PNG that matplotlib draws.
        pixels: uint8 (H, W, 3), what a PNG holds; None where matplotlib draws it.
    """

    title: str
    svg: str
    draw: Callable[[Any], None]
    size: tuple[float, float] = (6.0, 4.0)
    pixels: np.ndarray | None = None

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the drawing to a file; return its path.

        Args:
            path: ends in ``.svg`` or ``.png``. A chart as PNG needs matplotlib, the extra ``plot``; pictures
                of images do not.
            overwrite: whether an existing file may be replaced.

        Raises:
            InputError: another ending, or the file exists and ``overwrite`` is False.
            MissingExtraError: matplotlib is needed and not installed.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in SUFFIXES:
            raise InputError(f"{path}: a drawing is saved as .svg or .png; choose one of them")
        refuse_existing(path, overwrite=overwrite)
        if suffix == ".svg":
            return store(path, self.svg.encode("utf-8"))
        if self.pixels is not None:
            return store(path, png_bytes(self.pixels))
        return store(path, png_of(self.draw, self.size))

    def on(self, ax: Any) -> Any:
        """Draw into axes of matplotlib, and return them."""
        self.draw(ax)
        return ax

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        # Reduced to a narrow cell, but not so far that texts can no longer be read: then it scrolls.
        fitted = self.svg.replace("<svg ", '<svg style="max-width:max(100%,700px);height:auto" ', 1)
        return f'<div style="max-width:100%;overflow-x:auto">{fitted}</div>'

    def __repr__(self) -> str:
        return f"<{self.title}: a notebook shows it, .save('name.svg') writes it>"


def refuse_existing(path: str | Path, *, overwrite: bool) -> None:
    """Raise an error if a file exists and may not be replaced.

    Raises:
        InputError: it exists, and ``overwrite`` is False.
    """
    if not overwrite and os.path.lexists(path):
        raise InputError(
            f"{path}: exists already: give overwrite=True to replace it, or another name"
        )


def loss_drawing(
    history: History,
    *,
    best_epoch: int | None = None,
    baseline: tuple[str, float] | None = None,
    loss_name: str = "loss",
) -> Drawing:
    """Draw the loss by epoch; arguments as for :func:`loss_curve_svg`."""
    svg = loss_curve_svg(
        history,
        best_epoch=best_epoch,
        baseline=baseline,
        loss_name=loss_name,
        heading="Loss by epoch",
    )
    draw = partial(
        draw_loss,
        history=history,
        best_epoch=best_epoch,
        baseline=baseline,
        loss_name=loss_name,
    )
    return Drawing(title="Loss by epoch", svg=svg, draw=draw)


def architecture_drawing(layers: Sequence[Mapping[str, object]]) -> Drawing:
    """Draw a network; ``layers`` as for :func:`architecture_svg`."""
    svg = architecture_svg(layers, heading="Architecture")
    draw = partial(draw_architecture, layers=layers)
    return Drawing(title="Architecture", svg=svg, draw=draw, size=(9.0, 4.0))


def panel_drawing(panel: Panel) -> Drawing:
    """Draw pictures of images, one below the other."""
    captions = [[line for line in words if line] for words in panel.captions()]
    title = panel.heading or "Images"
    svg = image_grid_svg(panel.rows, captions=captions, note=panel.note, heading=panel.heading)
    pixels = panel_picture(panel)
    draw = partial(draw_picture, picture=pixels, title=panel.heading)
    return Drawing(title=title, svg=svg, draw=draw, pixels=pixels)


def codes_drawing(codes: CodeMap) -> Drawing:
    """Draw a map of codes, with pictures if there are any.

    Raises:
        InputError: there are no points.
    """
    if codes.points is None:
        raise InputError("there are too few codes for a map: at least 3 different ones are needed")
    small = codes.thumbnails
    if small is not None:
        small = to_display(small, value_range=shown_range(small))
    title = "Map of the codes"
    svg = code_map_svg(
        codes.points,
        labels=codes.labels,
        label_names=codes.label_names,
        shares=codes.shares,
        thumbnails=small,
        heading=title,
    )
    draw = partial(
        draw_codes,
        points=codes.points,
        labels=codes.labels,
        label_names=codes.label_names,
        directions=directions_of(codes.shares),
    )
    return Drawing(title=title, svg=svg, draw=draw, size=(6.0, 5.5))
