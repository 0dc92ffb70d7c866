"""What a bottleneck adds to any task: the cost of the code beside the loss of the image."""

import math

import torch
from torch import Tensor

from convae.bottlenecks import Bottleneck
from convae.losses import Loss
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Output
from convae.training.task import Draw, Example, Task

SMALLEST = 1e-12  # keeps logarithms and quotients finite


def constrained(task: Task, bottleneck: Bottleneck, a: Architecture, loss: Loss) -> Task:
    """A task whose codes are held to a bottleneck.

    Args:
        task: what is to be learnt.
        loss: its loss; a cross-entropy is the negative log likelihood of each value itself.
    """
    if bottleneck.kind == "gaussian":
        return Variational(task, bottleneck, a, bernoulli=str(loss) == "bce")
    if bottleneck.kind in ("l1", "kl"):
        return Sparse(task, bottleneck)
    return task


class Variational:
    """Another task, with codes drawn from what the encoder says, which is kept near the standard normal.

    What becomes small is minus the evidence lower bound, in nats per value of the image:
    NLL + β · KL / D, D being the values of an image. With a cross-entropy NLL is the task's loss; any other
    loss L is that of a distribution whose width fits best, NLL = ½ · (1 + log 2πL), L being a mean over the
    batch: for the squared error that is the Gaussian with the optimal variance, and there is no weight to
    tune between image and code.

    Source: Kingma and Welling 2014; Rybkin, Daniilidis, Levine, "Simple and effective VAE training with
    calibrated decoders", ICML 2021; Kingma et al. 2016 for the free bits.
    """

    def __init__(
        self, task: Task, bottleneck: Bottleneck, a: Architecture, *, bernoulli: bool
    ) -> None:
        """Set it up.

        Args:
            task: what is to be learnt.
            bottleneck: its level is β.
            a: of the network.
            bernoulli: whether the task's loss is a negative log likelihood itself.
        """
        self.task, self.bottleneck, self.a, self.bernoulli = task, bottleneck, a, bernoulli
        self._beta = bottleneck.strength

    def example(self, batch: Tensor, draw: Draw) -> Example:
        """That of the task, and what its codes are drawn by."""
        example, b = self.task.example(batch, draw), self.bottleneck
        self._beta = b.strength * (min(1.0, draw.progress / b.warmup) if b.warmup else 1.0)
        shape = self.a.code_shape_of((example.input.shape[2], example.input.shape[3]))
        noise = torch.randn((len(batch), *shape), generator=draw.generator)
        return example._replace(noise=noise.to(batch.device))

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) nats per value of the image."""
        assert output.log_variance is not None
        loss = self.task.losses(output, example)
        if not self.bernoulli:
            loss = _calibrated(loss)
        each = kl_from_standard(output.code, output.log_variance).flatten(1)
        free = self.bottleneck.free_bits
        if free:  # numbers that hold less than that on average are pushed no further
            mean = each.detach().mean(dim=0)
            each = torch.where(mean > free, each, each.detach())
        return loss + self._beta * each.sum(dim=1) / example.target[0].numel()


class Sparse:
    """Another task, with few numbers of each code on.

    ``l1``: L + L̄ · w · mean|z| / rms(z), scale-free, so that codes do not become sparse by becoming small.
    ``kl``: L + L̄ · mean KL(ρ ‖ ρ̂) over the numbers of the code, ρ̂ being the rate of each in the batch.
    L̄ is the mean of the task's loss in the batch, which makes the weight a part of it.

    Source: Ng, "Sparse autoencoder" (CS294A lecture notes), for the rates; Hoyer 2004 for the ratio.
    """

    def __init__(self, task: Task, bottleneck: Bottleneck) -> None:
        self.task, self.bottleneck = task, bottleneck

    def example(self, batch: Tensor, draw: Draw) -> Example:
        """That of the task."""
        return self.task.example(batch, draw)

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) the loss of the task and the cost of the code."""
        loss, code = self.task.losses(output, example), output.code.float()
        mean = loss.detach().mean()
        if self.bottleneck.kind == "kl":
            return loss + mean * _rate_cost(code, self.bottleneck.strength)
        flat = code.flatten(1)
        ratio = flat.abs().mean(dim=1) / (flat.square().mean(dim=1) + SMALLEST).sqrt()
        return loss + mean * self.bottleneck.strength * ratio


def kl_from_standard(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) ‖ N(0, 1)) of each number, in nats."""
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def _calibrated(loss: Tensor) -> Tensor:
    """½ (1 + log 2πL̄) for the batch, with its gradient, shared out by what each image adds to L̄."""
    mean = loss.detach().mean().clamp_min(SMALLEST)
    return 0.5 * (loss / mean + torch.log(2 * math.pi * mean))


def _rate_cost(code: Tensor, target: float) -> Tensor:
    """The mean over the numbers of KL(target ‖ rate), rates being means over batch and positions."""
    rates = code.transpose(0, 1).flatten(1).mean(dim=1).clamp(1e-6, 1 - 1e-6)
    on, off = target * (target / rates).log(), (1 - target) * ((1 - target) / (1 - rates)).log()
    return (on + off).mean()
