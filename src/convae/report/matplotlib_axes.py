"""The charts of this package, drawn into axes of matplotlib: for figures that a user composes.

Only :func:`png_of` imports matplotlib; whoever has axes has imported it already.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from convae.errors import MissingExtraError
from convae.report.colours import CLASSES, LIGHT, class_colour
from convae.report.svg.architecture import PARTS, boxes_of, shape_text
from convae.report.svg.code_scatter import chosen, classes_of
from convae.report.svg.curves import History, column_of
from convae.report.text import number

DOTS_AN_INCH = 150


def png_of(draw: Callable[[Any], None], size: tuple[float, float]) -> bytes:
    """Return a chart as PNG.

    Args:
        draw: draws it into axes.
        size: width and height in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("a chart as PNG", "matplotlib") from error
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_AN_INCH)
    return buffer.getvalue()


def draw_loss(
    ax: Any,
    history: History,
    *,
    best_epoch: int | None = None,
    baseline: tuple[str, float] | None = None,
    loss_name: str = "loss",
) -> None:
    """Draw the training and the validation loss by epoch; arguments as for :func:`loss_curve_svg`."""
    epochs = column_of(history, "epoch", fallback=np.arange(1.0, len(history) + 1))
    seen = list[np.ndarray]()
    for label, name, colour in (
        ("training", "train_loss", LIGHT["train"]),
        ("validation", "validation_loss", LIGHT["model"]),
    ):
        values = column_of(history, name)
        if np.isfinite(values).any():
            alone = "o" if np.isfinite(values).sum() == 1 else None
            ax.plot(epochs, values, color=colour, label=label, marker=alone)
            seen.append(values[np.isfinite(values)])
    known = column_of(history, "validation_loss")
    at = np.flatnonzero(epochs == best_epoch)
    if len(at) and np.isfinite(known[at[0]]):
        ax.plot(
            epochs[at[0]], known[at[0]], "o", color=LIGHT["model"], fillstyle="none",
            label=f"best {number(float(known[at[0]]))} in epoch {best_epoch}",
        )  # fmt: skip
    if baseline is not None and math.isfinite(baseline[1]):
        text = f"{baseline[0]} {number(float(baseline[1]))}"
        ax.axhline(baseline[1], color=LIGHT["baseline"], linestyle="--", label=text)
    if seen and min(values.min() for values in seen) > 0:
        ax.set_yscale("log")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("epoch")
    ax.set_ylabel(loss_name)
    ax.legend(frameon=False)


def draw_codes(
    ax: Any,
    points: np.ndarray,
    *,
    labels: np.ndarray | Sequence[object] | None = None,
    label_names: Sequence[str] = (),
    directions: tuple[str, str] = ("", ""),
) -> None:
    """Draw codes in two dimensions, both on one scale.

    Args:
        ax: the axes.
        points: ``(n, 2)``; of more than 4,000 an even selection is drawn.
        labels, label_names: as for :func:`code_map_svg`.
        directions: what is across and what is up.
    """
    names, classes = classes_of(labels, label_names, len(points))
    kept = chosen(points)
    for index, name in enumerate(names):
        some = points[kept[classes[kept] == index]]
        ax.scatter(some[:, 0], some[:, 1], s=8, color=class_colour(index), label=name, alpha=0.75)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(directions[0])
    ax.set_ylabel(directions[1])
    if labels is not None:
        ax.legend(frameon=False, markerscale=2)


def draw_picture(ax: Any, picture: np.ndarray, *, title: str = "") -> None:
    """Show a picture, uint8 (H, W, 3), without ticks."""
    ax.imshow(picture)
    ax.set_axis_off()
    if title:
        ax.set_title(title)


def draw_architecture(ax: Any, layers: Sequence[Mapping[str, object]]) -> None:
    """Draw the layers as boxes; ``layers`` as for :func:`architecture_svg`."""
    boxes = boxes_of(layers)
    largest = max((box.side for box in boxes), default=1.0)
    for place, box in enumerate(boxes):
        flat = len(box.shape) < 2
        height = 0.3 if flat else max(math.sqrt(box.side / largest), 0.04)
        width = 0.08 if flat else min(0.08 + 0.05 * math.log2(1 + box.shape[0]), 0.62)
        colour = PARTS.get(box.part, CLASSES[9])
        ax.bar(place, height, width, -height / 2, color=f"{colour}55", edgecolor=colour)
        words = f"{shape_text(box.shape)}\n{box.words}"
        ax.text(place, -0.56, words, rotation=90, ha="center", va="top", fontsize=7)
    ax.set_xlim(-0.6, len(boxes) - 0.4)
    ax.set_ylim(-1.5, 0.6)
    ax.set_axis_off()
