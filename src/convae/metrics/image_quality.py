"""Quality of a reconstruction: MSE, MAE, PSNR, SSIM, MS-SSIM.

Every function takes ``(reconstruction, target)``, both ``(B, C, H, W)`` in about [0, 1], and returns
one value per image, ``(B,)``: the mean over C, H and W. Half precisions are computed in float32;
float64 stays. A NaN in an image makes that image's value NaN and no other's. Tensors of other shapes raise
an ``InputError``.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from convae.errors import InputError, unknown_name

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MS_FLOOR = 1e-4
# Up to this side a banded matrix product is faster than the convolution on the CPU, gradient included.
BAND_SIDE = 128
METRIC_NAMES = ("mse", "mae", "psnr_mean", "psnr_pooled", "ssim", "ms_ssim")


def mse(reconstruction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error: ``mean((x̂ - x)²)``.

    Convention: two (B, C, H, W) give (B,), averaged over C, H, W (per pixel and channel, not summed);
    [0, ∞), 0 for identical images.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).

    >>> mse(torch.zeros(2, 1, 4, 4), torch.full((2, 1, 4, 4), 0.5))
    tensor([0.2500, 0.2500])
    """
    reconstruction, target = as_pair(reconstruction, target)
    return (reconstruction - target).square().mean(dim=(1, 2, 3))


