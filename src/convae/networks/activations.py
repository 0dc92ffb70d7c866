"""Element-wise activation functions whose result does not depend on a value's place in the tensor.

On a CPU, PyTorch computes SiLU, sigmoid, GELU and ELU with vector instructions. It computes the few values
at the end of a tensor (or of a thread's share of it) with scalar instructions, whose last bit can differ. The
result for an image would then depend on its place in a batch. ``exp``, ``expm1`` and ``erf`` do not have this
problem. Outside of training, a tensor with such an end is therefore computed with them. The fused functions,
which are five times as fast, run where a tensor has no such end, and during training.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VECTOR = 64  # values: a multiple of the vector width of any processor, unrolled twice
SHARE = 32_768  # values: the least that torch gives to a thread


def _fused(x: Tensor) -> bool:
    return torch.is_grad_enabled() or x.device.type != "cpu" or _whole_vectors(x)


def _whole_vectors(x: Tensor) -> bool:
    """Whether the values of a tensor, and of each thread's share of it, fill whole vectors."""
    threads = max(1, min(torch.get_num_threads(), -(-x.numel() // SHARE)))
    dense = x.is_contiguous() or (
        x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    )
    return dense and x.numel() % (VECTOR * threads) == 0


def sigmoid(x: Tensor) -> Tensor:
    """Return 1 / (1 + exp(-x)), element-wise; any shape."""
    if _fused(x):
        return torch.sigmoid(x)
    return torch.neg(x).exp_().add_(1).reciprocal_()


class SiLU(nn.SiLU):
    """x · sigmoid(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply element-wise; any shape, result of the same shape."""
        return F.silu(x) if _fused(x) else x / torch.neg(x).exp_().add_(1)


class GELU(nn.GELU):
    """x · (1 + erf(x / √2)) / 2."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply element-wise; any shape, result of the same shape."""
        return F.gelu(x) if _fused(x) else (x * math.sqrt(0.5)).erf_().add_(1).mul_(x).mul_(0.5)


class ELU(nn.ELU):
    """x where it is positive, exp(x) - 1 elsewhere."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply element-wise; any shape, result of the same shape."""
        return F.elu(x) if _fused(x) else torch.where(x > 0, x, torch.expm1(x))
