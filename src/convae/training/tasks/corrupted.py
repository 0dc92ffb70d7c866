"""Noise on the inputs, while the targets stay clean: the denoising variant."""

from torch import Tensor

from convae.corruption.noise import Noise
from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng, Task


class Corrupted:
    """Wraps a task: its inputs get noise, sampled anew for every batch.

    The code must then be inferred from partial evidence. In validation, the noise is the same each time.

    Source: Vincent et al., "Extracting and composing robust features with denoising autoencoders", 2008.
    """

    def __init__(self, task: Task, noise: Noise) -> None:
        """Set up the task.

        Args:
            task: the task to wrap.
            noise: in the network's units, about [0, 1].
        """
        self.task, self.noise = task, noise

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the task's example for (B, C, H, W) images, with noise added to its input."""
        example = self.task.example(batch, rng)
        noisy, _ = self.noise.apply(example.input, rng.generator)
        return example._replace(input=noisy)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the losses of the task, (B,)."""
        return self.task.losses(output, example)
