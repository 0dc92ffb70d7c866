"""Whether images are noisy: distinguishes white noise from texture, without a clean image."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

Array = np.ndarray[Any, np.dtype[np.float64]]

# Pixels a side of a cell, pixels from one cell to the next, and the most that a constant cell varies.
SIDE, STEP, CONSTANT = 4, 2, 1e-6
MOST_CELLS = 40_000  # of all images together
SEED = 20240301
BANDS = 4  # of brightness, on which noise may depend
FLATTEST, FEWEST = 0.1, 48  # the fraction of a band that is compared, and the fewest cells
# The least relevant noise, and the ratio of the finest detail to the next coarser one if both are noise:
# chosen on train400, MNIST, and the single and averaged frames of w2s and FMD.
LEAST = 1.65 / 255
WHITE = (0.67, 1.6)
PATTERN = 0.3  # the mean product of neighbouring signs; above it, a pattern repeats
NOISY_BANDS = 2
# If this fraction of the values is black or white, noise was clipped: the estimate is increased.
CLIPPED, CLIPPED_GAIN = 0.35, 1.25
# For many small pictures of one kind of object, the smallest differences bound the noise.
SMALL, SMALL_WHITE = 16, 0.43
ALIGNED_VALUES, IMAGES_PER_VALUE = 256, 3
SMALLEST, ALIGNED_WHITE = (0.05, 0.15), 0.75
# Differences along both axes: ratios of the fourth order to the second, and of the second to the first.
FIRST, SECOND, FOURTH = (1.0, -1.0), (1.0, -2.0, 1.0), (1.0, -4.0, 6.0, -4.0, 1.0)
STEEP, STEEP_FIRST, STEEP_BANDS = (0.95, 1.1), (0.5, 1.15), 3
MOST_REPEATED = 0.5  # as PATTERN, for the decision by high-order differences
LOWER_HALF = 0.32464  # mean of the lower half of |x|, x standard normal


@dataclass(frozen=True, kw_only=True)
class NoisePresence:
    """The result, in the units of the images.

    Attributes:
        noisy: whether the images have relevant white noise.
        fine: the deviation of the finest detail where the images are flattest: that of the noise, if
            there is any.
        coarse: the same of the next coarser detail, scaled so that the two are equal for white noise.
    """

    noisy: bool
    fine: float
    coarse: float


@dataclass(frozen=True, kw_only=True)
class _Band:
    """The flattest cells of one band of brightness; ``repeats`` is the mean of :data:`PATTERN`."""

    fine: float
    coarse: float
    repeats: float

    @property
    def ratio(self) -> float:
        """1 for white noise; less for texture."""
        return self.fine / max(self.coarse, 1e-12)

    def white(self, least: float) -> bool:
        """Whether this is noise."""
        alike = least <= self.ratio <= WHITE[1] and abs(self.repeats) < PATTERN
        return alike and self.fine >= LEAST


def find_noise(images: Iterable[Tensor]) -> NoisePresence:
    """Decide whether images have white noise, of about 2/255 of their range or more.

    All images are cut into cells of 4 x 4 pixels, and cells into Haar coefficients of two scales. White
    noise has the same deviation at all scales; in images, detail grows with the scale. The two scales are
    compared in the cells with the smallest gradients in each of four bands of brightness (photon noise
    depends on brightness). Only the lower halves of their coefficients are used, which exclude edges and
    single spots. Coefficients whose signs repeat from place to place belong to a pattern. Two noisy bands
    decide.

    Pictures of less than 16 pixels a side contain an edge in every cell. If there are many of them and all
    have one size, the smallest eigenvalues of their covariance bound the noise: noise fills all directions
    equally, and clean pictures leave some empty. If not, all four bands must be noisy.

    Where no place is flat, high-order differences decide: the images are noisy if the fourth order leaves as
    much as the second.

    It does not detect noise that is correlated over several pixels (compressed, resized, smoothed or
    demosaiced images), single bad pixels, and noise in fine patterns.

    Args:
        images: batches (B, C, H, W) in about [0, 1]. Images smaller than 4 x 4 pixels count as clean.

    Source: that natural images have no scale of their own, and noise has, is Zoran and Weiss 2009,
    doi:10.1109/ICCV.2009.5459476; that the smallest eigenvalue bounds the noise is Pyatykh, Hesser and Zheng
    2013, doi:10.1109/TIP.2012.2221728.
    """
    arrays = [image.double().cpu().numpy() for batch in images for image in batch]
    cells, spotless = _varied(_cells(arrays))
    ends = (cells.min(initial=np.inf), cells.max(initial=-np.inf))
    bands = sorted((_band(part, ends) for part in _flattest(cells)), key=lambda band: band.ratio)
    if not bands or spotless:
        return NoisePresence(noisy=False, fine=0.0, coarse=0.0)
    least, needed = _rule(arrays)
    white = [band for band in bands if band.white(least)]
    noisy = len(white) >= needed
    repeats = float(np.median([abs(band.repeats) for band in bands]))
    if not noisy and repeats < MOST_REPEATED and min(arrays[0].shape[1:]) >= SMALL:
        steep = _beyond_texture(arrays)
        if steep is not None:
            return steep
    shown = white[len(white) // 2] if noisy else bands[-min(NOISY_BANDS, len(bands))]
    return NoisePresence(noisy=noisy, fine=shown.fine, coarse=shown.coarse)


def _beyond_texture(arrays: Sequence[Array]) -> NoisePresence | None:
    """Detect noise in images without any flat place, by high-order differences; None if there is none.

    Fourth-order differences contain less texture than second-order ones, and as much white noise.
    """
    cells = _cells(arrays, len(FOURTH))
    cells = cells[np.ptp(cells, axis=(1, 2)) > CONSTANT]
    if len(cells) < BANDS * FEWEST:
        return None
    levels = []
    order = np.argsort(cells.mean(axis=(1, 2)), kind="stable")
    for band in np.array_split(order, BANDS):
        part = cells[band]
        first, second, fourth = (_filtered(part, taps) for taps in (FIRST, SECOND, FOURTH))
        if fourth >= LEAST and STEEP_FIRST[0] <= second / max(first, 1e-12) <= STEEP_FIRST[1]:
            levels.append((fourth / second, fourth, second))
    ratio, fine, coarse = np.median(levels, axis=0) if len(levels) >= STEEP_BANDS else (0, 0, 0)
    if not STEEP[0] <= ratio <= STEEP[1]:
        return None
    return NoisePresence(noisy=True, fine=float(fine), coarse=float(coarse))


def _filtered(cells: Array, taps: tuple[float, ...]) -> float:
    """Compute the deviation of differences along both axes, which keep that of white noise."""
    kernel = np.array(taps) / np.linalg.norm(taps)
    windows = np.lib.stride_tricks.sliding_window_view(cells, (len(taps), len(taps)), axis=(1, 2))
    return _deviation(np.einsum("nhwij,i,j->nhw", windows, kernel, kernel))


def _rule(arrays: Sequence[Array]) -> tuple[float, int]:
    """Return the least ratio of a noisy band, and how many bands must be noisy."""
    if min(arrays[0].shape[1:]) >= SMALL:
        return WHITE[0], NOISY_BANDS
    alike = _smallest_alike(arrays)
    if alike is None:
        return WHITE[0], BANDS
    return SMALL_WHITE, NOISY_BANDS if alike else BANDS + 1


def _cells(arrays: Sequence[Array], side: int = SIDE) -> Array:
    """Return (n, side, side) cells, some of each image and channel."""
    rng = np.random.Generator(np.random.Philox(SEED))
    each = max(1, MOST_CELLS // max(1, sum(len(array) for array in arrays)))
    found = [np.zeros((0, side, side))]
    for plane in (plane for array in arrays for plane in array if min(plane.shape) >= side):
        windows = np.lib.stride_tricks.sliding_window_view(plane, (side, side))[::STEP, ::STEP]
        rows, columns = windows.shape[:2]
        places = np.arange(rows * columns)
        if len(places) > each:
            places = rng.choice(places, each, replace=False)
        found.append(windows[places // columns, places % columns])
    return np.concatenate(found)


def _varied(cells: Array) -> tuple[Array, bool]:
    """Return the cells that are not constant, and whether most are constant without being black.

    Noise leaves no cell constant, except for photon noise without any light.
    """
    constant = np.ptp(cells, axis=(1, 2)) <= CONSTANT
    black = constant & (cells[:, 0, 0] <= cells.min(initial=np.inf))
    return cells[~constant], bool(2 * (constant & ~black).sum() > (~black).sum())


def _flattest(cells: Array) -> Iterator[Array]:
    """Yield the flattest cells of each band of brightness."""
    if len(cells) < BANDS * FEWEST // 4:
        return
    _, (across, down, _) = _haar(_haar(cells)[0])
    gradient = np.hypot(across, down)[:, 0, 0]
    order = np.argsort(cells.mean(axis=(1, 2)), kind="stable")
    for band in np.array_split(order, BANDS):
        count = max(min(FEWEST, len(band)), round(FLATTEST * len(band)))
        yield cells[band[np.argsort(gradient[band], kind="stable")[:count]]]


def _band(cells: Array, ends: tuple[float, float]) -> _Band:
    means, (_, _, fine) = _haar(cells)
    _, (_, _, coarse) = _haar(means)
    sign = np.sign(fine)
    pairs = [sign[:, 0] * sign[:, 1], sign[:, :, 0] * sign[:, :, 1]]
    products = np.concatenate([pair.ravel() for pair in pairs])
    products = products[products != 0]
    repeats = float(products.mean()) if len(products) else 0.0
    clipped = float(np.mean((cells <= ends[0]) | (cells >= ends[1]))) >= CLIPPED
    gain = CLIPPED_GAIN if clipped else 1.0
    return _Band(fine=gain * _deviation(fine), coarse=gain * _deviation(coarse), repeats=repeats)


def _haar(blocks: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    """Transform (n, h, w) to halved 2 x 2 sums, and differences across, down and both; (n, h/2, w/2) each."""
    a, b = blocks[:, 0::2, 0::2], blocks[:, 0::2, 1::2]
    c, d = blocks[:, 1::2, 0::2], blocks[:, 1::2, 1::2]
    return (a + b + c + d) / 2, ((a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2)


def _deviation(values: Array) -> float:
    """Estimate the deviation of normal values about 0, from the lower half of their absolute values."""
    sizes = np.sort(np.abs(values), axis=None)
    return float(sizes[: (len(sizes) + 1) // 2].mean()) / LOWER_HALF


def _smallest_alike(arrays: Sequence[Array]) -> bool | None:
    """Whether pictures of one size vary in every direction at least as much as noise, and equally.

    None if the pictures are too large or too few to decide.
    """
    size = arrays[0].size
    if len({array.shape for array in arrays}) > 1:
        return None
    if size > ALIGNED_VALUES or len(arrays) < IMAGES_PER_VALUE * size:
        return None
    values = np.linalg.eigvalsh(np.cov(np.stack([array.ravel() for array in arrays]).T))
    low, high = (float(np.sqrt(max(0.0, values[int(share * size)]))) for share in SMALLEST)
    return low >= max(LEAST, ALIGNED_WHITE * high)
