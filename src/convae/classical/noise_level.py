"""How noisy an image is, and whether what was removed from it was noise: measured without a clean image."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

# Fourth-order differences along both axes suppress an image most, and keep all of white noise.
TAPS = (1.0, -4.0, 6.0, -4.0, 1.0)
SHORTER_TAPS = {1: (1.0,), 2: (1.0, -1.0), 3: (1.0, -2.0, 1.0), 4: (1.0, -3.0, 3.0, -1.0)}
NORMAL_MEDIAN = 0.6744898  # median of the absolute value of a standard normal variable
ENOUGH, BAND = 2**22, 64  # pixels for the estimate, and rows of each band of them
BLOCK = 16  # pixels a side of a block for the spectrum, half of it in small images
LEAST_BLOCK = 4
HIGH = 0.3  # cycles per pixel
ROUNDING = 1e-10  # fraction of the energy below which a residual is constant but for rounding
OVERLAP = 1.11  # half overlapping blocks that count as one block: (1 + 2 / 6²)²
WHITE = 0.9  # below it, more than a tenth of what was removed is not white noise


def estimate_noise_level(batch: Tensor) -> Tensor:
    """Estimate the standard deviation of each image's noise, from the image alone.

    ``median(|k * x|) / 0.6745`` with k the outer product of (1, -4, 6, -4, 1) with itself, of unit norm.
    Smooth parts of an image vanish in it, edges and texture leave a few small values, and white noise keeps
    its deviation.

    Convention: in the units of the image; the root of the mean square over channels; 0 for an image that
    is constant in more than half of its places. Texture counts as noise: on photographs without any added
    noise the estimate is about 2/255, with 25/255 about 0.5/255 too high. Noise that is correlated over
    several pixels (stripes, compressed, resized or smoothed images) is underestimated.

    Args:
        batch: (B, C, H, W) floats, of any size; 32 pixels a side give about 6 % accuracy, 180 give 2 %.

    Returns:
        (B,) float32.

    Source: the median of the finest coefficients is Donoho and Johnstone 1994, doi:10.1093/biomet/81.3.425; a
    mask that suppresses an image's structure is Immerkær 1996, doi:10.1006/cviu.1996.0060.

    >>> noise = 0.1 * torch.randn(1, 1, 256, 256, generator=torch.Generator().manual_seed(0))
    >>> round(estimate_noise_level(0.5 + noise).item(), 2)
    0.1
    """
    height, width = batch.shape[-2:]
    return noise_level_of(batch[:, :, top:end] for top, end in bands(height, width))


def bands(height: int, width: int) -> list[tuple[int, int]]:
    """Return the rows (first, last + 1) of an image from which its noise is estimated.

    These are all rows of an image of up to ``ENOUGH`` pixels. For a larger image they are bands spread over
    it,
    of about that many pixels in all: the median of four million values is as precise as that of all.
    """
    count = max(1, ENOUGH // (BAND * width))
    if height <= count * BAND:
        return [(0, height)]
    starts = [round(i * (height - BAND) / max(1, count - 1)) for i in range(count)]
    return [(start, start + BAND) for start in starts]


def noise_level_of(parts: Iterable[Tensor]) -> Tensor:
    """Apply :func:`estimate_noise_level` to images given as (B, C, h, w) parts; returns (B,)."""
    found = [_finest(part) for part in parts]
    maps = torch.cat(found, dim=2) if len(found) > 1 else found[0]
    images, channels = maps.shape[:2]
    size = maps.reshape(images, channels, -1).median(dim=2).values
    return torch.sqrt((size / NORMAL_MEDIAN).square().mean(dim=1))


def _finest(batch: Tensor) -> Tensor:
    """Compute the absolute values of the finest coefficients, (B, C, H', W')."""
    maps = batch.float()
    for dim in (2, 3):
        taps = SHORTER_TAPS.get(maps.shape[dim], TAPS)
        length = maps.shape[dim] - len(taps) + 1
        # A convolution's last bits would depend on the number of images in the batch.
        total = taps[0] * maps.narrow(dim, 0, length)
        for i, tap in enumerate(taps[1:], 1):
            total.add_(maps.narrow(dim, i, length), alpha=tap)
        maps = total.div_(math.hypot(*taps))
    return maps.abs_()


def whiteness(residual: Tensor) -> Tensor:
    """Measure how much of what was removed from an image can have been white noise.

    ``1 - Σ max(P - p, 0) / Σ P`` with P the power spectrum of the residual (means over blocks under a Hann
    window) and p its mean at the highest frequencies along both axes. A clean image has almost no power
    there, so the power found there is noise. White noise has the same power everywhere, so power above p is
    not noise. Missing power at lower frequencies is noise left in the image; it is no fault of the residual,
    and does not count. The power that is above p at random, a fraction ``a^a e^-a / Γ(a + 1)`` for the mean
    of a independent periodograms, is subtracted.

    Convention: [0, 1], 1 for white noise and for an empty residual. It is about 0.95 to 1 after a denoiser
    that fits, 0.8 where it smooths half again as much as it should, and 0.4 to 0.6 for a blur. ``WHITE`` is
    in between.

    Args:
        residual: (B, C, H, W) the noisy minus the denoised images. With sides under 64 the values of single
            images scatter by more than 0.1: take the mean of several.

    Returns:
        (B,) float32.

    Source: Welch 1967, doi:10.1109/TAU.1967.1161901, for the spectrum; that "method noise" should be
    white is from Buades, Coll, Morel 2005, doi:10.1137/040616024.

    >>> noise = torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    >>> whiteness(noise).item() > 0.98, whiteness(noise.cumsum(3)).item() < 0.5
    (True, True)
    """
    height, width = residual.shape[-2:]
    side = min(BLOCK if min(height, width) >= 4 * BLOCK else BLOCK // 2, height, width)
    if side < LEAST_BLOCK:
        return residual.new_ones(len(residual), dtype=torch.float32)
    power, blocks = _spectrum(residual.float(), side)
    frequency = torch.fft.fftfreq(side, device=power.device).abs()
    high = (frequency[:, None] > HIGH) & (frequency[None] > HIGH)
    floor = power[:, high].mean(dim=1).view(-1, 1, 1)
    power[:, 0, 0] = 0  # the mean carries no information
    nothing = ROUNDING * side**4 * residual.float().square().mean(dim=(1, 2, 3))
    total = power.sum(dim=(1, 2)).maximum(nothing + 1e-30)
    excess = (power - floor).clamp_min(0).sum(dim=(1, 2)) / total
    a = blocks / OVERLAP
    expected = math.exp(a * math.log(a) - a - math.lgamma(a + 1))
    return 1 - ((excess - expected) / (1 - expected)).clamp_min(0)


def _spectrum(residual: Tensor, side: int) -> tuple[Tensor, int]:
    """Compute the mean power (B, side, side) over channels and half overlapping blocks, and their number."""
    windows = residual.unfold(2, side, max(1, side // 2)).unfold(3, side, max(1, side // 2))
    hann = torch.hann_window(side + 2, periodic=False, device=residual.device)[1:-1]
    power = residual.new_zeros((len(residual), side, side))
    for row in range(windows.shape[2]):  # row by row, so that memory does not grow with the height
        blocks = windows[:, :, row]
        blocks = (blocks - blocks.mean(dim=(-2, -1), keepdim=True)) * (hann[:, None] * hann)
        power += torch.fft.fft2(blocks).abs().square().mean(dim=(1, 2))
    return power / windows.shape[2], windows.shape[2] * windows.shape[3]


def is_structured(value: float) -> bool:
    """Whether a whiteness means that more than noise was removed."""
    return value < WHITE
