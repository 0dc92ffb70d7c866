"""Learn to fill holes: the network gets a classical fill and adds a correction to it."""

import torch
from torch import Tensor

from convae.classical.filling import biharmonic_fill, harmonic_fill, tension_fill
from convae.corruption.holes import Holes
from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.tasks.flips_and_turns import to_random_views
from convae.training.tasks.task import Example, StepRng

FILLS = {"tension": tension_fill, "harmonic": harmonic_fill, "biharmonic": biharmonic_fill}
# The start need not be exact: scattered holes have converged by then, and the network fills wide ones.
TOLERANCE, STEPS = 1e-3, 16
# A hardly visible error, 3.5 of 255: images with fills as good as this get less weight.
STEP = 0.014


class FromHoles:
    """Whole images, in which holes are made, sampled anew for every batch."""

    def __init__(self, loss: Loss, holes: Holes, fill: str, *, turn: bool) -> None:
        """Set up the task.

        Args:
            loss: between the filled image and the whole one.
            holes: the kind of holes.
            fill: a name in ``FILLS``, what the network starts from.
            turn: whether images are flipped and rotated at random.
        """
        self.loss, self.holes, self.fill, self.turn = loss, holes, fill, turn

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Make holes in images (B, C, H, W) in about [0, 1].

        Returns:
            The input: the images with filled holes and the mask, (B, C + 1, H, W). The target: the whole
            images. The weight: the mask, (B, 1, H, W), 1 where a pixel is missing.
        """
        whole = to_random_views(batch, rng.generator) if self.turn else batch
        mask = self.holes.sample(len(whole), (whole.shape[2], whole.shape[3]), rng.generator)
        mask = mask.to(whole.device)
        return Example(with_fill(whole, mask, self.fill), whole, mask)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the loss relative to that of the fill, (B,): below 1, the network is better than the fill.

        ``L(x̂, x) / (L(fill, x) + L(x + STEP, x))``, where known pixels are replaced by those of x. A wide
        hole has a hundred times the error of a scattered pixel, and so has a meadow compared with a sky. The
        ratio gives all images an equal weight.
        """
        mask, target = example.weight, example.target
        assert mask is not None
        fill = example.input[:, : target.shape[1]]
        start = self.loss(fill, target) + self.loss(target + STEP * mask, target)
        composed = torch.where(mask > 0, output.reconstruction.float(), target)
        return self.loss(composed, target) / start


def with_fill(batch: Tensor, mask: Tensor, fill: str) -> Tensor:
    """Return the input of the network, (B, C + 1, H, W): images with filled holes, and the mask.

    Args:
        batch: (B, C, H, W); the values in the holes do not matter.
        mask: (B, 1, H, W), 1 where a pixel is missing.
        fill: a name in ``FILLS``.
    """
    started = FILLS[fill](batch, mask, tolerance=TOLERANCE, steps=STEPS)
    return torch.cat([started, mask.to(started.dtype)], dim=1)
