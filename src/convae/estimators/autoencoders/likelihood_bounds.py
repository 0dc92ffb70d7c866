"""Importance-weighted bounds on the log-likelihood of images under a variational autoencoder."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from convae.config.compatibility import check, of_loss
from convae.losses import BCE_CLAMP, logistic_cost, parse_loss
from convae.networks.autoencoder import Autoencoder, sampled

AT_ONCE = 2**22  # values of the images that are decoded together
SMALLEST = 1e-12


def log_density(loss: str, images: Tensor, means: Tensor, scale: float) -> Tensor:
    """Return log p(image | mean) in nats, (...,), summed over (C, H, W).

    Args:
        loss: ``bce`` (Bernoulli), ``mse`` (Gaussian), ``l1`` (Laplace) or ``logistic`` (discretised
            logistic).
        images, means: (..., C, H, W) in about [0, 1].
        scale: width of the distribution: the mean loss per value for ``mse`` and ``l1``, the scale of the
            distribution for ``logistic``; not used for ``bce``.

    Raises:
        InputError: the loss does not correspond to a distribution.
    """
    check(use=["likelihood bound"], loss=of_loss(parse_loss(loss)))
    if loss == "bce":
        p = means.clamp(BCE_CLAMP, 1 - BCE_CLAMP)
        each = images * p.log() + (1 - images) * torch.log1p(-p)
    elif loss == "logistic":
        each = -logistic_cost(means, images, scale)
    elif loss == "mse":
        each = -0.5 * ((images - means).square() / scale + math.log(2 * math.pi * scale))
    else:
        each = -((images - means).abs() / scale + math.log(2 * scale))
    return each.sum(dim=(-3, -2, -1))


def log_weights(
    network: Autoencoder,
    images: Tensor,
    samples: int,
    *,
    loss: str,
    scale: float,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    """Yield log p(x, z) - log q(z | x) for ``samples`` codes of each image, (part, B) at a time.

    Their mean is the evidence lower bound. The logarithm of the mean of their exponentials is the
    importance-weighted bound.
    """
    seen = network.encode_with_maps(images)
    log_variance = seen.posterior.log_variance
    assert log_variance is not None
    numbers = network.architecture.sampled_values((images.shape[-2], images.shape[-1]))
    own = log_variance[0].numel()
    part = max(1, AT_ONCE // images.numel())
    for done in range(0, samples, part):
        count = min(part, samples - done)
        noise = torch.randn((count, len(images), numbers), generator=generator).to(images.device)
        flat, shown = noise.flatten(0, 1), images.repeat(count, 1, 1, 1)
        every = seen.repeated(count)
        decoded = network.decode_with_maps(shown, every, flat)
        # the 2π of both densities of the code cancels
        code = sampled(every.posterior, flat[:, :own]).float().flatten(1)
        spread = flat[:, :own].square() + log_variance.float().flatten(1).repeat(count, 1)
        ratio = 0.5 * (spread - code.square()).sum(dim=1)
        if decoded.finer_log_ratio is not None:
            ratio = ratio + decoded.finer_log_ratio
        found = log_density(loss, shown, decoded.reconstruction.float(), scale) + ratio
        yield found.view(count, len(images))


def bound(weights: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the importance-weighted bound and the evidence lower bound, (B,) each, in nats."""
    every = torch.cat(list(weights)).double()
    return torch.logsumexp(every, dim=0) - math.log(len(every)), every.mean(dim=0)
