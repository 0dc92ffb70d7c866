"""Repair synthetic defects in normal images, and predict where they are."""

import torch
import torch.nn.functional as F
from torch import Tensor

from convae.corruption.defects import Defects
from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.tasks.flips_and_turns import to_one_of_views
from convae.training.tasks.task import Example, StepRng

MIRRORS = 4  # unchanged, left to right, top to bottom, both
# Weights relative to the cross-entropy of the defect mask: of its wrong pixels, and of the repaired image.
HARD, REPAIR = 0.2, 5.0


class RepairDefects:
    """The input is a normal image with defects; the target is the image without them, and their mask.

    So a network learns to change what does not belong to a normal image and to keep the rest. A new image is
    anomalous where the network changes it, or predicts a defect in the additional output channel.

    loss = 5 · loss(repaired, normal) + H + 0.2 · (H weighted by the error), with H the cross-entropy between
    the last channel, as a logit, and the mask of the defects. Most pixels have no defect and are soon
    predicted correctly, so the last term weights each pixel by how wrong its prediction is.
    """

    def __init__(
        self, loss: Loss, defects: Defects, *, flips: bool, crop: int | None = None
    ) -> None:
        """Set up the task.

        Args:
            loss: between the repaired image and the normal one.
            defects: the synthetic defects.
            flips: whether images are mirrored at random first.
            crop: pixels a side of the parts to train on, at a random place of each image; None for whole
                images.
        """
        self.loss, self.defects, self.flips, self.crop = loss, defects, flips, crop

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Add defects to normal images.

        Returns:
            The input: images with defects, (B, C, H, W). The target: the same without defects. The further
            target: the mask of the defects, (B, 1, H, W) in [0, 1]. H and W are at most ``crop``.
        """
        if self.crop is not None:
            batch = torch.stack([x[:, *_part(x, self.crop, rng.generator)] for x in batch])
        if self.flips:
            batch = to_one_of_views(batch, range(MIRRORS), rng.generator)
        damaged, mask = self.defects.apply(batch, rng.generator)
        return Example(damaged, batch, further=mask)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the loss of the repaired images plus that of the predicted mask, (B,)."""
        assert example.further is not None
        result, channels = output.reconstruction.float(), example.target.shape[1]
        repaired, place = result[:, :channels], result[:, channels:]
        found = F.binary_cross_entropy_with_logits(place, example.further, reduction="none")
        wrong = (torch.sigmoid(place.detach()) - example.further).abs()
        hard = (found * wrong).sum(dim=(1, 2, 3)) / wrong.sum(dim=(1, 2, 3)).clamp_min(1)
        finding = found.mean(dim=(1, 2, 3)) + HARD * hard
        return REPAIR * self.loss(repaired, example.target) + finding


def _part(image: Tensor, crop: int, generator: torch.Generator) -> tuple[slice, slice]:
    """Return rows and columns of a random part of at most ``crop`` pixels a side."""
    starts = [
        int(torch.randint(max(0, side - crop) + 1, (), generator=generator))
        for side in image.shape[-2:]
    ]
    return slice(starts[0], starts[0] + crop), slice(starts[1], starts[1] + crop)
