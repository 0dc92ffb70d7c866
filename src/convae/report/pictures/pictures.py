"""Pixels of any channel count and size as displayable pictures."""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from convae.errors import InputError
from convae.filesystem.atomic import store
from convae.report.colours import colour_map

_CHECKER = (214, 238)  # the greys behind transparent and missing pixels
_SHOWN_SIDE = 112  # pixels to which a tiny image is enlarged


def to_display(
    pixels: np.ndarray,
    *,
    bands: tuple[int, int, int] | None = None,
    alpha: bool | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
) -> np.ndarray:
    """Convert any stack of images to 8-bit RGB.

    Args:
        pixels: ``(n, C, H, W)``, any real dtype. One channel is shown grey, three as red, green
            and blue, more as three chosen bands (:func:`band_note` names them).
        bands: the three channels to show as red, green and blue; by default the last, middle and
            first of five and more, because sensors count from short to long waves.
        alpha: the last of two or four channels is transparency. By default of four, not of two.
        value_range: the values shown black and white; use one for originals and reconstructions.

    Returns:
        uint8 ``(n, H, W, 3)``; transparent and missing (NaN) pixels are a grey checkerboard.

    Raises:
        InputError: the shape is not ``(n, C, H, W)`` with C >= 1, or a band does not exist.
    """
    values = np.asarray(pixels)
    if values.ndim != 4 or values.shape[1] < 1:
        raise InputError(f"pixels must have the shape (n, C, H, W), got {values.shape}")
    channels = values.shape[1]
    shown = _shown_bands(channels, bands, alpha)
    low, high = value_range
    colour = values[:, shown].astype(np.float64)
    missing = np.isnan(colour).any(axis=1, keepdims=True)
    colour = np.nan_to_num((colour - low) / max(high - low, 1e-12), nan=0.0, posinf=1.0, neginf=0.0)
    cover = np.where(missing, 0.0, 1.0)
    if _has_alpha(channels, bands, alpha):
        opacity = np.nan_to_num(values[:, -1:].astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0)
        cover = cover * np.clip(opacity, 0, 1)
    board = _checkerboard(values.shape[2], values.shape[3]) / 255.0
    mixed = np.clip(colour, 0, 1) * cover + board * (1 - cover)
    eight_bit = np.round(mixed * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(np.broadcast_to(eight_bit, (*eight_bit.shape[:3], 3)))


def band_note(
    channels: int, *, bands: tuple[int, int, int] | None = None, alpha: bool | None = None
) -> str:
    """Return a sentence that names the bands shown of ``channels``; empty if all of them are."""
    shown = [band + 1 for band in _shown_bands(channels, bands, alpha)]
    if len(shown) + _has_alpha(channels, bands, alpha) >= channels:
        return ""
    if len(shown) == 1:
        return f"Band {shown[0]} of {channels} is shown."
    red, green, blue = shown
    return f"Bands {red}, {green} and {blue} of {channels} are shown as red, green and blue."


def shown_range(originals: np.ndarray) -> tuple[float, float]:
    """Return the values to show black and white: (0, 1), or the range in use if that is below 0.5.

    A 16-bit microscope image often uses a hundredth of its range and would be shown black.
    """
    finite = np.asarray(originals, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(edge) for edge in np.percentile(finite, [0.1, 99.9]))
    if high - low >= 0.5 or high <= low:
        return 0.0, 1.0
    return low, high


def error_scale(originals: np.ndarray, reconstructions: np.ndarray) -> float:
    """Return the absolute error at the bright end of an error map, a round number.

    Images are ``(n, C, H, W)``. All but the largest half percent of the errors lie below it. Use one scale
    for all the images that are compared, otherwise a good one seems as bad as a bad one.
    """
    errors = absolute_error(originals, reconstructions)
    errors = errors[np.isfinite(errors)]
    top = float(np.percentile(errors, 99.5)) if errors.size else 0.0
    if top <= 1e-12:
        return 0.01
    power = 10.0 ** math.floor(math.log10(top))
    step = next(s for s in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if top <= s * power * (1 + 1e-9))
    return float(f"{step * power:.3g}")


def absolute_error(originals: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Return the absolute error of each pixel, averaged over the channels: ``(n, H, W)``.

    A channel that is missing (NaN) does not count; a pixel without any is NaN.

    Raises:
        InputError: the shapes do not match.
    """
    first, second = np.asarray(originals), np.asarray(reconstructions)
    if first.shape != second.shape or first.ndim != 4:
        raise InputError(
            f"originals {first.shape} and reconstructions {second.shape} must have "
            "the same shape (n, C, H, W)"
        )
    error = np.abs(first.astype(np.float64) - second.astype(np.float64))
    known = np.isfinite(error)
    total = np.where(known, error, 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def error_map(
    originals: np.ndarray, reconstructions: np.ndarray, *, scale: float | None = None
) -> np.ndarray:
    """Return a map of the error of each reconstruction: dark is none, bright is ``scale`` or more.

    Args:
        originals: ``(n, C, H, W)``.
        reconstructions: the same shape.
        scale: the error that is shown brightest, by default :func:`error_scale` of these images.

    Returns:
        uint8 ``(n, H, W, 3)``; missing pixels are mid grey.
    """
    error = absolute_error(originals, reconstructions)
    top = error_scale(originals, reconstructions) if scale is None else scale
    colours = colour_map(error / max(top, 1e-12))
    colours[np.isnan(error)] = 128
    return colours


def fit_size(images: np.ndarray, *, enlarge_to: int = _SHOWN_SIDE, limit: int = 256) -> np.ndarray:
    """Resize images for display; the pixels of tiny ones stay square and sharp.

    Args:
        images: uint8 ``(n, H, W, 3)``.
        enlarge_to: smaller images grow by the whole factor that brings their longer side nearest.
        limit: the longer side of larger images shrinks to this, averaging their pixels.
    """
    height, width = images.shape[1:3]
    longest = max(height, width, 1)
    if longest > limit:
        size = (max(round(width * limit / longest), 1), max(round(height * limit / longest), 1))
        small = [np.asarray(_resize(image, size)) for image in images]
        return np.stack(small) if small else np.zeros((0, size[1], size[0], 3), np.uint8)
    factor = max(round(enlarge_to / longest), 1)
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def png_bytes(picture: np.ndarray) -> bytes:
    """Encode a uint8 picture ``(H, W, 3)`` or ``(H, W)`` as PNG."""
    buffer = io.BytesIO()
    PillowImage.fromarray(np.ascontiguousarray(picture)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def jpeg_bytes(picture: np.ndarray) -> bytes:
    """Encode a uint8 picture ``(H, W, 3)`` as JPEG, with colours at full resolution."""
    buffer = io.BytesIO()
    whole = PillowImage.fromarray(np.ascontiguousarray(picture))
    whole.save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()


def data_uri(picture: np.ndarray) -> str:
    """Return a uint8 picture, ``(H, W, 3)`` or ``(H, W)``, as a ``data:`` URI for a page."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode("ascii")


def save_picture(path: str | Path, picture: np.ndarray) -> Path:
    """Write a uint8 picture, ``(H, W, 3)`` or ``(H, W)``, atomically as PNG; return its path.

    Raises:
        InputError: for another shape or dtype.
    """
    array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
        raise InputError(f"a picture is uint8 (H, W, 3) or (H, W), got {array.dtype} {array.shape}")
    return store(path, png_bytes(array))


def _resize(image: np.ndarray, size: tuple[int, int]) -> PillowImage.Image:
    return PillowImage.fromarray(image).resize(size, PillowImage.Resampling.BOX)


def _shown_bands(channels: int, bands: Sequence[int] | None, alpha: bool | None) -> tuple[int, ...]:
    if bands is not None:
        wrong = [band for band in bands if not 0 <= band < channels]
        if len(bands) != 3 or wrong:
            raise InputError(f"bands must be three numbers from 0 to {channels - 1}, got {bands}")
        return tuple(bands)
    colours = channels - _has_alpha(channels, bands, alpha)
    if colours < 3:
        return (0,)
    return (0, 1, 2) if colours == 3 else (colours - 1, colours // 2, 0)


def _has_alpha(channels: int, bands: Sequence[int] | None, alpha: bool | None) -> bool:
    if bands is not None or channels not in (2, 4):
        return False
    return channels == 4 if alpha is None else alpha


def _checkerboard(height: int, width: int) -> np.ndarray:
    side = max(min(height, width) // 8, 1)
    rows, columns = np.arange(height) // side, np.arange(width) // side
    odd = (rows[:, None] + columns[None, :]) % 2
    return np.where(odd == 1, *map(float, _CHECKER))
