"""Where an image and its restoration differ: maps of gradient, structure and colour.

Every map function takes ``(restored, image)``, both ``(B, C, H, W)`` in about [0, 1], and returns
``(B, 1, H, W)``, higher where they differ more and 0 for identical images. To be comparable, the maps are
standardised by their mean and deviation on normal images (:class:`Standards`). They are then joined
into one map, and pooled into one score for each image. Tensors of other shapes raise an ``InputError``.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from convae.errors import InputError
from convae.metrics.image_quality import as_pair, similarity_factors

# The constant of gradient magnitude similarity: that of its source for [0, 255], rescaled to [0, 1].
GRADIENT_FLOOR = 170 / 255**2
SCALES = 3
SMALLEST_SIDE = 8  # smallest side of a map that is still halved
# The variation of normal images at a pixel defines an unusual difference. A deviation estimated from n
# images at one pixel is shrunk towards that of the whole map, which has the weight of this many images.
PRIOR_IMAGES = 8
SMOOTHED_PRIOR = 2  # the same where the statistics are smoothed over neighbouring pixels
LEAST_DEVIATION = 1e-6


def gradient_difference(restored: Tensor, image: Tensor) -> Tensor:
    """Multi-scale gradient magnitude difference: the mean over scales of::

        1 - (2 g ĝ + c) / (g² + ĝ² + c)

    where g and ĝ are the lengths of the Prewitt gradients of the mean over channels, c = 170 / 255²,
    and each scale has half the resolution of the one before (up to 3).

    Convention: two (B, C, H, W) give (B, 1, H, W) in [0, 1), 0 where both have the same contrast, in any
    direction.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).

    Source: Xue et al. 2014, doi:10.1109/TIP.2013.2293423 (the similarity, without its mean), over
    scales as in Zavrtanik et al. 2021, doi:10.1016/j.patcog.2020.107706.
    """
    restored, image = as_pair(restored, image)
    pair = torch.cat([restored.mean(1, keepdim=True), image.mean(1, keepdim=True)], dim=1)
    size, total, scales = image.shape[-2:], torch.zeros_like(pair[:, :1]), 0
    while scales < SCALES and (not scales or min(pair.shape[-2:]) >= 2 * SMALLEST_SIDE):
        pair = F.avg_pool2d(pair, 2, ceil_mode=True, count_include_pad=False) if scales else pair
        a, b = gradient_length(pair).chunk(2, dim=1)
        difference = (a - b).square() / (a.square() + b.square() + GRADIENT_FLOOR)
        total = total + enlarged(difference, 2**scales, (size[0], size[1]))
        scales += 1
    return total / scales


def structure_difference(restored: Tensor, image: Tensor) -> Tensor:
    """Structural difference ``(1 - SSIM) / 2`` around every pixel, averaged over channels; mirrored borders.

    Convention: two (B, C, H, W) give (B, 1, H, W) in [0, 1]; see :func:`convae.metrics.image_quality.ssim`.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    restored, image = as_pair(restored, image)
    height, width = image.shape[-2:]
    reach = [min(5, (side - 1) // 2) for side in (height, width)]
    frame = (reach[1], reach[1], reach[0], reach[0])
    luminance, contrast = similarity_factors(_mirrored(restored, frame), _mirrored(image, frame))
    inside = (1 - luminance * contrast).mean(dim=1, keepdim=True) / 2
    return resized(inside, (height, width))  # with an even side under 11, one row is missing


def colour_difference(restored: Tensor, image: Tensor) -> Tensor:
    """Root mean square over channels of the difference, after a blur of one pixel.

    Convention: two (B, C, H, W) give (B, 1, H, W) in [0, ∞), in the units of the images.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    restored, image = as_pair(restored, image)
    difference = smoothed(restored - image, 1.0)
    return difference.square().mean(dim=1, keepdim=True).sqrt()


MAPS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gradient": gradient_difference,
    "structure": structure_difference,
    "colour": colour_difference,
}


def difference_maps(restored: Tensor, image: Tensor, *, sigma: float = 2.0) -> Tensor:
    """Compute all maps of :data:`MAPS`, smoothed: (B, len(MAPS), H, W).

    Args:
        restored, image: (B, C, H, W) in about [0, 1].
        sigma: of the Gaussian blur, in pixels; 0 for none.
    """
    maps = torch.cat([function(restored, image) for function in MAPS.values()], dim=1)
    return smoothed(maps, sigma)


@dataclass(frozen=True)
class Standards:
    """The statistics of maps on normal images, by which maps are standardised.

    Attributes:
        mean: (M, H, W) of each map; (M, 1, 1) if images differ in size.
        deviation: the same shape, above 0.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, maps: Iterable[Tensor], *, sigma: float = 0.0) -> "Standards":
        """Fit to the maps of held-out normal images, each (M, H, W); at least one.

        If all have one size, the statistics are per pixel, with the variance at a pixel shrunk towards that
        of the whole map as though 8 more images had it. If sizes differ, they are one value for all pixels.

        Args:
            maps: (M, H, W) each.
            sigma: pixels over which neighbours share their mean and variance (as though 2 more images
                had that of the whole map): with few images a single pixel is too uncertain.

        Raises:
            InputError: without any map.
        """
        count, size = 0, None
        total = squares = torch.zeros(())
        sizes = set()
        for one in maps:
            one = one.double()
            sizes.add(tuple(one.shape))
            whole = len(sizes) == 1
            if not count:
                total, squares, size = torch.zeros_like(one), torch.zeros_like(one), one.shape
            if not whole:
                total, squares = _overall(total), _overall(squares)
                one, square = _overall(one), _overall(one.square())
            else:
                square = one.square()
            total, squares, count = total + one, squares + square, count + 1
        if size is None:
            raise InputError("maps of at least one normal image are needed")
        mean, square = (smoothed(part[None], sigma)[0] for part in (total / count, squares / count))
        prior = SMOOTHED_PRIOR if sigma else PRIOR_IMAGES
        return cls._from_sums(mean, square, count / (count + prior))

    @classmethod
    def _from_sums(cls, mean: Tensor, square: Tensor, weight: float) -> "Standards":
        variance = (square - mean.square()).clamp_min(0)
        variance = weight * variance + (1 - weight) * _overall(square - _overall(mean).square())
        deviation = variance.clamp_min(LEAST_DEVIATION**2).sqrt()
        return cls(mean.float(), deviation.float())

    def apply(self, maps: Tensor) -> Tensor:
        """Standardise maps (B, M, H, W): standard deviations above their mean on normal images.

        For maps of another size than those fitted to, one value is used for all pixels.
        """
        known = self.for_size(tuple(maps.shape[-2:]))
        return (maps - known.mean.to(maps)) / known.deviation.to(maps)

    def for_size(self, size: tuple[int, ...]) -> "Standards":
        """Return these statistics, or one value for all pixels if maps have another size (height, width)."""
        if tuple(self.mean.shape[-2:]) in ((1, 1), tuple(size)):
            return self
        return Standards(_overall(self.mean), _overall(self.deviation))


def top_mean(maps: Tensor, fraction: float) -> Tensor:
    """Return (B,) the mean of the highest ``fraction`` of each map (B, 1, H, W), at least of one pixel.

    This score of an image is more stable than the highest value, and not diluted by normal parts.

    Raises:
        InputError: the fraction is not above 0 and at most 1.

    >>> top_mean(torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]), 0.5)
    tensor([2.5000])
    """
    if not 0 < fraction <= 1:
        raise InputError(f"fraction must be above 0 and at most 1; got {fraction!r}")
    flat = maps.flatten(1)
    count = max(1, round(fraction * flat.shape[1]))
    return flat.topk(count, dim=1, sorted=False).values.mean(dim=1)


def gradient_length(x: Tensor) -> Tensor:
    """Return the length of the Prewitt gradient of each channel, (B, C, H, W); the border is repeated."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    rows = padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]
    columns = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    down = (rows[..., 2:, :] - rows[..., :-2, :]) / 3
    across = (columns[..., 2:] - columns[..., :-2]) / 3
    return (down.square() + across.square()).sqrt()


def smoothed(x: Tensor, sigma: float) -> Tensor:
    """Blur (B, C, H, W) by a Gaussian of ``sigma`` pixels; the border is repeated.

    It sums translated images: on a CPU a depthwise convolution takes two to ten times as long.
    """
    if not sigma:
        return x
    reach = max(1, math.ceil(3 * sigma))
    if torch.compiler.is_exporting():
        return _convolved(x, sigma, reach)
    distance = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-distance.square() / (2 * sigma**2))
    weights /= weights.sum()
    for dim, padding in ((3, (reach, reach, 0, 0)), (2, (0, 0, reach, reach))):
        padded, size = F.pad(x, padding, mode="replicate"), x.shape[dim]
        x = padded.narrow(dim, 0, size) * float(weights[0])
        for shift, weight in enumerate(weights[1:].tolist(), 1):
            x.add_(padded.narrow(dim, shift, size), alpha=weight)
    return x


def _convolved(x: Tensor, sigma: float, reach: int) -> Tensor:
    """Blur (B, C, H, W) by one convolution along each axis: few operations in an exported file."""
    batch, channels, height, width = x.shape
    # numbers, not a tensor: a tensor made of other tensors is no constant in an exported file
    weights = [math.exp(-(at**2) / (2 * sigma**2)) for at in range(-reach, reach + 1)]
    total = math.fsum(weights)
    kernel = torch.tensor([one / total for one in weights], dtype=x.dtype, device=x.device)
    planes = x.reshape(batch * channels, 1, height, width)
    across = F.pad(planes, (reach, reach, 0, 0), mode="replicate")
    planes = F.conv2d(across, kernel.view(1, 1, 1, -1))
    down = F.pad(planes, (0, 0, reach, reach), mode="replicate")
    return F.conv2d(down, kernel.view(1, 1, -1, 1)).reshape(batch, channels, height, width)


def enlarged(x: Tensor, factor: int, size: tuple[int, int]) -> Tensor:
    """Enlarge (B, C, h, w) by exactly ``factor``, bilinear, and crop to (B, C, *size).

    A pixel then depends only on those around it, and not on the size of the image.
    """
    if factor == 1:
        return x
    whole = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    return whole[..., : size[0], : size[1]]


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, H, W) to (B, C, *size), bilinear."""
    if tuple(x.shape[-2:]) == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _overall(x: Tensor) -> Tensor:
    """Average (..., H, W) over the image to (..., 1, 1)."""
    return x.mean(dim=(-2, -1), keepdim=True)


def _mirrored(x: Tensor, frame: tuple[int, int, int, int]) -> Tensor:
    return F.pad(x, frame, mode="reflect")
