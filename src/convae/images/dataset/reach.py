"""Values so far from all others that float32 arithmetic overflows in a network.

A pixel of 1e30 among values from 0 to 1 is finite, but its square is not: sums of squares, similarities and
distances overflow, and results become NaN. Infinite and NaN pixels count as missing and are filled; an image
with such values is refused.
"""

from typing import Any

import numpy as np

from convae.errors import ImageError
from convae.images.dataset.scaling import Scaling
from convae.images.files.image import Pixels

Array = np.ndarray[Any, np.dtype[Any]]

# In ranges of the model (or, before there is one, in magnitudes of the other images). The fourth power of
# values within it, which similarities need, is far below the largest float32.
FARTHEST = 1e6
BEYOND, MANY = (
    1.0,
    0.25,
)  # ranges outside of the fitted one, and the part of an image that lies there
FEW = 0.1  # the largest fraction of images that are left out for values that the others do not have
LOOKED_AT = 2**16  # number of values of an image from which its typical magnitude is estimated
ADVICE = "mark missing pixels as NaN or nodata, or bring the image to the scale of the others"


def typical_of(pixels: Pixels) -> Array:
    """Return (C,) median magnitudes of the finite non-zero values of each channel of (H, W, C); or NaN."""
    flat = pixels.reshape(-1, pixels.shape[2])
    flat = np.abs(flat[:: -(-len(flat) // LOOKED_AT)].astype(np.float64))
    known = (np.where(np.isfinite(one) & (one > 0), one, np.nan) for one in flat.T)
    return np.array([np.nan if np.isnan(one).all() else np.nanmedian(one) for one in known])


def extremes_of(pixels: Pixels) -> Array:
    """Return (C, 2) float64: the lowest and highest finite value of each channel of (H, W, C), or 0."""
    if pixels.dtype.kind != "f":
        ends = [pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))]
        return np.stack(ends, axis=1).astype(np.float64)
    known = np.isfinite(pixels)
    least = np.min(pixels, axis=(0, 1), where=known, initial=np.inf)
    most = np.max(pixels, axis=(0, 1), where=known, initial=-np.inf)
    found = np.stack([least, most], axis=1).astype(np.float64)
    found[~known.any(axis=(0, 1))] = 0.0
    return found


def strays(extremes: Array) -> Array:
    """Return positions of the few images whose values have another magnitude than those of most images.

    Args:
        extremes: (n, C, 2) of each image.
    """
    if not len(extremes):
        return np.zeros(0, np.int64)
    size = np.abs(extremes).max(axis=2)
    found = np.flatnonzero((size > FARTHEST * _middle(size)).any(axis=1))
    return found if len(found) <= max(1, FEW * len(extremes)) else found[:0]


def is_far(extremes: Array, scaling: Scaling) -> Array:
    """Return (...,) whether images with these extremes (..., C, 2) lie too far outside the fitted range."""
    low, high = (np.array(side, dtype=np.float64) for side in (scaling.low, scaling.high))
    distance = np.abs(extremes - low[:, None]) / (high - low)[:, None]
    far: Array = np.asarray((distance > FARTHEST).any(axis=(-2, -1)))
    return far


def takes_over(extremes: Array, typical: Array, scaling: Scaling) -> Array:
    """Return positions of images that widened the fitted range so much that all others become one value.

    Args:
        extremes, typical: (n, C, 2) and (n, C) of each image.
    """
    typical_most = FARTHEST * _middle(typical)
    span = np.array(scaling.high, dtype=np.float64) - np.array(scaling.low, dtype=np.float64)
    over = (np.abs(extremes).max(axis=2) > typical_most) & (span > typical_most)
    return np.flatnonzero(over.any(axis=1))


def is_beyond(pixels: Pixels, scaling: Scaling) -> bool:
    """Return whether much of an image (H, W, C) lies clearly outside the range that a model was fitted on.

    This detects images on another scale, 0..255 for a model of 0..1: a few hot pixels do not count, nor
    does an image that is slightly brighter.
    """
    low, high = (np.array(side, dtype=np.float64) for side in (scaling.low, scaling.high))
    least, most = low - BEYOND * (high - low), high + BEYOND * (high - low)
    info = None if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype)
    if info is not None and (least <= info.min).all() and (most >= info.max).all():
        return False
    step = max(1, int(np.sqrt(pixels.shape[0] * pixels.shape[1] / LOOKED_AT)))
    some = pixels[::step, ::step]
    outside = (some < least) | (some > most)
    return bool(outside.mean() > MANY)


def beyond_note(names: list[str], scaling: Scaling) -> str:
    """Return the note on images that :func:`is_beyond` finds."""
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    fitted = f"{min(scaling.low):g} to {max(scaling.high):g}"
    return (
        f"{names[0]}{more}: much of it lies outside of the values that the model was fitted on ({fitted}), "
        "so that the result means little: bring such images to that scale"
    )


def refuse_far(pixels: Pixels, scaling: Scaling, name: str) -> None:
    """Refuse an image (H, W, C) whose values lie too far outside the range that a model was fitted on.

    Raises:
        ImageError: names its values, and the expected ones.
    """
    if pixels.dtype.kind != "f":
        return
    extremes = extremes_of(pixels)
    if is_far(extremes, scaling):
        raise ImageError(name, far_reason(extremes, scaling))


def far_reason(extremes: Array, scaling: Scaling) -> str:
    """Return why an image with these extremes (C, 2) cannot be used with a model of this scaling."""
    fitted = f"{min(scaling.low):g} to {max(scaling.high):g}"
    return (
        f"its values reach {_span(extremes)}, too far from those that the model is fitted on ({fitted}) to "
        f"compute with: {ADVICE}"
    )


def over_reason(extremes: Array, scaling: Scaling) -> str:
    """Return why a fit on an image with these extremes (C, 2), which determined the scaling, is refused."""
    return (
        f"its values reach {_span(extremes)}, over a million times as far as most pixels, which would all be "
        f"one value on the scale from {min(scaling.low):g} to {max(scaling.high):g}: {ADVICE}"
    )


def stray_reason(extremes: Array) -> str:
    """Return why an image with these extremes (C, 2) is left out of a fit."""
    return (
        f"its values reach {_span(extremes)}, over a million times as far as those of most images: "
        f"{ADVICE}"
    )


def not_finite_reason(pixels: Pixels) -> str:
    """Return why there is no result for an image (H, W, C) that is within reach."""
    return (
        f"the result for it is not finite (its values reach {_span(extremes_of(pixels))}): bring it to the "
        "scale of the images that the model was fitted on, or fit the model again"
    )


def _middle(sizes: Array) -> Array:
    """Return (C,) the lower median of positive magnitudes (n, C) over images; NaN without any."""
    known = (one[one > 0] for one in sizes.T)
    return np.array(
        [np.quantile(one, 0.5, method="lower") if one.size else np.nan for one in known]
    )


def _span(extremes: Array) -> str:
    return f"from {extremes[:, 0].min():g} to {extremes[:, 1].max():g}"
