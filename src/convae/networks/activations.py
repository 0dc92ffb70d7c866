"""Non-linearities that give one number for one number, wherever it stands in a tensor.

PyTorch computes SiLU, sigmoid, GELU and ELU on a CPU with vector instructions, and the few values at the
end of a tensor (or of a thread's share of it) with scalar ones, whose last bit can differ. An image would
then change with its place in a batch. ``exp``, ``expm1`` and ``erf`` have no such ends, so outside of
training the functions are composed of them; the steps of training keep the fused ones, which are faster.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _fused(x: Tensor) -> bool:
    return torch.is_grad_enabled() or x.device.type != "cpu"


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    if _fused(x):
        return torch.sigmoid(x)
    return torch.neg(x).exp_().add_(1).reciprocal_()


class SiLU(nn.SiLU):
    """x · sigmoid(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.silu(x) if _fused(x) else x / torch.neg(x).exp_().add_(1)


class GELU(nn.GELU):
    """x · (1 + erf(x / √2)) / 2."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.gelu(x) if _fused(x) else (x * math.sqrt(0.5)).erf_().add_(1).mul_(x).mul_(0.5)


class ELU(nn.ELU):
    """x where it is positive, exp(x) - 1 elsewhere."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.elu(x) if _fused(x) else torch.where(x > 0, x, torch.expm1(x))
