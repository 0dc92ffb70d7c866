"""Optimizers: Muon for matrices and kernels with AdamW for the other weights, or plain AdamW or Adam.

``torch.optim.Muon`` takes two-dimensional weights only and would leave all convolutions to AdamW. Here a
kernel counts as a matrix (outputs, inputs · height · width). The classes of ``torch.optim`` import PyTorch's
compiler when the first is created, which takes one to two seconds; its functions do not.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from convae.config.training import TrainingConfig
from convae.networks.layers import MAX_HALF_LENGTH
from convae.training.devices import fast_bfloat16

ADAM_SHARE = 0.05  # AdamW's learning rate as a fraction of Muon's


class Optimizer(Protocol):
    """An optimizer, which changes weights by their gradients.

    Attributes:
        weights: all weights that it changes; those without a gradient stay as they are.
        lr: length of a step.
        share: its learning rate as a fraction of that of the training.
        state: what it stores for each weight, by quantity; empty before the weight's first step.
    """

    weights: Sequence[Tensor]
    lr: float
    share: float
    state: list[dict[str, Tensor]]

    def step(self) -> None:
        """Update every weight that has a gradient."""


class Muon:
    """The Muon optimizer: each update is the orthogonal matrix nearest to the momentum.

    All singular values of the update are 1, so that every direction of a weight matrix moves
    equally fast: one epoch on MNIST ends with a lower loss than two epochs of AdamW, in less CPU time
    (``benchmarks/quality.py optimizers``).

    Source: K. Jordan et al., "Muon: an optimizer for hidden layers in
    neural networks", 2024.

    Args:
        weights: of at least two dimensions.
        lr: length of a step, in units of the spectral norm of the update (scaled up for tall matrices).
        momentum: of the gradient, with Nesterov's look-ahead.
        weight_decay: decoupled, per unit of ``lr``.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        share: float = 1.0,
    ) -> None:
        self.weights, self.lr, self.share = weights, lr, share
        self.momentum, self.weight_decay = momentum, weight_decay
        self.half = bool(weights) and fast_bfloat16(weights[0].device)
        self.state: list[dict[str, Tensor]] = [{} for _ in weights]

    @torch.no_grad()
    def step(self) -> None:
        """Update every weight that has a gradient."""
        for weight, state in zip(self.weights, self.state, strict=True):
            if weight.grad is None:
                continue
            if not state:
                state["average"] = torch.zeros_like(weight)
            average = state["average"].lerp_(weight.grad, 1 - self.momentum)
            update = weight.grad.lerp(average, self.momentum).reshape(len(weight), -1)
            stretch = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
            weight.mul_(1 - self.lr * self.weight_decay)
            weight.add_(
                orthogonalize(update, half=self.half).view(weight.shape), alpha=-self.lr * stretch
            )


class Adam:
    """The Adam optimizer: each update is the mean gradient over the root of the mean squared gradient.

    Sources: D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015; I. Loshchilov,
    F. Hutter, "Decoupled weight decay regularization", 2019 (AdamW).

    Args:
        weights: of any shapes.
        lr: length of a step: about the distance that every weight moves at first.
        betas: fractions of the averages of gradient and squared gradient that each step keeps.
        weight_decay: per unit of ``lr`` if ``decoupled``, else an L2 term of the gradient.
        decoupled: whether the weight decay is decoupled (AdamW).
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        decoupled: bool = True,
        share: float = 1.0,
    ) -> None:
        self.weights, self.lr, self.share = weights, lr, share
        self.betas, self.weight_decay, self.decoupled = betas, weight_decay, decoupled
        self.state: list[dict[str, Tensor]] = [{} for _ in weights]

    @torch.no_grad()
    def step(self) -> None:
        """Update every weight that has a gradient."""
        moved = [
            (weight, weight.grad, self._of(weight, state))
            for weight, state in zip(self.weights, self.state, strict=True)
            if weight.grad is not None
        ]
        change = adamw if self.decoupled else adam
        change(
            [weight for weight, _, _ in moved],
            [gradient for _, gradient, _ in moved],
            [state["exp_avg"] for _, _, state in moved],
            [state["exp_avg_sq"] for _, _, state in moved],
            [],
            [state["step"] for _, _, state in moved],
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.lr,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )

    @staticmethod
    def _of(weight: Tensor, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the averages stored for a weight; zeros at first."""
        if not state:
            state["step"] = torch.zeros((), device=weight.device)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        return state


