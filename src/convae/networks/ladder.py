"""Finer hierarchy levels of a variational code: latent variables at larger maps, given the levels above.

The decoder goes from the code down to the image. At each larger map, it computes the prior of the latent
variables of that level. The encoder computes, from its map of the same size, how the posterior for this image
differs from the prior. A sample of the posterior is added to the decoder's map.

Source: Sønderby et al., "Ladder variational autoencoders", 2016; the posterior as a difference from the prior
as in Vahdat and Kautz, "NVAE", 2020.
"""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from convae.networks.architecture import Architecture
from convae.networks.layers import ResidualBlock, convolution, zero_

LOG_VARIANCES = (-16.0, 8.0)  # limits of the prior's log variance and of its change


class Rung(nn.Module):
    """One finer level: the prior and the posterior at a map of the decoder, (B, c, h, w)."""

    def __init__(self, a: Architecture, stage: int) -> None:
        super().__init__()
        channels = a.widths[stage]
        self.dim = a.finer_dim
        # Model files name the weights of these layers by their attributes.
        self.prior = convolution(a, stage, channels, 2 * self.dim)
        self.join = convolution(a, stage, 2 * channels, channels)
        self.look = ResidualBlock(a, stage, channels)
        self.differs = convolution(a, stage, channels, 2 * self.dim)
        self.add = convolution(a, stage, self.dim, channels)
        zero_(self.prior)
        zero_(self.differs)

    def forward(self, x: Tensor, seen: Tensor | None, noise: Tensor | None) -> "Step":
        """Sample the latent variables of this level and add them to the decoder's map.

        Args:
            x: the decoder's map, (B, c, h, w).
            seen: the encoder's map, of the same shape; None to use the prior alone.
            noise: (B, finer_dim, h, w) standard normal values for sampling; None takes the means.
        """
        mean, log_variance = self._parts(self.prior(x))
        step = Step(x)
        if seen is not None:
            joined = self.look(self.join(torch.cat([x, seen], dim=1)))
            change, log_ratio = self._parts(self.differs(joined))
            scaled = change.square() * (-log_variance).exp()
            step.kl = 0.5 * (scaled + log_ratio.exp() - 1 - log_ratio)
            prior = mean, log_variance
            mean, log_variance = mean + change, log_variance + log_ratio
        sampled = mean if noise is None else mean + (0.5 * log_variance).exp() * noise
        if seen is not None and noise is not None:
            distance = (sampled - prior[0]).square() * (-prior[1]).exp()
            each = 0.5 * (noise.square() + log_variance - distance - prior[1])
            step.log_ratio = each.flatten(1).sum(dim=1)
        step.x = x + self.add(sampled.to(x.dtype))
        return step

    def _parts(self, output: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = output.float().chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCES)


class Step:
    """The result of one level.

    Attributes:
        x: (B, c, h, w) the decoder's map, after the level's latent variables were added.
        kl: (B, finer_dim, h, w) KL divergence of each latent variable in nats; None without an image.
        log_ratio: (B,) log p - log q of the sample; None without an image or noise.
    """

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self.kl: Tensor | None = None
        self.log_ratio: Tensor | None = None


class Ladder(nn.ModuleList):
    """All finer levels of a network, the coarsest first."""

    def __init__(self, a: Architecture) -> None:
        above = len(a.widths) - 2  # the stage whose map the coarsest of them joins
        super().__init__(Rung(a, above - number) for number in range(a.levels - 1))


class Descent:
    """One pass down a ladder; :attr:`joins` are applied by the decoder after each of its first stages."""

    def __init__(
        self, ladder: Ladder, maps: Sequence[Tensor] | None, noise: Tensor | None = None
    ) -> None:
        """Prepare a pass.

        Args:
            ladder: the finer levels.
            maps: the encoder's maps of all stages but the last, the largest first; None to use the priors
                alone.
            noise: (B, n) standard normal values for all levels, the coarsest first; None takes the means.
        """
        self.ladder, self.noise = ladder, noise
        self.maps = [None] * len(ladder) if maps is None else list(reversed(maps))[: len(ladder)]
        self.steps: list[Step] = []

    @property
    def joins(self) -> list[Callable[[Tensor], Tensor]]:
        """One function for each level, from (B, c, h, w) to the same shape, to be called in order."""
        return [self._step] * len(self.ladder)

    def _step(self, x: Tensor) -> Tensor:
        number, rung = len(self.steps), self.ladder[len(self.steps)]
        noise = None
        if self.noise is not None:
            shape = (x.shape[0], cast(Rung, rung).dim, *x.shape[2:])
            size = shape[1] * shape[2] * shape[3]
            noise, self.noise = self.noise[:, :size].reshape(shape), self.noise[:, size:]
        self.steps.append(rung(x, self.maps[number], noise))
        return self.steps[-1].x

    @property
    def kl(self) -> Tensor:
        """(B, n) KL divergence in nats of each latent variable of all levels, the coarsest level first."""
        return torch.cat([step.kl.flatten(1) for step in self.steps if step.kl is not None], dim=1)

    @property
    def log_ratio(self) -> Tensor | None:
        """(B,) log p - log q of the sample at all levels; None where nothing was sampled."""
        parts = [step.log_ratio for step in self.steps if step.log_ratio is not None]
        return torch.stack(parts).sum(dim=0) if parts else None
