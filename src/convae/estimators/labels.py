"""The ``y`` of scikit-learn's ``fit(X, y)``: labels, which no estimator needs, or images."""

import os
from typing import Any

import numpy as np

from convae.estimators.pixel_rows import is_table
from convae.images.sources.base import ImageSource


def holds_images(y: Any, X: Any) -> bool:
    """Return whether ``y`` holds images rather than labels.

    Images are a path, a list of paths, an array or tensor with more than two dimensions, a list or a dataset
    of such items, an :class:`ImageSource`, and rows of as many values as an image of ``X`` has pixels. Labels
    are everything else: None, ``(n,)``, ``(n, classes)``.

    >>> images = np.zeros((6, 8, 8))
    >>> [holds_images(y, images) for y in (np.arange(6), np.eye(6), images, images.reshape(6, 64), "clean/")]
    [False, False, True, True, True]
    """
    if isinstance(y, ImageSource | str | os.PathLike):
        return True
    dimensions = _dimensions(y)
    if dimensions == 2:
        return 1 < _row_length(y) == _row_length(X)
    if dimensions == 1:
        return _is_one_image(_first(y))
    return dimensions > 2


def _dimensions(values: Any) -> int:
    """Return the dimensions of an array, tensor or data frame; of a list, those of its first item plus 1."""
    if hasattr(values, "ndim"):
        return int(values.ndim)
    if not hasattr(values, "__len__") or not hasattr(values, "__getitem__"):
        return 0
    if isinstance(values, str | bytes | dict):
        return 0
    first = _first(values)
    return 1 + (0 if _is_one_image(first) else _dimensions(first))


def _first(values: Any) -> Any:
    """Return the first item; None if there is none."""
    return next(iter(values), None) if len(values) else None


def _is_one_image(item: Any) -> bool:
    """Return whether an item of a list, a dataset or an object array is an image."""
    if isinstance(item, str):
        return os.path.isfile(item)
    if isinstance(item, os.PathLike):
        return True
    if isinstance(item, tuple) and item:  # of a dataset: (image, label)
        return _is_one_image(item[0])
    return _dimensions(item) >= 2 or hasattr(item, "getbands")


def _row_length(values: Any) -> int:
    """Return the length of a row, or the number of pixels of an image in an array; -1 if neither is known."""
    shape = getattr(values, "shape", None)
    if shape is None and is_table(values) and _dimensions(values) == 2:
        return len(values[0])
    return int(np.prod(shape[1:])) if shape is not None and len(shape) > 1 else -1
