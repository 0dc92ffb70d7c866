"""Images corrupted on the way in, while what should come out stays clean: the denoising variant."""

from torch import Tensor

from convae.corruption.noise import Noise
from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng, Task


class Corrupted:
    """Another task, with noise on what the network is shown, drawn anew for every batch.

    Codes then have to say what is in an image from a part of the evidence. In validation the draws are the
    same each time.

    Source: Vincent et al., "Extracting and composing robust features with denoising autoencoders", 2008.
    """

    def __init__(self, task: Task, noise: Noise) -> None:
        """Set it up.

        Args:
            task: what is to be learnt.
            noise: in the network's units, about [0, 1].
        """
        self.task, self.noise = task, noise

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """That of the task, its input corrupted."""
        example = self.task.example(batch, rng)
        noisy, _ = self.noise.apply(example.input, rng.generator)
        return example._replace(input=noisy)

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) those of the task."""
        return self.task.losses(output, example)
