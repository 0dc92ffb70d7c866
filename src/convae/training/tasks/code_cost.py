"""Latent penalties (KL, L1, activation rate, commitment), added to the loss of any task."""

import math
from typing import Any

import torch
from torch import Tensor

from convae.config.bottlenecks import Bottleneck
from convae.losses import NEGATIVE_LOG_LIKELIHOODS, Loss
from convae.metrics.codebook_use import CodebookUse
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng, Task

SMALLEST = 1e-12  # keeps logarithms and quotients finite
# variance of its mean over the images, above which a latent dimension is active (Burda et al. 2016)
ACTIVE = 0.01


def constrained(task: Task, bottleneck: Bottleneck, a: Architecture, loss: Loss) -> Task:
    """Return a task whose codes are constrained by a bottleneck.

    Args:
        task: the task to wrap.
        loss: its loss; a cross-entropy is itself the negative log-likelihood of each value.
    """
    if bottleneck.kind == "gaussian":
        return Variational(task, bottleneck, a, likelihood=str(loss) in NEGATIVE_LOG_LIKELIHOODS)
    if bottleneck.kind in ("l1", "kl"):
        return Sparse(task, bottleneck)
    if bottleneck.kind == "vq":
        return VectorQuantised(task, bottleneck)
    return task


class Variational:
    """Wraps a task: codes are sampled from the posterior, which is kept near the standard normal.

    The loss is minus the evidence lower bound, in nats per value of the image: NLL + β · KL / D, where D is
    the number of values of an image. With a cross-entropy or the discretised logistic loss, NLL is the task's
    loss. Any other loss L is that of a distribution with the optimal width, NLL = ½ · (1 + log 2πL), where L
    is a mean over the batch. For the squared error, this is the Gaussian with the optimal variance, and no
    weight between image and code has to be tuned.

    Source: Kingma and Welling 2014; Rybkin, Daniilidis, Levine, "Simple and effective VAE training with
    calibrated decoders", ICML 2021; Kingma et al. 2016 for the free bits.
    """

    def __init__(
        self, task: Task, bottleneck: Bottleneck, a: Architecture, *, likelihood: bool
    ) -> None:
        """Set up the task.

        Args:
            task: the task to wrap.
            bottleneck: its strength is β.
            a: the architecture of the network.
            likelihood: whether the task's loss is itself a negative log-likelihood.
        """
        self.task, self.bottleneck, self.a, self.likelihood = task, bottleneck, a, likelihood
        self._beta = bottleneck.strength

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the task's example for (B, C, H, W) images, with (B, n) normal noise to sample the codes."""
        example, b = self.task.example(batch, rng), self.bottleneck
        self._beta = b.strength * (min(1.0, rng.progress / b.warmup) if b.warmup else 1.0)
        count = self.a.sampled_values((example.input.shape[2], example.input.shape[3]))
        noise = torch.randn((len(batch), count), generator=rng.generator)
        return example._replace(noise=noise.to(batch.device))

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the losses in nats per value of the image, (B,)."""
        assert output.log_variance is not None
        loss = self.task.losses(output, example)
        if not self.likelihood:
            loss = _calibrated(loss)
        each = kl_of_each(output)
        free = self.bottleneck.free_bits
        if free:  # latent dimensions with a lower mean KL are not penalised
            mean = each.detach().mean(dim=0)
            each = torch.where(mean > free, each, each.detach())
        return loss + self._beta * each.sum(dim=1) / example.target[0].numel()


class Sparse:
    """Wraps a task: few units of each code are active.

    ``l1``: L + L̄ · w · mean|z| / rms(z), scale-free, so that codes do not become sparse by becoming small.
    ``kl``: L + L̄ · mean KL(ρ ‖ ρ̂) over the units of the code, where ρ̂ is the activation rate of each in
    the batch. L̄ is the mean of the task's loss in the batch, so that the weight is relative to it.

    Source: Ng, "Sparse autoencoder" (CS294A lecture notes), for the rates; Hoyer 2004 for the ratio.
    """

    def __init__(self, task: Task, bottleneck: Bottleneck) -> None:
        self.task, self.bottleneck = task, bottleneck

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the example of the task for (B, C, H, W) images, unchanged."""
        return self.task.example(batch, rng)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the loss of the task plus the penalty of the code, (B,)."""
        loss, code = self.task.losses(output, example), output.code.float()
        mean = loss.detach().mean()
        if self.bottleneck.kind == "kl":
            return loss + mean * _rate_cost(code, self.bottleneck.strength)
        flat = code.flatten(1)
        ratio = flat.abs().mean(dim=1) / (flat.square().mean(dim=1) + SMALLEST).sqrt()
        return loss + mean * self.bottleneck.strength * ratio


class VectorQuantised:
    """Wraps a task: the encoder's vectors z stay near the entries e of the codebook that replace them.

    The loss is L + L̄ · β · (1 - ρ) · |z - e|² / V, where L̄ is the mean of the task's loss in the batch, V the
    mean of |z - ē|² over the batch, ē the mean of its entries, and ρ the mean of |z - e|² / V: the part of
    the variance of the code that the entries do not explain. So β is relative to the loss of the image, and
    does not depend on the scale of the code. The factor 1 - ρ ends the pull where one entry serves all
    vectors: otherwise such a code would stay everywhere the same. V, ρ and the entries are constants here:
    the codebook follows the encoder by itself.

    Source: van den Oord et al., "Neural discrete representation learning", 2017, for the commitment.
    """

    def __init__(self, task: Task, bottleneck: Bottleneck) -> None:
        self.task, self.weight = task, bottleneck.commitment

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the example of the task for (B, C, H, W) images, unchanged."""
        return self.task.example(batch, rng)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the loss of the task plus the commitment, (B,)."""
        assert output.raw is not None
        loss, entries = self.task.losses(output, example), output.code.detach()
        vectors = output.raw.float()
        away = (vectors - entries).square().sum(dim=1).flatten(1).mean(dim=1)
        middle = entries.mean(dim=(0, 2, 3), keepdim=True)
        variance = (vectors - middle).square().sum(dim=1).mean().detach().clamp_min(SMALLEST)
        explained = (1 - away.mean().detach() / variance).clamp_min(0)
        return loss + loss.detach().mean() * self.weight * explained * away / variance


class CodeUse:
    """Accumulates over batches the KL divergence of each latent dimension of a Gaussian code, and its use.

    For a vector-quantised code, it counts the entries.
    """

    def __init__(self) -> None:
        self.images = 0
        self._counts = torch.zeros(0, dtype=torch.int64)
        self._kl = self._finer = self._sum = self._squares = torch.zeros(())

    def add(self, output: Output) -> None:
        """Add one more batch; outputs without a distribution or a codebook are ignored."""
        if output.indices is not None:
            counts = output.indices.cpu().flatten().bincount(minlength=len(self._counts))
            counts[: len(self._counts)] += self._counts
            self._counts = counts
        if output.log_variance is None:
            return
        means = output.code.detach().flatten(1).double().cpu()
        kl = kl_of_each(output).detach().double().cpu()
        self.images += len(means)
        self._kl = self._kl + kl[:, : means.shape[1]].sum(dim=0)
        self._finer = self._finer + kl[:, means.shape[1] :].sum(dim=0)
        self._sum = self._sum + means.sum(dim=0)
        self._squares = self._squares + means.square().sum(dim=0)

    @property
    def kl(self) -> Tensor:
        """The KL divergence of each latent dimension in nats, (k,), averaged over the images."""
        return (self._kl / self.images).float()

    @property
    def finer(self) -> Tensor:
        """The same for the finer latent levels, (n,), the coarsest first."""
        return (self._finer / self.images).float()

    @property
    def variance(self) -> Tensor:
        """The variance over the images of the mean of each latent dimension, (k,)."""
        mean = self._sum / self.images
        return (self._squares / self.images - mean.square()).clamp_min(0).float()

    def row(self) -> dict[str, Any]:
        """Return values for the history; empty if there was neither a distribution nor a codebook."""
        if len(self._counts):
            use = CodebookUse(self._counts.numpy(), 1)
            return {"used_entries": use.used, "perplexity": use.perplexity}
        if not self.images:
            return {}
        return {
            "code_nats": float(self.kl.sum() + self.finer.sum()),
            "active_numbers": int((self.variance > ACTIVE).sum()),
            "code_numbers": len(self.kl),
        }


def kl_of_each(output: Output) -> Tensor:
    """Return the KL divergence of each latent variable in nats, (B, n); finer levels follow the code."""
    assert output.log_variance is not None
    each = kl_from_standard(output.code, output.log_variance).flatten(1)
    return each if output.finer_kl is None else torch.cat([each, output.finer_kl], dim=1)


def kl_from_standard(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, exp(log_variance)) ‖ N(0, 1)) elementwise, in nats."""
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def _calibrated(loss: Tensor) -> Tensor:
    """Return ½ (1 + log 2πL̄) of the batch with its gradient, divided among images by their share of L̄."""
    mean = loss.detach().mean().clamp_min(SMALLEST)
    return 0.5 * (loss / mean + torch.log(2 * math.pi * mean))


def _rate_cost(code: Tensor, target: float) -> Tensor:
    """Return the mean over units of KL(target ‖ rate); rates are means over batch and positions."""
    rates = code.transpose(0, 1).flatten(1).mean(dim=1).clamp(1e-6, 1 - 1e-6)
    active, inactive = (
        target * (target / rates).log(),
        (1 - target) * ((1 - target) / (1 - rates)).log(),
    )
    return (active + inactive).mean()
