"""Convert batches from stored pixels to network inputs (float32 in about [0, 1]) and back."""

import numpy as np
import torch
from torch import Tensor

from convae.images.dataset.scaling import Scaling
from convae.images.files.image import Pixels


class UnitRange:
    """A :class:`Scaling` on a device.

    NaN (missing pixels) becomes the mean of the remaining pixels of its image's channel, so that a hole
    neither breaks the network nor appears as an edge.
    """

    def __init__(self, scaling: Scaling, device: torch.device) -> None:
        self.scaling = scaling
        self.device = device
        low = torch.tensor(scaling.low, dtype=torch.float64)
        high = torch.tensor(scaling.high, dtype=torch.float64)
        self._low = low.float().view(1, -1, 1, 1).to(device)
        self._factor = (1 / (high - low)).float().view(1, -1, 1, 1).to(device)

    def __call__(self, batch: Pixels | Tensor) -> Tensor:
        """Convert (n, C, H, W) of the stored dtype to float32 on the device."""
        raw = torch.from_numpy(batch) if isinstance(batch, np.ndarray) else batch
        scaled = (raw.to(self.device).float() - self._low) * self._factor
        return plain_strides(fill_missing(scaled) if self.scaling.dtype == "float32" else scaled)

    def invert(self, scaled: Tensor) -> Pixels:
        """Convert (n, C, H, W) float32 to the stored dtype, rounded and clipped to its range."""
        return self.scaling.invert(scaled.detach().float().cpu().numpy())


def plain_strides(x: Tensor) -> Tensor:
    """Return ``x`` with the strides of a new tensor of its shape.

    The stride of an axis of length 1 (one channel, one image) is arbitrary, but convolutions choose their
    algorithm by it, and so the last bits of their result.
    """
    return x.reshape(-1).view(x.shape)


def fill_missing(x: Tensor) -> Tensor:
    """Replace NaN and infinities (B, C, H, W) by the mean of their image's channel; all missing: 0."""
    good = torch.isfinite(x)
    if bool(good.all()):
        return x
    known = torch.where(good, x, 0)
    mean = known.sum(dim=(2, 3), keepdim=True) / good.sum(dim=(2, 3), keepdim=True).clamp_min(1)
    return torch.where(good, x, mean)
