"""Images resized, cropped and padded as :mod:`convae.images.dataset.framing` does, for sides known later.

Resizing is a product with a matrix of weights for each axis, first across, then down. 8-bit images are
resized in whole numbers, rounded after each axis, as torch does it; products of doubles are exact for them.
"""

import torch
from torch import Tensor, nn

from convae.images.dataset.framing import Framing
from convae.images.dataset.scaling import DTYPE_RANGES

Side = int  # or a side that is not known yet
LARGEST_WEIGHT = 2**15  # whole weights of 8-bit images are below it
MOST_BITS = 22


def resizing(length: Side, size: Side) -> Tensor:
    """Return the weights (size, length) float64 of bilinear resizing, antialiased where it shrinks.

    Args:
        length: pixels along the axis before.
        size: and after.
    """
    before = torch.arange(length, dtype=torch.float64)
    scale = torch.ones(length).sum().double() / torch.ones(size).sum().double()
    centre = (torch.arange(size, dtype=torch.float64) + 0.5) * scale
    reach = scale.clamp_min(1.0)
    distance = (before[None] + 0.5 - centre[:, None]).abs() / reach
    weights = (1 - distance).clamp_min(0.0)
    return weights / weights.sum(dim=1, keepdim=True)


def whole_weights(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights as whole numbers, and the power of two that they are multiples of."""
    # the least number of bits with which the largest weight is no longer below LARGEST_WEIGHT / 2
    least = (LARGEST_WEIGHT - 0.5) / weights.max()
    bits = (torch.log2(least).ceil() - 1).clamp(0, MOST_BITS)
    unit = torch.exp2(bits)
    return (weights * unit + 0.5).floor(), unit


def resized(x: Tensor, size: tuple[Side, Side], *, dtype: str) -> Tensor:
    """Resize (B, C, H, W) float32 to (B, C, *size) as :func:`convae.images.dataset.framing.resize` does.

    Args:
        dtype: of the stored values, whose rounding applies.
    """
    if dtype == "uint8":
        across = _bytes_along(x, resizing(x.shape[-1], size[1]))
        down = _bytes_along(across.transpose(2, 3), resizing(x.shape[-2], size[0]))
        return down.transpose(2, 3)
    if dtype == "uint16":
        return _along_both(x, size).round()
    return _with_holes(x, size)


def _bytes_along(x: Tensor, weights: Tensor) -> Tensor:
    """Resize the last axis of (B, C, H, W), whole numbers up to 255 that come out as such."""
    whole, unit = whole_weights(weights)
    total = (x.double() @ whole.T + unit / 2) / unit
    return total.floor().clamp(*DTYPE_RANGES["uint8"]).float()


def _along_both(x: Tensor, size: tuple[Side, Side]) -> Tensor:
    across = x @ resizing(x.shape[-1], size[1]).float().T
    return resizing(x.shape[-2], size[0]).float() @ across


def _with_holes(x: Tensor, size: tuple[Side, Side]) -> Tensor:
    """Resize float images; a missing pixel makes all pixels missing that depend on it."""
    good = torch.isfinite(x)
    made = _along_both(torch.where(good, x, 0.0), size)
    low = torch.where(good, x, torch.inf).amin(dim=(2, 3), keepdim=True)
    high = torch.where(good, x, -torch.inf).amax(dim=(2, 3), keepdim=True)
    holes = (~good).float()
    across = holes @ (resizing(x.shape[-1], size[1]) > 0).float().T
    reached = (resizing(x.shape[-2], size[0]) > 0).float() @ across > 0
    return torch.where(reached, torch.nan, torch.maximum(torch.minimum(made, high), low))


class Framed(nn.Module):
    """Brings images to the size of a network, and results back to the size of the image.

    Args:
        framing: of the model; its size is not None.
        dtype: of the stored values.
    """

    def __init__(self, framing: Framing, dtype: str) -> None:
        super().__init__()
        assert framing.size is not None
        self.size, self.mode, self.dtype = framing.size, framing.mode, dtype

    def forward(self, x: Tensor) -> Tensor:
        """Bring (B, C, H, W) to (B, C, *size); a side that is too long for ``pad`` is cropped."""
        if self.mode == "resize":
            return resized(x, self.size, dtype=self.dtype)
        for dim, size in zip((-2, -1), self.size, strict=True):
            x = x.index_select(dim, _centre_places(x.shape[dim], size))
        return x

    def undo(self, x: Tensor, original: tuple[Side, Side]) -> Tensor:
        """Bring (B, C, *size) back: resized, or without the padding; what was cut off stays lost."""
        if self.mode == "resize":
            return resized(x, original, dtype=self.dtype)
        for dim, have, size in zip((-2, -1), original, self.size, strict=True):
            x = x.index_select(dim, _kept_places(have, size))
        return x


def _centre_places(length: Side, size: int) -> Tensor:
    """Return which of ``length`` pixels each of ``size`` shows: the centre, or the edge repeated."""
    many = torch.ones(length).sum().long()
    cut = torch.div((many - size).clamp_min(0), 2, rounding_mode="floor")
    added = torch.div((size - many).clamp_min(0), 2, rounding_mode="floor")
    return torch.minimum((torch.arange(size) - added).clamp_min(0) + cut, many - 1)


def _kept_places(length: Side, size: int) -> Tensor:
    """Return which of ``size`` pixels belong to an image that had ``length``."""
    every = torch.arange(size)
    many = torch.ones(length).sum().long()
    added = torch.div((size - many).clamp_min(0), 2, rounding_mode="floor")
    inside = (every >= added) & (every < added + many)
    return inside.nonzero()[:, 0]
