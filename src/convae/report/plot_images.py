"""Images from any source as one drawing: one row, or rows to compare."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convae.errors import InputError
from convae.images.files.image import Pixels
from convae.images.sources.base import ImageSource
from convae.images.sources.open_source import open_source
from convae.report.drawing import panel_drawing
from convae.report.page.contents import Panel
from convae.report.pictures.pictures import band_note, shown_range, to_display


def plot_images(images: Any, n: int = 8, *, ax: Any = None) -> Any:
    """Draw some images, or rows of images to compare: noisy ones, and below them what became of them.

    Args:
        images: any source, see :func:`convae.open_source`; or several rows to compare, as a dictionary of
            names and sources: ``{"noisy": noisy, "denoised": better}``. All sources have the same number of
            images, and each column shows the images at one position.
        n: number of images, spread evenly over each source.
        ax: axes of matplotlib to draw into; None for a :class:`~convae.report.drawing.Drawing`.

    Returns:
        A drawing, which a notebook shows and ``save`` writes to a file; with ``ax``, these axes.

    All rows have one scale of brightness: the range of the file type (floats: 0 to 1, if all values lie
    there), or the range that the values use if that is less than half of it. If images have different sizes,
    the middle of each is shown.

    Raises:
        InputError: there are no images, the rows are not equally many, or ``n`` is below 1.
        ImageError: an image cannot be read.

    >>> import numpy as np
    >>> images = np.zeros((20, 8, 8), np.uint8)
    >>> plot_images({"black": images, "white": 255 - images}, n=4)
    <Images: a notebook shows it, .save('name.svg') writes it>
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise InputError(f"n must be a whole number of images from 1; got {n!r}")
    given = images if isinstance(images, Mapping) else {"image": images}
    sources = {str(name): open_source(one) for name, one in given.items()}
    count = _count(sources)
    places = np.linspace(0, count - 1, min(int(n), count)).round().astype(int)
    drawing = panel_drawing(_panel(sources, places))
    return drawing if ax is None else drawing.on(ax)


def _count(sources: Mapping[str, ImageSource]) -> int:
    """Return the number of images that every source has.

    Raises:
        InputError: there are none, or the sources have different numbers.
    """
    lengths = {name: len(source) for name, source in sources.items()}
    if not any(lengths.values()):
        raise InputError("images: there are none; give a folder, an array or another source")
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} has {count}" for name, count in lengths.items())
        raise InputError(f"images: the rows must have equally many images; {listed}")
    return next(iter(lengths.values()))


def _panel(sources: Mapping[str, ImageSource], places: np.ndarray) -> Panel:
    """Read the images at some places; return them as rows of pictures of one size."""
    rows = {name: [source.read(int(i)).pixels for i in places] for name, source in sources.items()}
    size = [min(one.shape[axis] for row in rows.values() for one in row) for axis in (0, 1)]
    larger = any(one.shape[:2] != tuple(size) for row in rows.values() for one in row)
    parts = {name: [_middle(_shown(one), size) for one in row] for name, row in rows.items()}
    span = _range([one for row in parts.values() for one in row])
    first = next(iter(sources.values()))
    labels = _labels(first, places)
    note = f"The middle {size[0]}x{size[1]} pixels of each image are shown." if larger else ""
    bands = {band_note(one.shape[0]): None for row in parts.values() for one in row}
    return Panel(
        heading="",
        rows={name: _pictures(row, span) for name, row in parts.items()},
        names=[] if labels or len(sources) > 1 else [first.names[int(i)] for i in places],
        texts=labels,
        note=" ".join(filter(None, [note, *bands])),
    )


def _labels(source: ImageSource, places: np.ndarray) -> Sequence[str]:
    if source.labels is None or not source.label_names:
        return ()
    return [source.label_names[int(source.labels[i])] for i in places]


def _shown(pixels: Pixels) -> np.ndarray:
    """Return (C, H, W) in fractions of the range of the file type; floats as they are."""
    full = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "ui" else 1.0
    return np.moveaxis(pixels.astype(np.float64) / full, 2, 0)


def _middle(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Crop (C, H, W) to ``size`` in the middle."""
    top, left = ((have - want) // 2 for have, want in zip(image.shape[1:], size, strict=True))
    return image[:, top : top + size[0], left : left + size[1]]


def _range(images: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the values that are shown black and white."""
    values = np.concatenate([image.ravel() for image in images])
    values = values[np.isfinite(values)]
    if values.size and (values.min() < 0 or values.max() > 1):
        low, high = np.percentile(values, [0.1, 99.9])
        return float(low), float(high)
    return shown_range(values)


def _pictures(row: Sequence[np.ndarray], span: tuple[float, float]) -> np.ndarray:
    """Return uint8 (n, H, W, 3); images of a row may differ in their channels."""
    return np.concatenate([to_display(image[None], value_range=span) for image in row])
