"""To mend what was damaged on purpose, and to say where it was: normal images with synthetic defects."""

import torch
import torch.nn.functional as F
from torch import Tensor

from convae.corruption.defects import Defects
from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.tasks.flips_and_turns import turned
from convae.training.tasks.task import Example, StepRng

MIRRORS = 4  # as it is, left to right, top to bottom, both
# Beside the cross-entropy of the place of defects: where that is wrong, and the loss of the mended image.
HARD, MENDING = 0.2, 5.0


class Mending:
    """Normal images are shown with defects and should come out without, with one channel more: their place.

    So a network learns to change what does not belong there and to leave the rest. What it changes in a
    new image, and where it says that something was to be changed, is where that is anomalous.

    loss = 5 · loss(mended, normal) + H + 0.2 · (H where the place is told wrongly), with H the cross-entropy
    of the last channel as a logit and the mask of the defects. Most pixels have no defect and are soon told
    rightly: the second part goes by how wrong a pixel is.
    """

    def __init__(
        self, loss: Loss, defects: Defects, *, flips: bool, crop: int | None = None
    ) -> None:
        """Set it up.

        Args:
            loss: between the mended image and the normal one.
            defects: which are put in.
            flips: whether images are mirrored at random first.
            crop: pixels a side of the parts that are trained on, at a random place of each image; None for
                whole images.
        """
        self.loss, self.defects, self.flips, self.crop = loss, defects, flips, crop

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """The damaged images, the normal ones, and the mask."""
        if self.crop is not None:
            batch = torch.stack([x[:, *_part(x, self.crop, rng.generator)] for x in batch])
        if self.flips:
            views = torch.randint(MIRRORS, (len(batch),), generator=rng.generator).tolist()
            batch = torch.stack([turned(x, view) for x, view in zip(batch, views, strict=True)])
        damaged, mask = self.defects.apply(batch, rng.generator)
        return Example(damaged, batch, further=mask)

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) how far the mended images are from the normal ones, and the places from the mask."""
        assert example.further is not None
        said, channels = output.reconstruction.float(), example.target.shape[1]
        mended, place = said[:, :channels], said[:, channels:]
        found = F.binary_cross_entropy_with_logits(place, example.further, reduction="none")
        wrong = (torch.sigmoid(place.detach()) - example.further).abs()
        hard = (found * wrong).sum(dim=(1, 2, 3)) / wrong.sum(dim=(1, 2, 3)).clamp_min(1)
        finding = found.mean(dim=(1, 2, 3)) + HARD * hard
        return MENDING * self.loss(mended, example.target) + finding


def _part(image: Tensor, crop: int, generator: torch.Generator) -> tuple[slice, slice]:
    """Rows and columns of a random part of at most ``crop`` pixels a side."""
    starts = [
        int(torch.randint(max(0, side - crop) + 1, (), generator=generator))
        for side in image.shape[-2:]
    ]
    return slice(starts[0], starts[0] + crop), slice(starts[1], starts[1] + crop)
