"""Convert between images and rows of flattened pixels, as scikit-learn's estimators take them."""

import math
from typing import Any

import numpy as np

from convae.errors import InputError
from convae.images.sources.array_sources import is_tensor
from convae.images.sources.data_frames import holds_files

Shape = tuple[int, int, int]


def is_table(X: Any) -> bool:
    """Return whether X holds rows of flattened pixels: two dimensions of numbers, no paths and no images."""
    if holds_files(X):
        return False
    if hasattr(X, "iloc"):  # of pandas: a column of paths or images, or a frame of pixels
        return bool(X.ndim == 2 and all(getattr(t, "kind", "O") in "buif" for t in X.dtypes))
    if hasattr(X, "toarray"):  # a sparse matrix
        return True
    if is_tensor(X):
        return bool(X.ndim == 2)
    if isinstance(X, list | tuple):
        return bool(X) and (
            (np.isscalar(X[0]) and not isinstance(X[0], str | bytes)) or _is_row(X[0])
        )
    if hasattr(X, "read") and hasattr(X, "header"):  # an ImageSource
        return False
    if isinstance(X, np.ndarray):
        return X.ndim <= 2 and X.dtype.kind != "U" and not (X.ndim == 1 and X.dtype.kind == "O")
    if hasattr(X, "__array_function__"):
        return len(getattr(X, "shape", ())) <= 2
    return hasattr(X, "__array__") and len(getattr(X, "shape", ())) == 2  # another kind of frame


def _is_row(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], int | float)


def row_shape(features: int, image_shape: tuple[int, ...] | None) -> Shape:
    """Return the shape (channels, height, width) of the images whose rows have this many features.

    Args:
        image_shape: (height, width) or (channels, height, width). None takes a square if there is one,
            otherwise a strip one pixel high.

    Raises:
        InputError: the shape does not multiply to ``features``.
    """
    if image_shape is None:
        side = math.isqrt(features)
        return (1, side, side) if side * side == features else (1, 1, features)
    shape = tuple(image_shape) if isinstance(image_shape, list | tuple | np.ndarray) else ()
    if len(shape) == 2:
        shape = (1, *shape)
    whole = all(isinstance(side, int | np.integer) and side >= 1 for side in shape)
    if len(shape) != 3 or not whole or math.prod(shape) != features:
        raise InputError(
            f"image_shape must be (height, width) or (channels, height, width) of {features} pixels, as "
            f"many as X has features; got {image_shape!r}"
        )
    return int(shape[0]), int(shape[1]), int(shape[2])


def rows_to_images(rows: np.ndarray, shape: Shape) -> np.ndarray:
    """Convert rows (n, C·H·W) to images (n, H, W, C), float32 unless the values are 8 or 16-bit."""
    if rows.dtype not in (np.uint8, np.uint16, np.float32):
        rows = rows.astype(np.float32)
    return np.moveaxis(rows.reshape(-1, *shape), 1, 3)


def images_to_rows(images: np.ndarray) -> np.ndarray:
    """Convert images (n, H, W, C) to rows (n, C·H·W)."""
    return np.moveaxis(images, 3, 1).reshape(len(images), -1)
