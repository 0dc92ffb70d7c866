"""Images moved a little on the way in, while what should come out stays where it is."""

import torch
from torch import Tensor

from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng, Task


class Shifted:
    """Another task, with what the network is shown moved at random in training.

    Its codes then say what is in an image rather than at which pixel it begins, so that they hold for
    images that were not trained on. In validation nothing is moved.
    """

    def __init__(self, task: Task, share: float) -> None:
        """Set it up.

        Args:
            task: what is to be learnt.
            share: how far images are moved at most, as a fraction of their side.
        """
        self.task, self.share = task, share

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """That of the task, its input moved."""
        example = self.task.example(batch, rng)
        if rng.progress >= 1:
            return example
        return example._replace(input=shifted(example.input, self.share, rng.generator))

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) those of the task."""
        return self.task.losses(output, example)


def shifted(batch: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Each image of (B, C, H, W) moved by whole pixels, at most ``share`` of a side; edges are repeated."""
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
