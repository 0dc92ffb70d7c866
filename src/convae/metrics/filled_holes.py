"""Quality of a filled image inside its holes: PSNR and SSIM in the holes, and whether the seam shows.

Every function takes ``(filled, target, mask)``: two images (B, C, H, W) in about [0, 1] and (B, 1, H, W),
above 0 where a pixel was missing. It returns one value per image, (B,). For an image without a missing pixel
the value is NaN. Tensors of other shapes raise an ``InputError``.
"""

import torch
from torch import Tensor

from convae.errors import InputError
from convae.metrics.image_quality import WINDOW, as_pair, psnr_from_mse, similarity_factors


def hole_mse(filled: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of the missing pixels: ``Σ m (x̂ - x)² / (C Σ m)``.

    Convention: (B,), averaged over the missing pixels and the channels; known pixels do not count. [0, ∞), 0
    for a perfect fill, NaN without a missing pixel.

    Raises:
        InputError: the images are not two (B, C, H, W) of one shape, or the mask is not (B, 1, H, W).
    """
    filled, target, holes = _checked(filled, target, mask)
    return _mean((filled - target).square().mean(dim=1, keepdim=True), holes)


def hole_psnr(filled: Tensor, target: Tensor, mask: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio of the missing pixels in dB, from :func:`hole_mse`.

    Convention: (B,), in (-∞, ∞], ``inf`` for a perfect fill, NaN without a missing pixel.

    Args:
        filled: (B, C, H, W) images with filled holes.
        target: (B, C, H, W) the complete images.
        mask: (B, 1, H, W), above 0 where a pixel was missing.
        data_range: the distance between the lowest and the highest possible value, above 0.

    Raises:
        InputError: the shapes do not fit each other, or ``data_range`` is not a finite number above 0.

    >>> mask = torch.zeros(1, 1, 4, 4)
    >>> mask[..., 0] = 1
    >>> hole_psnr(torch.full((1, 1, 4, 4), 0.1) * mask, torch.zeros(1, 1, 4, 4), mask)
    tensor([20.])
    """
    return psnr_from_mse(hole_mse(filled, target, mask), data_range=data_range)


def hole_ssim(filled: Tensor, target: Tensor, mask: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Structural similarity (:func:`convae.metrics.image_quality.ssim`) over the windows centred in a hole.

    Convention: (B,) in [-1, 1], 1 for a perfect fill, averaged over these windows. Windows lie wholly inside
    the image, so holes within 5 pixels of the border are judged by the windows next to them. If no window is
    centred in a hole, all windows count. NaN without a missing pixel.

    Raises:
        InputError: the images are not two (B, C, H, W) of one shape, or the mask is not (B, 1, H, W).
    """
    filled, target, holes = _checked(filled, target, mask)
    luminance, contrast = similarity_factors(filled, target, data_range)
    values = (luminance * contrast).mean(dim=1, keepdim=True)
    top, left = ((min(WINDOW, side) - 1) // 2 for side in holes.shape[2:])
    centres = holes[..., top : top + values.shape[2], left : left + values.shape[3]]
    centres = torch.where(centres.any(dim=3, keepdim=True).any(dim=2, keepdim=True), centres, 1)
    centres = centres * holes.any(dim=3, keepdim=True).any(dim=2, keepdim=True)
    return _mean(values, centres)


def seam_error(filled: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """How much the step across a hole's border differs from the original step.

    ``mean | |x̂_m - x_k| - |x_m - x_k| |`` over all pairs of neighbours (above, below, left, right) of which
    m is missing and k is known. It is 0 where the border is as sharp or as smooth as in the original.

    Convention: (B,), averaged over these pairs and the channels, in the images' units; NaN without a pair.

    Raises:
        InputError: the images are not two (B, C, H, W) of one shape, or the mask is not (B, 1, H, W).
    """
    filled, target, holes = _checked(filled, target, mask)
    known = torch.where(holes > 0, filled, target)
    total, count = filled.new_zeros(len(filled)), filled.new_zeros(len(filled))
    for axis in (2, 3):
        difference = known.diff(dim=axis).abs() - target.diff(dim=axis).abs()
        border = holes.diff(dim=axis).abs()
        total = total + (difference.abs().mean(dim=1, keepdim=True) * border).sum(dim=(1, 2, 3))
        count = count + border.sum(dim=(1, 2, 3))
    return torch.where(count > 0, total / count.clamp_min(1), torch.nan)


def _checked(filled: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    filled, target = as_pair(filled, target)
    if mask.shape != (len(target), 1, *target.shape[2:]):
        raise InputError(
            f"mask must have the shape (B, 1, H, W) of the images {tuple(target.shape)}; got "
            f"{tuple(mask.shape)}"
        )
    return filled, target, (mask > 0).to(filled.dtype)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Compute (B,) weighted means; NaN where all weights are 0."""
    count = weight.sum(dim=(1, 2, 3))
    total = (values * weight).sum(dim=(1, 2, 3))
    return torch.where(count > 0, total / count.clamp_min(1), torch.nan)
