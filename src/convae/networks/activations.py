"""Non-linearities that give one number for one number, wherever it stands in a tensor.

PyTorch computes SiLU, sigmoid, GELU and ELU on a CPU with vector instructions, and the few values at the
end of a tensor (or of a thread's share of it) with scalar ones, whose last bit can differ. An image would
then change with its place in a batch. ``exp``, ``expm1`` and ``erf`` have no such ends, so outside of
training the functions are composed of them where a tensor has such ends; the fused ones, which are five
times as fast, run where it has none, and in the steps of training.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VECTOR = 64  # values: a multiple of what any processor's instructions take at once, twice unrolled
SHARE = 32_768  # values that torch gives a thread at least


def _fused(x: Tensor) -> bool:
    return torch.is_grad_enabled() or x.device.type != "cpu" or _whole_vectors(x)


def _whole_vectors(x: Tensor) -> bool:
    """Whether the values of a tensor, and of each thread's share of it, fill vectors without a rest."""
    threads = max(1, min(torch.get_num_threads(), -(-x.numel() // SHARE)))
    dense = x.is_contiguous() or (
        x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    )
    return dense and x.numel() % (VECTOR * threads) == 0


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
