"""Facts derived from pixels and file metadata: depth, opacity, missing pixels."""

import numpy as np
from numpy.typing import NDArray

from convae.images.files.image import ImageInfo, Pixels, depth_read, dtype_name
from convae.images.files.metadata import UNUSED, Opacity

Missing = NDArray[np.bool_]

_BITS_AT_LEAST = 8


def converted(pixels: Pixels, stored: str) -> tuple[Pixels, list[str]]:
    """Convert pixels of any real dtype to the dtype that images are read as; return them and a note.

    Args:
        pixels: (H, W, C), any real dtype.
        stored: the dtype that the file stores, for the note.

    Returns:
        (H, W, C) uint8, uint16 or float32; values beyond float32 become infinite, which counts as missing.
    """
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255), ["1 bit read as 0 and 255"]
    target = depth_read(dtype_name(pixels.dtype))
    if pixels.dtype == target:
        return pixels, []
    with np.errstate(over="ignore"):
        made = pixels.astype(target)
    return made, [f"{stored} read as {target}"] if stored != target else []


def opacity_of(pixels: Pixels, kind: str, *, exact: bool = False) -> Opacity | None:
    """Return the opacity of the last channel, if the file states that it is opacity.

    Args:
        pixels: ``(H, W, C)`` as the file stores them.
        kind: ``"straight"``, ``"premultiplied"``, or ``""`` where no channel is opacity.
        exact: whether the largest value of an integer dtype is opaque whatever values occur, as in PNG. In
            other kinds, 12-bit samples in 16 bits have 4095 for opaque, and floats 1, 255 or 65535.

    >>> opacity_of(np.full((1, 1, 4), 4095, np.uint16), "straight")
    Opacity(kind='straight', opaque=4095.0)
    """
    if not kind:
        return None
    alpha = pixels[..., -1]
    if not alpha.any():
        kind = UNUSED
    if alpha.dtype.kind == "b":
        return Opacity(kind=kind, opaque=1.0)
    largest = float(np.nanmax(alpha)) if alpha.size and not np.isnan(alpha).all() else 0.0
    if alpha.dtype.kind == "f":
        return Opacity(kind=kind, opaque=1.0 if largest <= 1 else _full_scale(largest))
    bound = float(np.iinfo(alpha.dtype).max)
    if exact or alpha.dtype.itemsize == 1:
        return Opacity(kind=kind, opaque=bound)
    return Opacity(kind=kind, opaque=min(bound, _full_scale(float(pixels.max()))))


def _full_scale(largest: float) -> float:
    """Return the largest value of the fewest bits that hold ``largest``, at least 8."""
    bits = max(_BITS_AT_LEAST, int(np.ceil(np.log2(largest + 1))))
    return float(2**bits - 1)


def missing_pixels(
    pixels: Pixels, nodata: float | None, valid: Missing | None, has_opacity: bool
) -> tuple[Missing | None, Missing | None]:
    """Find the pixels that a file declares missing.

    A pixel is missing if all its colours have the nodata value, which is GDAL's definition of the mask of a
    whole data set (rasterio's ``dataset_mask``): the zeros of red, (230, 0, 0), are a colour. A single band
    has no value if nodata cannot be a measurement: it is further from all other values of the image than
    these are from each other, as -9999 is from 0 to 2000.

    Args:
        pixels: ``(H, W, C)`` as stored.
        nodata: the value declared missing, if there is one.
        valid: ``(H, W)``, False where the file's mask excludes a pixel, if it has a mask.
        has_opacity: whether the last channel is opacity, which is not a colour.

    Returns:
        ``(H, W)`` where a pixel is missing, and ``(H, W, C)`` where a value is; None if nothing is declared.
    """
    holes = None if valid is None else ~valid
    if nodata is None:
        return holes, None
    equal = _equal(pixels, nodata)
    colours = equal[..., :-1] if has_opacity and equal.shape[2] > 1 else equal
    all_bands = np.asarray(colours.all(axis=2))
    holes = all_bands if holes is None else np.asarray(holes | all_bands)
    if colours.shape[2] == 1 or not _outside(pixels, equal, nodata):
        return holes, None
    return holes, equal


def apart_from_nodata(pixels: Pixels, info: ImageInfo, missing: Missing | None = None) -> Pixels:
    """Change computed pixels that equal the nodata value by accident, so that they do not count as missing.

    Args:
        pixels: ``(H, W, C)`` as stored.
        info: of the original image.
        missing: ``(H, W)``, True where the result is missing and must stay so.

    Returns:
        the pixels, with the first colour next to the nodata value where all colours had just that value.

    >>> info = ImageInfo(name="x", nodata=7)
    >>> apart_from_nodata(np.array([[[7], [8]]], np.uint8), info).tolist()
    [[[8], [8]]]
    """
    nodata = info.nodata
    if nodata is None or np.isnan(nodata) or pixels.dtype.kind not in "uif":
        return pixels
    has_opacity = info.opacity is not None and pixels.shape[2] > 1
    taken, _ = missing_pixels(pixels, nodata, None, has_opacity)
    assert taken is not None
    wrong = taken if missing is None else taken & ~missing
    if not wrong.any():
        return pixels
    if pixels.dtype.kind == "f":
        other = nodata + max(1e-5 * abs(nodata), 1e-30)
    else:
        top = np.iinfo(pixels.dtype).max if info.top is None else info.top
        other = nodata + 1 if nodata < top else nodata - 1
    pixels = pixels.copy()
    pixels[wrong, 0] = other
    return pixels


def _equal(pixels: Pixels, nodata: float) -> Missing:
    if np.isnan(nodata):
        return np.isnan(pixels) if pixels.dtype.kind == "f" else np.zeros(pixels.shape, np.bool_)
    if pixels.dtype.kind == "f":
        value = pixels.dtype.type(nodata) if abs(nodata) < 3.5e38 else nodata
        return np.asarray(np.isclose(pixels, value, rtol=1e-6, atol=0))
    return np.asarray(pixels == nodata)


def _outside(pixels: Pixels, equal: Missing, nodata: float) -> bool:
    others = pixels[~equal]
    others = others[np.isfinite(others)] if others.dtype.kind == "f" else others
    if not others.size:
        return False
    least, most = float(others.min()), float(others.max())
    return max(least - nodata, nodata - most) > most - least
