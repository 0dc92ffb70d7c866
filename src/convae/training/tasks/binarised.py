"""Grey values as chances of white, drawn anew for every batch: dynamic binarisation."""

import torch
from torch import Tensor

from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng, Task


class Binarised:
    """Another task, on images of black and white drawn from grey ones. In validation the draws stay the same.

    Source: Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks", 2008.
    """

    def __init__(self, task: Task) -> None:
        self.task = task

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """That of the task for one draw of the pixels."""
        uniform = torch.rand(batch.shape, generator=rng.generator).to(batch.device)
        return self.task.example((uniform < batch).to(batch.dtype), rng)

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) those of the task."""
        return self.task.losses(output, example)
