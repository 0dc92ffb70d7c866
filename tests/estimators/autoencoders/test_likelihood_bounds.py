"""Bounds on likelihoods: exact where the posterior is, and rising with the number of samples."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Laplace, MultivariateNormal, Normal

from convae.errors import InputError
from convae.estimators.autoencoders.likelihood_bounds import bound, log_density, log_weights
from convae.networks.autoencoder import EncoderOutput, Output, sampled
from convae.networks.bottleneck import Posterior

SCALE = 0.05  # the variance of the values of an image
K, D = 3, 8


class Linear:
    """x = W z + b with noise; W has orthogonal columns, so that the posterior is a diagonal Gaussian."""

    def __init__(self, *, off: float = 0.0) -> None:
        generator = torch.Generator().manual_seed(0)
        columns, _ = torch.linalg.qr(torch.randn(D, K, generator=generator, dtype=torch.float64))
        self.w = (columns * torch.tensor([1.0, 0.5, 0.1])).float()
        self.b = torch.rand(D, generator=generator)
        self.off = off

    @property
    def architecture(self) -> "Linear":
        return self

    def sampled_values(self, size: tuple[int, int]) -> int:
        return K

    def encode_with_maps(self, images: Tensor) -> EncoderOutput:
        precision = 1 + self.w.square().sum(dim=0) / SCALE
        mean = (images.flatten(1) - self.b) @ self.w / SCALE / precision
        return EncoderOutput(Posterior(mean + self.off, -precision.log().expand_as(mean)))

    def decode_with_maps(self, images: Tensor, seen: EncoderOutput, noise: Tensor) -> Output:
        code = sampled(seen.posterior, noise)
        return Output((code @ self.w.T + self.b).view_as(images), code)

    def exact(self, images: Tensor) -> Tensor:
        covariance = self.w @ self.w.T + SCALE * torch.eye(D)
        density = MultivariateNormal(self.b, covariance)
        found: Tensor = density.log_prob(images.flatten(1))
        return found


def bounds(network: Any, images: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return bound(
        log_weights(network, images, samples, loss="mse", scale=SCALE, generator=generator)
    )


IMAGES = torch.rand(5, 1, 2, 4, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("samples", [1, 7])
def test_with_the_exact_posterior_every_bound_is_the_likelihood(samples: int) -> None:
    network = Linear()
    tight, elbo = bounds(network, IMAGES, samples)
    assert torch.allclose(tight.float(), network.exact(IMAGES), atol=1e-4)
    assert torch.allclose(elbo.float(), network.exact(IMAGES), atol=1e-4)


def test_elsewhere_more_samples_are_nearer_and_none_is_above() -> None:
    network = Linear(off=0.3)
    many = IMAGES.repeat(80, 1, 1, 1)  # what chance adds to the mean gets small
    exact = network.exact(many).double()
    gaps = []
    for samples in (1, 10, 1000):
        tight, elbo = bounds(network, many, samples)
        gaps.append(float((exact - tight).mean()))
        assert bool((elbo <= tight + 1e-9).all())
    assert gaps[0] > gaps[1] > gaps[2] > -0.02
    assert gaps[2] < 0.1


def test_densities_are_torchs() -> None:
    means = torch.rand(3, 5, 1, 2, 4, generator=torch.Generator().manual_seed(3)) * 0.9 + 0.05
    for loss, theirs in (
        ("mse", Normal(means, math.sqrt(SCALE))),
        ("l1", Laplace(means, SCALE)),
        ("bce", Bernoulli(means)),
    ):
        images = IMAGES.round() if loss == "bce" else IMAGES
        ours = log_density(loss, images, means, SCALE)
        assert torch.allclose(ours, theirs.log_prob(images).sum(dim=(2, 3, 4)), atol=1e-4)
        assert ours.shape == (3, 5)


def test_a_loss_that_is_no_likelihood_is_refused() -> None:
    with pytest.raises(InputError, match="trained on 'ssim' says nothing about likelihood"):
        log_density("ssim", IMAGES, IMAGES, SCALE)
