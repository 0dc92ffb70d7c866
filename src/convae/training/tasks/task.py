"""What a network is to learn from an image: what it is shown, what it should say, how that is judged.

The loop knows images and weights; a task knows the job. All that a task draws at random comes from the
:class:`Draw` it is given, so that a resumed run repeats an uninterrupted one.
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.splits_and_batches import generator

VALIDATION = (
    -1
)  # the epoch of draws for validation: the same in every epoch, so that epochs compare


class StepRng(NamedTuple):
    """What chance and place a step has.

    Attributes:
        generator: on the CPU, seeded by (seed, epoch, step).
        positions: (B,) which images of the set are in the batch.
        progress: from 0 to 1, how much of the training is done (1 in validation).
    """

    generator: torch.Generator
    positions: np.ndarray
    progress: float


class Example(NamedTuple):
    """A batch as the network meets it.

    Attributes:
        input: (B, inputs, H, W) what it is shown.
        target: (B, C, H, W) what it should say.
        weight: (B, 1 or C, H, W) how much each place counts; None for everywhere the same.
        further: what else the output should agree with: (B, k, H, W) what the channels behind those of the
            target are about, or (B,) int64 what the code should tell; None where there is nothing.
        noise: (B, ...) standard normal numbers that the network draws codes by; None for their means.
    """

    input: Tensor
    target: Tensor
    weight: Tensor | None = None
    further: Tensor | None = None
    noise: Tensor | None = None


class Task(Protocol):
    """What the loop asks of a task."""

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """From images (B, C, H, W) in about [0, 1] to what the network is shown and should say."""
        ...

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) float32, what is to become small for each image."""
        ...


class Reconstruction:
    """To say what was shown."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """The image itself, both ways."""
        return Example(batch, batch)

    def losses(self, output: Output, example: Example) -> Tensor:
        """The loss between the two."""
        return self.loss(output.reconstruction.float(), example.target)


def step_rng(
    seed: int, epoch: int, step: int, positions: np.ndarray, *, progress: float = 1.0
) -> StepRng:
    """The draw of a step; ``epoch`` may be ``VALIDATION``."""
    number = int(generator(seed, epoch + 1, 2 + step).integers(2**62))
    return StepRng(torch.Generator().manual_seed(number), positions, progress)
