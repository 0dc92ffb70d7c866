"""Dynamic binarisation: grey values as probabilities of white, sampled anew for every batch."""

import torch
from torch import Tensor

from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng, Task


class Binarised:
    """Wraps a task: its images are black and white, sampled from grey ones; fixed in validation.

    Source: Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks", 2008.
    """

    def __init__(self, task: Task) -> None:
        self.task = task

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the task's example for black and white images sampled from grey ones, (B, C, H, W)."""
        uniform = torch.rand(batch.shape, generator=rng.generator).to(batch.device)
        return self.task.example((uniform < batch).to(batch.dtype), rng)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the losses of the task, (B,)."""
        return self.task.losses(output, example)