def mae(reconstruction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean absolute error: ``mean(|x̂ - x|)``.

    Convention: two (B, C, H, W) give (B,), averaged over C, H, W; [0, ∞), 0 for identical images.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).

    >>> mae(torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.5))
    tensor([0.5000])
    """
    reconstruction, target = as_pair(reconstruction, target)
    return (reconstruction - target).abs().mean(dim=(1, 2, 3))


def psnr(
    reconstruction: torch.Tensor, target: torch.Tensor, *, data_range: float = 1.0
) -> torch.Tensor:
    """Peak signal-to-noise ratio in dB: ``10 log10(data_range² / MSE)``.

    Convention: two (B, C, H, W) give (B,), from the MSE over C, H, W of each image; (-∞, ∞], ``inf`` for
    identical images. The mean of these values and the PSNR of the mean MSE differ (by Jensen's inequality the
    mean is the larger): :class:`MetricTotals` gives both. Values are not clipped first.

    Args:
        reconstruction: (B, C, H, W).
        target: (B, C, H, W).
        data_range: the distance between the lowest and the highest possible value, above 0; 1 for
            [0, 1].

    Raises:
        InputError: the shapes differ or are not (B, C, H, W), or ``data_range`` is not finite and above 0.

    >>> psnr(torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.1))
    tensor([20.])
    """
    return psnr_from_mse(mse(reconstruction, target), data_range=data_range)


def psnr_from_mse(error: torch.Tensor, *, data_range: float = 1.0) -> torch.Tensor:
    """Compute ``10 log10(data_range² / error)`` of mean squared errors of any shape (...,); 0 gives ``inf``.

    Raises:
        InputError: ``data_range`` is not a finite number above 0.
    """
    if not (data_range > 0 and math.isfinite(data_range)):
        raise InputError(f"data_range must be a finite number above 0, got {data_range!r}")
    return 20 * math.log10(data_range) - 10 * torch.log10(error)


def ssim(
    reconstruction: torch.Tensor, target: torch.Tensor, *, data_range: float = 1.0
) -> torch.Tensor:
    """Structural similarity, the mean over all window positions and channels of::

        (2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2))

    with ``C1 = (0.01 L)²``, ``C2 = (0.03 L)²``, L the data range, and local means, variances and
    covariance (population, not sample) under a Gaussian window of 11 x 11 pixels, sigma 1.5.

    Convention: averaged over the positions where the window lies wholly inside the image, and over
    the channels; [-1, 1], exactly 1 for identical images. A side under 11 shrinks the window's side
    to it (sigma stays 1.5, weights renormalised), so a 1 x 1 image has zero variances and compares
    luminance alone. Pixels within 5 of the border weigh less; on images that small prefer a mix
    with MSE as a loss.

    Source: Wang et al. 2004, doi:10.1109/TIP.2003.819861; the values are those of scikit-image's
    ``structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)``.

    >>> x = torch.rand(2, 3, 16, 20)
    >>> ssim(x, x)
    tensor([1., 1.])
    """
    reconstruction, target = as_pair(reconstruction, target)
    luminance, contrast = similarity_factors(reconstruction, target, data_range)
    return (luminance * contrast).mean(dim=(1, 2, 3))


def ms_ssim(
    reconstruction: torch.Tensor, target: torch.Tensor, *, data_range: float = 1.0
) -> torch.Tensor:
    """Multi-scale structural similarity, the mean over channels of::

        SSIM_M ^ w_M  ·  Π_{j<M} CS_j ^ w_j

    where CS_j is the mean of the contrast-structure factor ``(2 σxy + C2) / (σx² + σy² + C2)``
    after j halvings (2 x 2 averages; an odd last row or column is averaged over what there is) and
    SSIM_M the SSIM at the coarsest scale.

    Convention: [1e-4, 1], 1 for identical images. There are at most 5 scales, and only those at
    which the shorter side has 11 pixels or more (at least one): 5 from 161, 2 from 21; the weights
    0.0448, 0.2856, 0.3001, 0.2363, 0.1333 of the scales there are, finest first, are divided by
    their sum. With one scale it is SSIM per channel. Factors under 1e-4 (structure that is opposed)
    count as 1e-4: a negative base has no real power, and at 0 the gradient of the power is
    infinite.

    Source: Wang, Simoncelli, Bovik 2003, doi:10.1109/ACSSC.2003.1292216.

    >>> x = torch.rand(2, 1, 32, 32)
    >>> ms_ssim(x, x)
    tensor([1., 1.])
    """
    reconstruction, target = as_pair(reconstruction, target)
    weights = ms_ssim_weights(reconstruction.shape[-2], reconstruction.shape[-1])
    product = torch.ones((), dtype=reconstruction.dtype, device=reconstruction.device)
    for scale, weight in enumerate(weights):
        luminance, factor = similarity_factors(reconstruction, target, data_range)
        if scale == len(weights) - 1:
            factor = luminance * factor
        else:
            reconstruction, target = _halved(reconstruction), _halved(target)
        product = product * factor.mean(dim=(2, 3)).clamp(min=MS_FLOOR) ** weight
    return product.mean(dim=1)


def ms_ssim_weights(height: int, width: int) -> tuple[float, ...]:
    """Return the weights of MS-SSIM's scales for an image of this size, finest first; they sum to 1.

    >>> [round(weight, 4) for weight in ms_ssim_weights(28, 28)]
    [0.1356, 0.8644]
    """
    side, scales = min(height, width), 1
    while scales < len(MS_WEIGHTS) and -(-side // 2) >= WINDOW:
        side, scales = -(-side // 2), scales + 1
    total = sum(MS_WEIGHTS[:scales])
    return tuple(weight / total for weight in MS_WEIGHTS[:scales])


class MetricTotals:
    """Metrics of a stream of batches in constant memory, per image and in total.

    Images may change size from batch to batch. The totals ``mse``, ``mae``, ``psnr_mean``, ``ssim``
    and ``ms_ssim`` are means over images; ``psnr_pooled`` is the PSNR of the mean squared error
    over all pixels of all images. Sums are kept in float64.

    Convention: an image with a NaN metric (missing pixels) is counted in ``undefined`` and left out
    of every total. One identical image makes ``psnr_mean`` infinite; ``psnr_pooled`` is finite
    unless all are identical. With no image every total is NaN.

    Args:
        names: which of :data:`METRIC_NAMES` to compute; SSIM and MS-SSIM cost most. Default: all.
        data_range: as in :func:`psnr`.

    Attributes:
        count: images in the totals.
        undefined: images left out of them.

    Raises:
        InputError: for an unknown name.
    >>> totals = MetricTotals(("mse", "psnr_pooled"))
    >>> _ = totals.update(torch.zeros(3, 1, 8, 8), torch.full((3, 1, 8, 8), 0.1))
    >>> {name: round(value, 4) for name, value in totals.totals().items()}
    {'mse': 0.01, 'psnr_pooled': 20.0}
    """

    def __init__(self, names: Sequence[str] = METRIC_NAMES, *, data_range: float = 1.0) -> None:
        unknown = [name for name in names if name not in METRIC_NAMES]
        if unknown:
            raise unknown_name("metric", unknown[0], METRIC_NAMES)
        self.names = tuple(names)
        self.data_range = data_range
        self.count = 0
        self.undefined = 0
        self._sums = dict.fromkeys(("mse", "mae", "psnr", "ssim", "ms_ssim"), 0.0)
        self._squares = 0.0
        self._pixels = 0

    def update(self, reconstruction: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        """Add one batch; return its metrics per image, each ``(B,)`` float64 on the CPU.

        The names are ``mse``, ``mae``, ``psnr``, ``ssim``, ``ms_ssim``: those that the chosen
        totals need.
        """
        with torch.no_grad():
            values = self._per_image(reconstruction, target)
        defined = ~torch.stack(list(values.values())).isnan().any(dim=0)
        kept = int(defined.sum())
        for name, per_image in values.items():
            self._sums[name] += float(per_image[defined].sum())
        pixels = math.prod(target.shape[1:])
        self._squares += float(values["mse"][defined].sum()) * pixels
        self._pixels += kept * pixels
        self.count += kept
        self.undefined += len(defined) - kept
        return values

    def totals(self) -> dict[str, float]:
        """Return the chosen totals of all batches so far, in the requested order."""
        return {name: self._total(name) for name in self.names}

    def _per_image(
        self, reconstruction: torch.Tensor, target: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Compute every per-image metric that a chosen total needs; always the MSE."""
        values = {"mse": mse(reconstruction, target)}
        if "mae" in self.names:
            values["mae"] = mae(reconstruction, target)
        if "psnr_mean" in self.names:
            values["psnr"] = psnr_from_mse(values["mse"], data_range=self.data_range)
        for name, metric in (("ssim", ssim), ("ms_ssim", ms_ssim)):
            if name in self.names:
                values[name] = metric(reconstruction, target, data_range=self.data_range)
        return {name: value.cpu().double() for name, value in values.items()}

    def _total(self, name: str) -> float:
        if self.count == 0:
            return math.nan
        if name == "psnr_pooled":
            pooled = torch.tensor(self._squares / self._pixels, dtype=torch.float64)
            return float(psnr_from_mse(pooled, data_range=self.data_range))
        return self._sums["psnr" if name == "psnr_mean" else name] / self.count


