"""Augmentation: the images of each training batch are changed at random before a task sees them."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from convae.config.augmentation import parse_augmentation
from convae.networks.autoencoder import Output
from convae.training.tasks.flips_and_turns import to_one_of_views
from convae.training.tasks.task import Example, StepRng, Task
from convae.training.tasks.translated import translated

LARGEST_ANGLE = 15.0  # degrees
LARGEST_SHIFT = 1 / 12  # of a side
DARKEST, BRIGHTEST = 0.8, 1.25  # factors
FLIP, VERTICAL_FLIP = (0, 1), (0, 2)  # views of flips_and_turns, of which each image gets one
QUARTER_TURNS = (0, 5, 3, 6)  # the views that rotate without mirroring


class Augmented:
    """Wraps a task: the training images are changed at random, the same way in input and target.

    Whatever the task makes of an image (noise, holes, a pair of image and target) it makes of the changed
    image. In validation nothing is changed.
    """

    def __init__(self, task: Task, kinds: tuple[str, ...]) -> None:
        """Set up the task.

        Args:
            task: the task to wrap.
            kinds: names in :data:`convae.config.augmentation.KINDS`.
        """
        self.task, self.kinds = task, kinds

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the task's example for images (B, C, H, W), changed at random in training."""
        if rng.training:
            batch = augment(batch, self.kinds, rng.generator)
        return self.task.example(batch, rng)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the losses of the task, (B,)."""
        return self.task.losses(output, example)


def augmented(task: Task, augment: str | None) -> Task:
    """Return a task whose training images are changed as ``augment`` says; None returns the task itself."""
    kinds = parse_augmentation(augment)
    return Augmented(task, kinds) if kinds else task


def augment(batch: Tensor, kinds: tuple[str, ...], generator: torch.Generator) -> Tensor:
    """Change each image of a batch at random.

    Args:
        batch: (B, C, H, W) in about [0, 1]; square for ``quarter-turns``.
        kinds: names in :data:`convae.config.augmentation.KINDS`, in this order.
        generator: on the CPU.

    Returns:
        (B, C, H, W). All channels of an image are changed in the same way.
    """
    for kind in kinds:
        batch = _CHANGES[kind](batch, generator)
    return batch


def rotated(batch: Tensor, angles: Tensor) -> Tensor:
    """Rotate images about their centres; values are interpolated linearly, and edges are repeated.

    Args:
        batch: (B, C, H, W).
        angles: (B,) in degrees, counter-clockwise.

    Returns:
        (B, C, H, W) with values between the least and the greatest of the batch.
    """
    height, width = batch.shape[-2:]
    radians = torch.deg2rad(angles.double())
    cos, sin, none = radians.cos(), radians.sin(), torch.zeros_like(radians)
    # grid_sample measures in half heights and half widths
    rows = (
        torch.stack([cos, -sin * height / width, none], dim=1),
        torch.stack([sin * width / height, cos, none], dim=1),
    )
    theta = torch.stack(rows, dim=1).to(batch)
    grid = F.affine_grid(theta, list(batch.shape), align_corners=False)
    return F.grid_sample(batch, grid, padding_mode="border", align_corners=False)


def _rotations(batch: Tensor, generator: torch.Generator) -> Tensor:
    share = 2 * torch.rand(len(batch), generator=generator) - 1
    return rotated(batch, LARGEST_ANGLE * share)


def _shifts(batch: Tensor, generator: torch.Generator) -> Tensor:
    return translated(batch, LARGEST_SHIFT, generator)


def _brightness(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Multiply each image by a factor; none becomes brighter than 1, so that nothing has to be clipped."""
    share = torch.rand((len(batch), 1, 1, 1), generator=generator).to(batch.device)
    factor = torch.exp(math.log(DARKEST) + share * math.log(BRIGHTEST / DARKEST))
    brightest = batch.flatten(1).amax(dim=1).clamp_min(1e-6).view(-1, 1, 1, 1)
    most = brightest.reciprocal().clamp_min(1)
    return batch * torch.minimum(factor, most)


_CHANGES: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "flips": lambda batch, generator: to_one_of_views(batch, FLIP, generator),
    "vertical-flips": lambda batch, generator: to_one_of_views(batch, VERTICAL_FLIP, generator),
    "quarter-turns": lambda batch, generator: to_one_of_views(batch, QUARTER_TURNS, generator),
    "rotations": _rotations,
    "shifts": _shifts,
    "brightness": _brightness,
}
