"""Convert one array in memory to one :class:`Image`: any real dtype, ``(h, w)`` or ``(h, w, c)``."""

from dataclasses import replace
from typing import Any

import numpy as np

from convae.errors import ImageError
from convae.images.files.facts import converted, opacity_of
from convae.images.files.image import Header, Image, ImageInfo, depth_read, dtype_name


def array_image(array: np.ndarray, name: str, limit_shape: bool = True) -> Image:
    """Convert an array to an image; values change only if the dtype requires it.

    uint8, uint16 and float32 stay; bool becomes 0 and 255; every other real dtype becomes float32.

    Args:
        array: ``(h, w)`` or ``(h, w, c)``, any real dtype and byte order.
        name: its name in messages.
        limit_shape: whether to refuse arrays that are not images (False: the caller has checked).

    Returns:
        An image whose pixels share the caller's memory if no value had to change: do not write to it.

    Raises:
        ImageError: the array is not a real-valued image of at least one pixel.
    """
    if limit_shape:
        check_array(array, name)
    depth = dtype_name(array.dtype)
    original = np.ascontiguousarray(array if array.ndim == 3 else array[..., None])
    pixels, notes = converted(original, depth)
    missing = 0
    if pixels.dtype == np.float32:
        pixels, missing = _mark_missing(pixels, array.dtype)
    info = ImageInfo(
        name=name,
        depth=depth,
        mode=mode_of(pixels.shape[2]),
        conversions=tuple(notes),
        missing=missing,
    )
    same = dtype_name(pixels.dtype) == depth and not missing
    stored = None if same else original
    return Image(np.ascontiguousarray(pixels), info, stored=stored)


def with_opacity(image: Image, kind: str) -> Image:
    """Return the image with ``"straight"`` or ``"premultiplied"`` opacity as last channel; ``""``: none."""
    if not kind:
        return image
    opacity = opacity_of(image.original, kind, exact=True)
    return replace(image, info=replace(image.info, opacity=opacity))


def array_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Header:
    """Return the header of an array image, from its shape and dtype alone."""
    height, width = shape[:2]
    channels = shape[2] if len(shape) == 3 else 1
    return Header(
        shape=(height, width, channels),
        depth=depth_read(dtype_name(dtype)),
        pages=1,
        format="array",
        stored=dtype_name(dtype),
        mode=mode_of(channels),
    )


def mode_of(channels: int) -> str:
    """Return the colour model in words: an array only states its number of channels."""
    return {1: "L", 3: "RGB"}.get(channels, f"{channels} bands")


def check_dtype(dtype: np.dtype[Any], name: str) -> None:
    """Check that ``dtype`` holds real numbers or bool.

    Raises:
        ImageError: it holds anything else, such as complex numbers or text.
    """
    if dtype.kind not in "buif":
        reason = f"holds {dtype} values: only real numbers (bool, integers, floats) are images"
        raise ImageError(name, reason)


def check_array(array: np.ndarray, name: str) -> None:
    """Check that ``array`` is one image: ``(h, w)`` or ``(h, w, c)``, real, and not empty.

    Raises:
        ImageError: it is not; states the reason.
    """
    check_dtype(array.dtype, name)
    if array.ndim not in (2, 3):
        raise ImageError(name, f"has {array.ndim} axes; an image is (h, w) or (h, w, c)")
    if 0 in array.shape:
        raise ImageError(name, f"has no pixels: its shape is {array.shape}")


def _mark_missing(pixels: np.ndarray, stored: np.dtype[Any]) -> tuple[np.ndarray, int]:
    if stored.kind != "f":
        return pixels, 0
    bad = ~np.isfinite(pixels)
    if not bad.any():
        return pixels, 0
    count = int((bad.any(axis=2) if pixels.ndim == 3 else bad).sum())
    return np.where(bad, np.float32(np.nan), pixels), count
