"""The facts of one image for the check-up: statistics, a fingerprint and a thumbnail."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from convae.images.files.image import Image, ImageInfo

THUMB = 16  # cells per side of the thumbnail, by which near duplicates are compared
_FLAT = 1e-3  # a thumbnail that varies less than this fraction of the range is flat


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The facts that the check-up keeps of one image.

    Attributes:
        shape: (H, W, C).
        depth: the dtype it is read as.
        info: what reading reported.
        low, high: extreme values over all channels; NaN when every pixel is missing.
        values: number of different values of a uint8 image, 0 for other depths.
        constant: whether every pixel is the same.
        digest: 16 bytes that are equal for equal pixels only.
        bits: 64-bit difference hash: of 8 x 9 area means, whether each is brighter than its left one.
        thumb: (16, 16) int8 picture, centred and in 1/32 of its standard deviation; None when flat.
    """

    shape: tuple[int, int, int]
    depth: str
    info: ImageInfo
    low: float
    high: float
    values: int
    constant: bool
    digest: bytes
    bits: int
    thumb: np.ndarray | None


def facts_of(image: Image) -> ImageFacts:
    """Collect the facts of an image; the pixels need not be kept."""
    pixels = image.pixels
    low, high = _extremes(pixels)
    bits, thumb = _picture(pixels, high - low)
    height, width, channels = pixels.shape
    eight = pixels.dtype == np.uint8
    return ImageFacts(
        shape=(height, width, channels),
        depth=str(pixels.dtype),
        info=image.info,
        low=low,
        high=high,
        values=int(np.count_nonzero(np.bincount(pixels.reshape(-1), minlength=256)))
        if eight
        else 0,
        constant=bool((pixels == pixels[0, 0]).all()),
        digest=_digest(pixels),
        bits=bits,
        thumb=thumb,
    )


def area_means(plane: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Reduce a picture (h, w) of any size to ``rows`` x ``columns`` means of equal areas.

    >>> area_means(np.array([[0.0, 2.0], [4.0, 6.0]]), 1, 2)
    array([[2., 4.]])
    """
    left, right = _weights(plane.shape[0], rows), _weights(plane.shape[1], columns)
    means: np.ndarray = left @ plane @ right.T
    return means


@lru_cache(maxsize=256)
def _weights(length: int, cells: int) -> np.ndarray:
    """Return (cells, length): the share of each pixel in each cell; rows sum to 1."""
    edges = np.arange(cells + 1) * (length / cells)
    pixel = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = np.clip(overlap, 0, None)
    normed: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return normed


def _extremes(pixels: np.ndarray) -> tuple[float, float]:
    if pixels.dtype == np.float32:
        finite = pixels[np.isfinite(pixels)]
        return (float(finite.min()), float(finite.max())) if finite.size else (np.nan, np.nan)
    return float(pixels.min()), float(pixels.max())


def _picture(pixels: np.ndarray, span: float) -> tuple[int, np.ndarray | None]:
    if not span > 0:  # constant, or all missing
        return 0, None
    grey = pixels.mean(axis=2, dtype=np.float32)
    if pixels.dtype == np.float32 and not np.isfinite(grey).all():
        grey = np.where(np.isfinite(grey), grey, np.nanmean(pixels))
    thumb = area_means(grey, THUMB, THUMB)
    spread = float(thumb.std())
    if spread < _FLAT * span:
        return 0, None
    steps = (
        np.diff(area_means(grey, 8, 9), axis=1) > 0.05 * spread
    )  # a margin keeps flat parts at 0
    bits = int.from_bytes(np.packbits(steps).tobytes(), "big")
    scaled = np.rint((thumb - thumb.mean()) * (32 / spread))
    return bits, np.clip(scaled, -127, 127).astype(np.int8)


def _digest(pixels: np.ndarray) -> bytes:
    digest = hashlib.blake2b(f"{pixels.dtype} {pixels.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()
