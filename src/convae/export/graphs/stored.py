"""From the values of files to those of a network, and back."""

import numpy as np
import torch
from torch import Tensor, nn

from convae.images.dataset.scaling import DTYPE_RANGES, Scaling


class FromStored(nn.Module):
    """:class:`convae.images.dataset.unit_range.UnitRange` as a module: (B, C, H, W) to float32.

    Args:
        scaling: of the model. NaN and infinities of float images become the mean of their image's channel.
    """

    low: Tensor
    factor: Tensor

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        low = torch.tensor(scaling.low, dtype=torch.float64)
        high = torch.tensor(scaling.high, dtype=torch.float64)
        self.register_buffer("low", low.float().view(1, -1, 1, 1))
        self.register_buffer("factor", (1 / (high - low)).float().view(1, -1, 1, 1))
        self.has_holes = scaling.dtype == "float32"

    def forward(self, stored: Tensor) -> Tensor:
        """Scale stored values to about [0, 1]."""
        scaled = (stored.float() - self.low) * self.factor
        return _filled(scaled) if self.has_holes else scaled


class ToStored(nn.Module):
    """:meth:`convae.images.dataset.scaling.Scaling.invert` as a module, in two steps."""

    low: Tensor
    span: Tensor

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        low, high = (np.array(side, np.float32) for side in (scaling.low, scaling.high))
        self.register_buffer("low", torch.from_numpy(low).view(1, -1, 1, 1))
        self.register_buffer("span", torch.from_numpy(high - low).view(1, -1, 1, 1))
        self.dtype = scaling.dtype

    def exact(self, scaled: Tensor) -> Tensor:
        """Return stored values before rounding, (B, C, H, W) float32, clipped to the range of the dtype."""
        values = scaled * self.span + self.low
        if self.dtype == "float32":
            return values
        return torch.where(values.isnan(), self.low, values).clamp(*DTYPE_RANGES[self.dtype])

    def rounded(self, exact: Tensor) -> Tensor:
        """Return the nearest values of the dtype, still as float32; half to even."""
        return exact if self.dtype == "float32" else exact.round()

    def stored(self, rounded: Tensor) -> Tensor:
        """Return values in the stored dtype."""
        return rounded.to(getattr(torch, self.dtype))


def _filled(x: Tensor) -> Tensor:
    """Replace NaN and infinities by the mean of their image's channel; all missing: 0."""
    good = torch.isfinite(x)
    known = torch.where(good, x, 0.0)
    count = good.to(x.dtype).sum(dim=(2, 3), keepdim=True)
    return torch.where(good, x, known.sum(dim=(2, 3), keepdim=True) / count.clamp_min(1.0))
