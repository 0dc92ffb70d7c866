"""The interface of a task: the network's input, the target of its output, and the loss.

The loop handles images and weights; a task defines what is learnt from them. All random numbers of a task
come from its :class:`StepRng`, so that a resumed run repeats an uninterrupted one.
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.splits_and_batches import generator

# The epoch whose random numbers validation uses: always the same, so that epochs are comparable.
VALIDATION = -1


class StepRng(NamedTuple):
    """The random numbers of a step, and its place in the training.

    Attributes:
        generator: on the CPU, seeded by (seed, epoch, step).
        positions: (B,) positions in the set of the images in the batch.
        progress: fraction of the training that is done, from 0 to 1 (1 in validation).
        training: whether weights are trained; False in validation.
    """

    generator: torch.Generator
    positions: np.ndarray
    progress: float
    training: bool = True


class Example(NamedTuple):
    """A batch as the network receives it.

    Attributes:
        input: (B, inputs, H, W) the input of the network.
        target: (B, C, H, W) the target of its output.
        weight: (B, 1 or C, H, W) the weight of each place; None for equal weights.
        further: a further target: (B, k, H, W) for the output channels behind those of ``target``, or (B,)
            int64 a class that the code should predict; None if there is none.
        noise: (B, ...) standard normal values with which the network samples codes; None takes their means.
    """

    input: Tensor
    target: Tensor
    weight: Tensor | None = None
    further: Tensor | None = None
    noise: Tensor | None = None


class Task(Protocol):
    """The interface that the loop uses."""

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the network's input and target for images (B, C, H, W) in about [0, 1]."""
        ...

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the loss to minimise for each image, (B,) float32."""
        ...


class Reconstruction:
    """The task of reconstructing the input."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the images (B, C, H, W) as input and target."""
        return Example(batch, batch)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the loss between the two, (B,)."""
        return self.loss(output.reconstruction.float(), example.target)


def step_rng(
    seed: int, epoch: int, step: int, positions: np.ndarray, *, progress: float = 1.0
) -> StepRng:
    """Return the random numbers of a step, which depend on seed, epoch and step alone.

    Args:
        seed: of the training.
        epoch: from 0, or ``VALIDATION``.
        step: of the epoch, from 0.
        positions: (B,) positions in the set of the images in the batch.
        progress: fraction of the training that is done, from 0 to 1.
    """
    number = int(generator(seed, epoch + 1, 2 + step).integers(2**62))
    rng = torch.Generator().manual_seed(number)
    return StepRng(rng, positions, progress, training=epoch != VALIDATION)