def as_pair(
    reconstruction: torch.Tensor, target: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both tensors in the wider of their dtypes, at least float32.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    if reconstruction.shape != target.shape or target.ndim != 4:
        raise InputError(
            "reconstruction and target must both have the shape (B, C, H, W), got "
            f"{tuple(reconstruction.shape)} and {tuple(target.shape)}"
        )
    dtype = torch.promote_types(reconstruction.dtype, target.dtype)
    dtype = torch.promote_types(dtype, torch.float32)
    return reconstruction.to(dtype), target.to(dtype)


def similarity_factors(
    x: torch.Tensor, y: torch.Tensor, data_range: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute SSIM's luminance and contrast-structure factors at every position, (B, C, H', W') each.

    They are written in the sum s = x + y and the difference d = x - y: then ``2 σxy = (σs² - σd²) / 2`` and
    ``σx² + σy² = (σs² + σd²) / 2``. Four maps are blurred instead of five, rounding errors cancel where
    the images agree, and non-negative variances keep each factor in [-1, 1] for any rounding.
    """
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    total, difference = x + y, x - y
    blurred = _blur(torch.cat([total, difference, total.square(), difference.square()], dim=1))
    mean_s, mean_d, square_s, square_d = blurred.chunk(4, dim=1)
    mean_s, mean_d = mean_s.square(), mean_d.square()
    var_s, var_d = (square_s - mean_s).relu(), (square_d - mean_d).relu()
    luminance = (mean_s - mean_d + 2 * c1) / (mean_s + mean_d + 2 * c1)
    contrast = (var_s - var_d + 2 * c2) / (var_s + var_d + 2 * c2)
    return luminance, contrast


def _blur(maps: torch.Tensor) -> torch.Tensor:
    """Compute Gaussian means of every channel where the window lies inside the image: (B, C, H', W')."""
    height, width = maps.shape[-2:]
    rows, columns = _window(min(WINDOW, height), maps), _window(min(WINDOW, width), maps)
    # Autocast would blur in half precision, which loses a variance of 1e-4 next to a mean of 1.
    with torch.autocast(maps.device.type, enabled=False):
        if maps.device.type == "cpu" and max(height, width) <= BAND_SIDE:
            return _band(rows, height) @ (maps @ _band(columns, width).T)
        return _blur_by_convolution(maps, rows, columns)


def _blur_by_convolution(
    maps: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor
) -> torch.Tensor:
    """Blur by two depthwise convolutions (which CUDA never rounds to TF32)."""
    channels = maps.shape[1]
    across = F.conv2d(maps, columns.expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(across, rows.unsqueeze(-1).expand(channels, 1, -1, 1), groups=channels)


def _window(size: int, like: torch.Tensor) -> torch.Tensor:
    """Return ``size`` Gaussian weights that sum to 1, with the dtype and device of ``like``."""
    distance = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-distance.square() / (2 * SIGMA**2))
    return (weights / weights.sum()).to(like)


def _band(weights: torch.Tensor, side: int) -> torch.Tensor:
    """Return the matrix (side - size + 1, side) whose product with a column is its valid correlation."""
    size = len(weights)
    band = weights.new_zeros(side - size + 1, side)
    for offset in range(size):
        band.diagonal(offset).fill_(weights[offset])
    return band


def _halved(images: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(images, 2, ceil_mode=True, count_include_pad=False)
