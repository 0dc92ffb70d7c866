"""Optimizers: Muon for matrices and kernels beside AdamW for the rest, or plain AdamW or Adam.

``torch.optim.Muon`` takes two-dimensional weights only and would leave all convolutions to AdamW; here
a kernel counts as the matrix (outputs, inputs · height · width) that it is.
"""

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from convae.networks.layers import MAX_HALF_LENGTH
from convae.training.devices import fast_bfloat16
from convae.training.settings import TrainingSettings

ADAM_SHARE = 0.05  # AdamW's rate beside Muon's, as a part of it


class Muon(Optimizer):
    """Momentum whose update is replaced by the nearest orthogonal matrix (its singular values become 1).

    Every direction of a weight matrix then moves equally fast: one epoch on MNIST ends below two of
    AdamW, in less CPU time (``benchmarks/quality.py optimizers``).

    Source: K. Jordan et al., "Muon: an optimizer for hidden layers in
    neural networks", 2024.

    Args:
        parameters: weights of at least two dimensions.
        lr: length of a step, in units of the spectral norm of the update (scaled up for tall matrices).
        momentum: of the gradient, with Nesterov's look-ahead.
        weight_decay: decoupled, per unit of ``lr``.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["average"] = torch.zeros_like(weight)
                average = state["average"].lerp_(weight.grad, 1 - group["momentum"])
                update = weight.grad.lerp(average, group["momentum"]).reshape(len(weight), -1)
                stretch = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(orthogonalize(update).view(weight.shape), alpha=-group["lr"] * stretch)


def orthogonalize(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Approximately U Vᵀ of the singular value decomposition U S Vᵀ: all singular values become about 1.

    A quintic Newton-Schulz iteration whose coefficients push small singular values up fast and leave
    all of them between about 0.7 and 1.2, which is as good as 1 here. In bfloat16 where matrix units are
    several times faster with it (the iteration corrects itself; elsewhere it is several times slower),
    but in float32 for very long matrices, for the reason that
    :func:`~convae.networks.layers.half_unless_long` gives.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    half = max(matrix.shape) <= MAX_HALF_LENGTH and fast_bfloat16(matrix.device)
    x = (matrix if wide else matrix.T).to(torch.bfloat16 if half else torch.float32)
    x = (x / x.norm().clamp_min(1e-20)).contiguous()
    for _ in range(iterations):
        gram = x @ x.T
        polynomial = torch.addmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
        x = torch.addmm(x, polynomial, x, beta=3.4445)
    return (x if wide else x.T).to(matrix.dtype)


def make_optimizers(network: nn.Module, settings: TrainingSettings) -> list[Optimizer]:
    """The optimizers of all trainable weights; ``group["share"]`` is a group's part of the rate."""
    named = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer != "muon":
        kind = AdamW if settings.optimizer == "adamw" else Adam
        chosen = kind([p for _, p in named], lr=rate, weight_decay=decay, fused=True)
        return _with_shares([chosen], [1.0])
    matrices = [p for n, p in named if p.ndim >= 2 and not n.startswith("bypass.")]
    rest = [p for n, p in named if p.ndim < 2 or n.startswith("bypass.")]
    muon = Muon(matrices, lr=rate, weight_decay=decay)
    adamw = AdamW(rest, lr=rate * ADAM_SHARE, betas=(0.9, 0.99), weight_decay=decay, fused=True)
    return _with_shares([muon, adamw], [1.0, ADAM_SHARE])


def _with_shares(optimizers: list[Optimizer], shares: list[float]) -> list[Optimizer]:
    for optimizer, share in zip(optimizers, shares, strict=True):
        for group in optimizer.param_groups:
            group["share"] = share
    return optimizers


def set_rate(optimizers: list[Optimizer], rate: float) -> None:
    """Set the learning rate of every group to its share of ``rate``."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]


def optimizer_tensors(optimizers: list[Optimizer]) -> dict[str, Tensor]:
    """All state of the optimizers as named tensors: ``optimizer number.weight number.quantity``."""
    return {
        f"{i}.{j}.{name}": value
        for i, optimizer in enumerate(optimizers)
        for j, weight in enumerate(_weights(optimizer))
        for name, value in sorted(optimizer.state.get(weight, {}).items())
    }


def restore_optimizers(optimizers: list[Optimizer], tensors: dict[str, Tensor]) -> None:
    """Take over what :func:`optimizer_tensors` gave."""
    weights = [_weights(optimizer) for optimizer in optimizers]
    for optimizer in optimizers:
        optimizer.state.clear()
    for name, value in tensors.items():
        i, j, quantity = name.split(".", 2)
        weight = weights[int(i)][int(j)]
        state = cast(dict[str, Tensor], optimizers[int(i)].state[weight])
        if value.shape == weight.shape:
            # In the weight's memory order: fused optimizers pair numbers by their place in memory.
            state[quantity] = torch.empty_like(weight, dtype=value.dtype).copy_(value)
        else:
            state[quantity] = value.clone()  # step counts, which may live on another device


def _weights(optimizer: Optimizer) -> list[Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]
