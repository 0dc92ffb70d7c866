"""Learning to fill holes: a classical fill goes in, the network adds what it misses."""

import torch
from torch import Tensor

from convae.classical.filling import biharmonic_fill, harmonic_fill, tension_fill
from convae.corruption.holes import Holes
from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.tasks.flips_and_turns import turned_at_random
from convae.training.tasks.task import Example, StepRng

FILLS = {"tension": tension_fill, "harmonic": harmonic_fill, "biharmonic": biharmonic_fill}
# A start need not be exact: scattered holes are done by then, and wide ones are the network's work.
TOLERANCE, STEPS = 1e-3, 16
STEP = 0.014  # an error that can hardly be seen, 3.5 of 255: fills as good as that count less


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

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """The image with filled holes and the mask, the whole image, and the mask: only holes count."""
        whole = turned_at_random(batch, rng.generator) if self.turn else batch
        mask = self.holes.draw(len(whole), (whole.shape[2], whole.shape[3]), rng.generator)
        mask = mask.to(whole.device)
        return Example(with_fill(whole, mask, self.fill), whole, mask)

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) what is left of the fill's loss: below 1 the network does better than the fill.

        ``L(x̂, x) / (L(fill, x) + L(x + STEP, x))``, each with x itself where pixels are known. A wide hole
        has a hundred times the error of a scattered pixel, and a meadow that of a sky; so each image says
        as much about how to do better than its fill.
        """
        mask, target = example.weight, example.target
        assert mask is not None
        fill = example.input[:, : target.shape[1]]
        start = self.loss(fill, target) + self.loss(target + STEP * mask, target)
        composed = torch.where(mask > 0, output.reconstruction.float(), target)
        return self.loss(composed, target) / start


def with_fill(batch: Tensor, mask: Tensor, fill: str) -> Tensor:
    """(B, C + 1, H, W) what the network is shown: images with filled holes, and where those are.

    Args:
        batch: (B, C, H, W); what stands in the holes does not matter.
        mask: (B, 1, H, W), 1 where a pixel is missing.
        fill: a name in ``FILLS``.
    """
    started = FILLS[fill](batch, mask, tolerance=TOLERANCE, steps=STEPS)
    return torch.cat([started, mask.to(started.dtype)], dim=1)
