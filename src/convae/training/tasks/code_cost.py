"""What a bottleneck adds to any task: the cost of the code beside the loss of the image."""

import math
from typing import Any

import torch
from torch import Tensor

from convae.config.bottlenecks import Bottleneck
from convae.losses import NEGATIVE_LOG_LIKELIHOODS, Loss
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng, Task

SMALLEST = 1e-12  # keeps logarithms and quotients finite
# variance of a mean over the images, from which a number of the code is used (Burda et al. 2016)
ACTIVE = 0.01


def constrained(task: Task, bottleneck: Bottleneck, a: Architecture, loss: Loss) -> Task:
    """A task whose codes are held to a bottleneck.

    Args:
        task: what is to be learnt.
        loss: its loss; a cross-entropy is the negative log likelihood of each value itself.
    """
    if bottleneck.kind == "gaussian":
        return Variational(task, bottleneck, a, likelihood=str(loss) in NEGATIVE_LOG_LIKELIHOODS)
    if bottleneck.kind in ("l1", "kl"):
        return Sparse(task, bottleneck)
    return task


class Variational:
    """Another task, with codes drawn from what the encoder says, which is kept near the standard normal.

    What becomes small is minus the evidence lower bound, in nats per value of the image:
    NLL + β · KL / D, D being the values of an image. With a cross-entropy or the discretised logistic loss
    NLL is the task's loss; any other
    loss L is that of a distribution whose width fits best, NLL = ½ · (1 + log 2πL), L being a mean over the
    batch: for the squared error that is the Gaussian with the optimal variance, and there is no weight to
    tune between image and code.

    Source: Kingma and Welling 2014; Rybkin, Daniilidis, Levine, "Simple and effective VAE training with
    calibrated decoders", ICML 2021; Kingma et al. 2016 for the free bits.
    """

    def __init__(
        self, task: Task, bottleneck: Bottleneck, a: Architecture, *, likelihood: bool
    ) -> None:
        """Set it up.

        Args:
            task: what is to be learnt.
            bottleneck: its level is β.
            a: of the network.
            likelihood: whether the task's loss is a negative log likelihood itself.
        """
        self.task, self.bottleneck, self.a, self.likelihood = task, bottleneck, a, likelihood
        self._beta = bottleneck.strength

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """That of the task, and what its codes are drawn by."""
        example, b = self.task.example(batch, rng), self.bottleneck
        self._beta = b.strength * (min(1.0, rng.progress / b.warmup) if b.warmup else 1.0)
        count = self.a.drawn_numbers((example.input.shape[2], example.input.shape[3]))
        noise = torch.randn((len(batch), count), generator=rng.generator)
        return example._replace(noise=noise.to(batch.device))

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) nats per value of the image."""
        assert output.log_variance is not None
        loss = self.task.losses(output, example)
        if not self.likelihood:
            loss = _calibrated(loss)
        each = kl_of_numbers(output)
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

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """That of the task."""
        return self.task.example(batch, rng)

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) the loss of the task and the cost of the code."""
        loss, code = self.task.losses(output, example), output.code.float()
        mean = loss.detach().mean()
        if self.bottleneck.kind == "kl":
            return loss + mean * _rate_cost(code, self.bottleneck.strength)
        flat = code.flatten(1)
        ratio = flat.abs().mean(dim=1) / (flat.square().mean(dim=1) + SMALLEST).sqrt()
        return loss + mean * self.bottleneck.strength * ratio


class CodeUse:
    """What each number of a Gaussian code costs and whether it is used, over batches of images."""

    def __init__(self) -> None:
        self.images = 0
        self._kl = self._finer = self._sum = self._squares = torch.zeros(())

    def add(self, output: Output) -> None:
        """One more batch; what has no distribution is passed over."""
        if output.log_variance is None:
            return
        means = output.code.detach().flatten(1).double().cpu()
        kl = kl_of_numbers(output).detach().double().cpu()
        self.images += len(means)
        self._kl = self._kl + kl[:, : means.shape[1]].sum(dim=0)
        self._finer = self._finer + kl[:, means.shape[1] :].sum(dim=0)
        self._sum = self._sum + means.sum(dim=0)
        self._squares = self._squares + means.square().sum(dim=0)

    @property
    def kl(self) -> Tensor:
        """(k,) nats that each number of the code costs, a mean over the images."""
        return (self._kl / self.images).float()

    @property
    def finer(self) -> Tensor:
        """(n,) the same of the finer levels, the coarsest first."""
        return (self._finer / self.images).float()

    @property
    def variance(self) -> Tensor:
        """(k,) of the mean of each number over the images."""
        mean = self._sum / self.images
        return (self._squares / self.images - mean.square()).clamp_min(0).float()

    def row(self) -> dict[str, Any]:
        """For the history; nothing where there was no distribution."""
        if not self.images:
            return {}
        return {
            "code_nats": float(self.kl.sum() + self.finer.sum()),
            "active_numbers": int((self.variance > ACTIVE).sum()),
            "code_numbers": len(self.kl),
        }


def kl_of_numbers(output: Output) -> Tensor:
    """(B, n) nats that each number of a Gaussian code costs, those of finer levels behind the code's."""
    assert output.log_variance is not None
    each = kl_from_standard(output.code, output.log_variance).flatten(1)
    return each if output.finer_kl is None else torch.cat([each, output.finer_kl], dim=1)


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