def orthogonalize(matrix: Tensor, iterations: int = 5, *, half: bool = False) -> Tensor:
    """Approximately U Vᵀ of the singular value decomposition U S Vᵀ: all singular values become about 1.

    This is a quintic Newton-Schulz iteration whose coefficients push small singular values up fast and leave
    all of them between about 0.7 and 1.2, which is as good as 1 here.

    Args:
        matrix: (m, n), of any shape and scale.
        iterations: of Newton-Schulz.
        half: whether to compute in bfloat16, for devices whose matrix units are several times faster with it
            (elsewhere it is slower). The iteration corrects rounding errors. Very long matrices are always
            computed in float32, for the reason that :func:`~convae.networks.layers.half_unless_long` gives.

    Returns:
        (m, n) with the dtype of ``matrix``.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    short = half and max(matrix.shape) <= MAX_HALF_LENGTH
    x = (matrix if wide else matrix.T).to(torch.bfloat16 if short else torch.float32)
    x = (x / x.norm().clamp_min(1e-20)).contiguous()
    for _ in range(iterations):
        gram = x @ x.T
        polynomial = torch.addmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
        x = torch.addmm(x, polynomial, x, beta=3.4445)
    return (x if wide else x.T).to(matrix.dtype)


def make_optimizers(network: nn.Module, settings: TrainingConfig) -> list[Optimizer]:
    """Create the optimizers of all trainable weights."""
    named = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer != "muon":
        decoupled = settings.optimizer == "adamw"
        weights = [p for _, p in named]
        return [Adam(weights, lr=rate, weight_decay=decay, decoupled=decoupled)]
    matrices = [p for n, p in named if p.ndim >= 2 and not n.startswith("bypass.")]
    rest = [p for n, p in named if p.ndim < 2 or n.startswith("bypass.")]
    muon = Muon(matrices, lr=rate, weight_decay=decay)
    slower, betas = rate * ADAM_SHARE, (0.9, 0.99)
    return [muon, Adam(rest, lr=slower, betas=betas, weight_decay=decay, share=ADAM_SHARE)]


def forget_gradients(optimizers: Sequence[Optimizer]) -> None:
    """Remove the gradients of all weights."""
    for optimizer in optimizers:
        for weight in optimizer.weights:
            weight.grad = None


def set_rate(optimizers: Sequence[Optimizer], rate: float) -> None:
    """Set the learning rate of every optimizer to its share of ``rate``."""
    for optimizer in optimizers:
        optimizer.lr = rate * optimizer.share


def optimizer_tensors(optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
    """Return the state of the optimizers as named tensors: ``optimizer number.weight number.quantity``."""
    return {
        f"{i}.{j}.{name}": value
        for i, optimizer in enumerate(optimizers)
        for j, state in enumerate(optimizer.state)
        for name, value in sorted(state.items())
    }


def restore_optimizers(optimizers: Sequence[Optimizer], tensors: dict[str, Tensor]) -> None:
    """Restore the result of :func:`optimizer_tensors`."""
    for optimizer in optimizers:
        for state in optimizer.state:
            state.clear()
    for name, value in tensors.items():
        i, j, quantity = name.split(".", 2)
        optimizer = optimizers[int(i)]
        weight = optimizer.weights[int(j)]
        # In the weight's memory order: fused optimizers pair values by their place in memory.
        kept = torch.empty_like(weight, dtype=value.dtype) if value.shape == weight.shape else None
        optimizer.state[int(j)][quantity] = (
            value.to(weight.device, copy=True) if kept is None else kept.copy_(value)
        )
