"""Finer levels of a variational code: numbers at the larger maps, each given those of the levels above.

The decoder goes from the code down to the image. On its way, at each larger map, it says what the numbers of
that level are likely to be (their prior); the encoder, from its map of the same size, says how those of this
image differ from that (their posterior), and what is drawn is added to the decoder's map.

Source: Sønderby et al., "Ladder variational autoencoders", 2016; the posterior as a difference from the prior
as in Vahdat and Kautz, "NVAE", 2020.
"""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from convae.networks.architecture import Architecture
from convae.networks.layers import ResidualBlock, convolution, zero_

LOG_VARIANCES = (-16.0, 8.0)  # the least and the most that either distribution can say


class Rung(nn.Module):
    """One finer level: distributions of its numbers at a map of the decoder, (B, c, h, w)."""

    def __init__(self, a: Architecture, channels: int) -> None:
        super().__init__()
        self.numbers = a.finer_dim
        self.prior = convolution(a, channels, 2 * self.numbers)
        self.join = convolution(a, 2 * channels, channels)
        self.look = ResidualBlock(a, channels)
        self.differs = convolution(a, channels, 2 * self.numbers)
        self.add = convolution(a, self.numbers, channels)
        zero_(self.prior)
        zero_(self.differs)

    def forward(self, x: Tensor, seen: Tensor | None, noise: Tensor | None) -> "Step":
        """One step down.

        Args:
            x: the decoder's map.
            seen: the encoder's, of the same shape; None to go by the prior alone.
            noise: standard normal numbers to draw by; None takes the means.
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
        drawn = mean if noise is None else mean + (0.5 * log_variance).exp() * noise
        if seen is not None and noise is not None:
            distance = (drawn - prior[0]).square() * (-prior[1]).exp()
            each = 0.5 * (noise.square() + log_variance - distance - prior[1])
            step.log_ratio = each.flatten(1).sum(dim=1)
        step.x = x + self.add(drawn.to(x.dtype))
        return step

    def _parts(self, said: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = said.float().chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCES)


class Step:
    """What came of one level.

    Attributes:
        x: (B, c, h, w) the decoder's map, with the level's numbers.
        kl: (B, numbers, h, w) nats that each number costs; None without an image.
        log_ratio: (B,) log p - log q of what was drawn; None without an image or noise.
    """

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self.kl: Tensor | None = None
        self.log_ratio: Tensor | None = None


class Ladder(nn.ModuleList):
    """All finer levels of a network, the coarsest first."""

    def __init__(self, a: Architecture) -> None:
        super().__init__(Rung(a, channels) for channels in a.finer_widths)


class Descent:
    """One way down a ladder; :attr:`joins` are what a decoder does after each of its first stages."""

    def __init__(
        self, ladder: Ladder, maps: Sequence[Tensor] | None, noise: Tensor | None = None
    ) -> None:
        """Set out.

        Args:
            maps: the encoder's maps of all stages but the last, the largest first; None to go by the priors.
            noise: (B, n) standard normal numbers for all levels, the coarsest first; None takes the means.
        """
        self.ladder, self.noise = ladder, noise
        self.maps = [None] * len(ladder) if maps is None else list(reversed(maps))[: len(ladder)]
        self.steps: list[Step] = []

    @property
    def joins(self) -> list[Callable[[Tensor], Tensor]]:
        """One function for each level, to be called in order."""
        return [self._step] * len(self.ladder)

    def _step(self, x: Tensor) -> Tensor:
        number, rung = len(self.steps), self.ladder[len(self.steps)]
        noise = None
        if self.noise is not None:
            shape = (len(x), cast(Rung, rung).numbers, *x.shape[2:])
            size = shape[1] * shape[2] * shape[3]
            noise, self.noise = self.noise[:, :size].reshape(shape), self.noise[:, size:]
        self.steps.append(rung(x, self.maps[number], noise))
        return self.steps[-1].x

    @property
    def kl(self) -> Tensor:
        """(B, n) nats that each number of all levels costs, the coarsest level first."""
        return torch.cat([step.kl.flatten(1) for step in self.steps if step.kl is not None], dim=1)

    @property
    def log_ratio(self) -> Tensor | None:
        """(B,) log p - log q of what was drawn at all levels; None where nothing was drawn."""
        parts = [step.log_ratio for step in self.steps if step.log_ratio is not None]
        return torch.stack(parts).sum(dim=0) if parts else None
