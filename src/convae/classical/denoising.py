"""Denoising without training: the median filter, non-local means, and BM3D where it is installed.

Images are (B, C, H, W) floats; beyond the border, windows and patches repeat the outermost pixels. The first
two process bands of rows, so that memory beyond a few copies of the batch does not grow with the images.
"""

import importlib.util
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from convae.errors import InputError, MissingExtraError

BAND_VALUES = 2**20  # values processed at a time
PATCH = 5  # pixels a side of the patches that non-local means compares
REACH = 8  # reach of its search: 17 x 17 places
STRENGTH = 0.7  # h = STRENGTH * sigma


def median(batch: Tensor, size: int = 3) -> Tensor:
    """Compute the median of the ``size`` x ``size`` pixels around each, channel by channel.

    Args:
        batch: (B, C, H, W).
        size: odd, in pixels. 3 for single wrong pixels, 5 or 7 for much noise.

    Returns:
        (B, C, H, W).

    Raises:
        InputError: if the size is even or below 1.
    """
    if type(size) is not int or size < 1 or size % 2 == 0:
        raise InputError(
            f"the size of a median filter must be an odd number of pixels; got {size!r}"
        )
    reach = size // 2

    def band(rows: Tensor) -> Tensor:
        windows = rows.unfold(2, size, 1).unfold(3, size, 1)
        return windows.reshape(*windows.shape[:4], -1).median(dim=-1).values

    padded = F.pad(batch, (reach,) * 4, mode="replicate")
    return _by_bands(padded, reach, band, values=size * size)


def non_local_means(batch: Tensor, sigma: float | Tensor) -> Tensor:
    """Replace each pixel by a weighted mean of the pixels near it that have similar surroundings.

    The weight of a pixel is ``exp(-max(d² - 2σ², 0) / h²)``, where d² is the mean squared difference of the
    two 5 x 5 patches (over all channels) and 2σ² is its expected value from noise alone.

    Args:
        batch: (B, C, H, W).
        sigma: the standard deviation of the noise in the same units: a single value, or one per image (B,).

    Returns:
        (B, C, H, W).

    Source: Buades, Coll, Morel 2005, doi:10.1109/CVPR.2005.38, with even weights inside a patch, as in
    Froment 2014, doi:10.5201/ipol.2014.120. The strength h was chosen on training images of natural scenes.
    """
    variance = torch.as_tensor(sigma, dtype=batch.dtype, device=batch.device).square()
    variance = variance.reshape(-1, 1, 1, 1)
    h2 = (STRENGTH**2 * variance).clamp_min(1e-12)
    half, span = PATCH // 2, range(-REACH, REACH + 1)
    # A shift and its opposite compare the same pixels, so half of the shifts suffice.
    shifts = [(y, x) for y in range(REACH + 1) for x in span if (y, x) > (0, 0)]

    def band(rows: Tensor) -> Tensor:
        image, inside = rows[:, :-1], rows[:, -1:]
        known = image * inside
        total, weights = known.clone(), inside.clone()
        for shift in shifts:
            one, other = _facing(image, shift)
            distance = _patch_means((one - other).square_().mean(dim=1, keepdim=True))
            weight = distance.sub_(2 * variance).clamp_min_(0).div_(-h2).exp_()
            for sums, values in ((total, known), (weights, inside)):
                here, there = _facing(sums, shift, half)
                one, other = _facing(values, shift, half)
                here += weight * other
                there += weight * one
        edge = REACH + half
        return (total / weights)[:, :, edge:-edge, edge:-edge]

    # Repeated pixels have the same noise, so they are compared but not averaged.
    edge = (REACH + half,) * 4
    inside = F.pad(torch.ones_like(batch[:, :1]), edge)
    padded = torch.cat([F.pad(batch, edge, mode="replicate"), inside], dim=1)
    return _by_bands(padded, REACH + half, band)


def has_bm3d() -> bool:
    """Whether BM3D is installed."""
    return importlib.util.find_spec("bm3d") is not None


def bm3d(batch: Tensor, sigma: float | Tensor) -> Tensor:
    """Filter groups of similar patches together in three dimensions; channel by channel.

    Args:
        batch, sigma: as for :func:`non_local_means`.

    Returns:
        (B, C, H, W).

    Raises:
        MissingExtraError: if the package bm3d is not installed.

    Source: Dabov, Foi, Katkovnik, Egiazarian 2007, doi:10.1109/TIP.2007.901238, by its authors' package.
    """
    if not has_bm3d():
        raise MissingExtraError("BM3D", "bm3d")
    from bm3d import bm3d as run

    levels = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1).expand(len(batch)).tolist()
    maps = batch.cpu().numpy().astype(np.float64)
    done = [
        [run(channel, max(level, 1e-6)) for channel in image]
        for image, level in zip(maps, levels, strict=True)
    ]
    return torch.from_numpy(np.asarray(done)).to(batch)


def _facing(maps: Tensor, shift: tuple[int, int], margin: int = 0) -> tuple[Tensor, Tensor]:
    """Return two views of (B, C, H, W) maps, of pixels that differ by a shift (down ≥ 0, right)."""
    (height, width), (down, right) = maps.shape[2:], shift
    left, right = max(0, -right), max(0, right)
    one = maps[:, :, down + margin : height - margin, right + margin : width - left - margin]
    other = maps[:, :, margin : height - down - margin, left + margin : width - right - margin]
    return one, other


def _patch_means(values: Tensor) -> Tensor:
    """Average (B, 1, H, W) over PATCH x PATCH pixels: (B, 1, H - PATCH + 1, W - PATCH + 1)."""
    for dim in (2, 3):
        length = values.shape[dim] - PATCH + 1
        total = values.narrow(dim, 0, length).clone()
        for i in range(1, PATCH):
            total += values.narrow(dim, i, length)
        values = total
    return values / PATCH**2


def _by_bands(
    padded: Tensor, reach: int, function: Callable[[Tensor], Tensor], values: int = 1
) -> Tensor:
    """Apply ``function`` to bands of rows.

    Args:
        padded: (B, C, H + 2·reach, W + 2·reach).
        function: (B, C, h + 2·reach, W + 2·reach) to (B, C', h, W).
        values: number of values that it stores for each pixel.
    """
    height = padded.shape[2] - 2 * reach
    step = max(1, BAND_VALUES * padded.shape[2] // (padded.numel() * values))
    bands = [
        function(padded[:, :, row : min(row + step, height) + 2 * reach])
        for row in range(0, height, step)
    ]
    return torch.cat(bands, dim=2)
