"""How likely images are under a variational autoencoder: importance-weighted bounds."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from convae.composition import check, of_loss
from convae.losses import BCE_CLAMP, parse_loss
from convae.networks.autoencoder import Autoencoder

AT_ONCE = 2**22  # values of images decoded together
SMALLEST = 1e-12


def log_density(loss: str, images: Tensor, means: Tensor, scale: float) -> Tensor:
    """(..., ) nats: log p(image | mean), summed over (C, H, W).

    Args:
        loss: ``bce`` (Bernoulli), ``mse`` (Gaussian) or ``l1`` (Laplace).
        images, means: (..., C, H, W) in about [0, 1].
        scale: the mean loss per value, which gives the distribution its width; not used for ``bce``.

    Raises:
        InputError: for a loss that no distribution belongs to.
    """
    check(use=["likelihood bound"], loss=of_loss(parse_loss(loss)))
    if loss == "bce":
        p = means.clamp(BCE_CLAMP, 1 - BCE_CLAMP)
        each = images * p.log() + (1 - images) * torch.log1p(-p)
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
    """log p(x, z) - log q(z | x) for ``samples`` codes of each image, (part, B) at a time.

    Their mean is the evidence lower bound; the logarithm of the mean of their exponentials is the
    importance-weighted bound.
    """
    said = network.posterior(images)
    assert said.log_variance is not None
    mean, log_variance = said.code.float(), said.log_variance.float()
    deviation = (0.5 * log_variance).exp()
    size = (images.shape[-2], images.shape[-1])
    part = max(1, AT_ONCE // images.numel())
    for done in range(0, samples, part):
        count = min(part, samples - done)
        noise = torch.randn((count, *mean.shape), generator=generator).to(mean.device)
        code = mean + deviation * noise
        decoded = network.decode(code.flatten(0, 1), size).view(count, *images.shape)
        # the 2π of both densities of the code cancels
        prior = -0.5 * code.square().flatten(2).sum(2)
        own = -0.5 * (noise.square() + log_variance).flatten(2).sum(2)
        yield log_density(loss, images, decoded.float(), scale) + prior - own


def bound(weights: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    """(B,) the importance-weighted bound and (B,) the evidence lower bound, in nats."""
    every = torch.cat(list(weights)).double()
    return torch.logsumexp(every, dim=0) - math.log(len(every)), every.mean(dim=0)
