"""Small random translations of the inputs, while the targets stay in place."""

import torch
from torch import Tensor

from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng, Task


class Translated:
    """Wraps a task: its inputs are translated at random in training.

    Codes then represent the contents of an image rather than its exact position, so that they generalise to
    images that were not trained on. In validation nothing is translated.
    """

    def __init__(self, task: Task, share: float) -> None:
        """Set up the task.

        Args:
            task: the task to wrap.
            share: largest translation, as a fraction of a side.
        """
        self.task, self.share = task, share

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the task's example for images (B, C, H, W), with a translated input."""
        example = self.task.example(batch, rng)
        if not rng.training:
            return example
        return example._replace(input=translated(example.input, self.share, rng.generator))

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the losses of the task, (B,)."""
        return self.task.losses(output, example)


def translated(batch: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Translate each image (B, C, H, W) by whole pixels, at most ``share`` of a side; edges are repeated."""
    count, _, *sides = batch.shape
    most = [round(share * side) for side in sides]
    moves = [torch.randint(-m, m + 1, (count, 1), generator=generator) for m in most]
    rows, columns = (
        (torch.arange(side) + move).clamp_(0, side - 1).to(batch.device)
        for side, move in zip(sides, moves, strict=True)
    )
    images = torch.arange(count, device=batch.device)[:, None, None]
    moved = batch.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()
