"""Learning to fill holes: a classical fill goes in, the network adds what it misses."""

import torch
from torch import Tensor

from convae.classical.filling import biharmonic_fill, harmonic_fill
from convae.corruption.holes import Holes
from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.task import Draw, Example
from convae.training.turning import turned_at_random

FILLS = {"harmonic": harmonic_fill, "biharmonic": biharmonic_fill}
# A start need not be exact: scattered holes are done by then, and wide ones are the network's work.
TOLERANCE, STEPS = 1e-2, 16
KNOWN = 0.1  # of an error at a known pixel is seen by the loss: both sides of a seam stay even


class FromHoles:
    """Whole images, in which holes are made, drawn anew for every batch."""

    def __init__(self, loss: Loss, holes: Holes, fill: str, *, turn: bool) -> None:
        """Set it up.

        Args:
            loss: between the filled image and the whole one.
            holes: what goes missing.
            fill: a name in ``FILLS``, what the network starts from.
            turn: whether images are flipped and turned at random.
        """
        self.loss, self.holes, self.fill, self.turn = loss, holes, fill, turn

    def example(self, batch: Tensor, draw: Draw) -> Example:
        """The image with filled holes and the mask, and the whole image; the holes count."""
        whole = turned_at_random(batch, draw.generator) if self.turn else batch
        mask = self.holes.draw(len(whole), (whole.shape[2], whole.shape[3]), draw.generator)
        mask = mask.to(whole.device)
        return Example(with_fill(whole, mask, self.fill), whole, KNOWN + (1 - KNOWN) * mask)

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) the loss, the output's error being seen by its weight: all in holes, little elsewhere."""
        assert example.weight is not None
        target = example.target
        seen = target + example.weight * (output.reconstruction.float() - target)
        return self.loss(seen, target)


def with_fill(batch: Tensor, mask: Tensor, fill: str) -> Tensor:
    """(B, C + 1, H, W) what the network is shown: images with filled holes, and where those are.

    Args:
        batch: (B, C, H, W); what stands in the holes does not matter.
        mask: (B, 1, H, W), 1 where a pixel is missing.
        fill: a name in ``FILLS``.
    """
    started = FILLS[fill](batch, mask, tolerance=TOLERANCE, steps=STEPS)
    return torch.cat([started, mask.to(started.dtype)], dim=1)
