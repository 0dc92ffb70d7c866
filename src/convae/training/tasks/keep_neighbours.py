"""Reconstruction with codes that keep neighbouring images together."""

import torch
from torch import Tensor

from convae.embedding.umap_layout import A, B
from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng

# At the start the places of the codes dominate the loss, and are learnt almost as by least squares. At the
# end they are a small addition to the reconstruction, and an image may lie with either of two clusters.
FIRST_WEIGHT, LAST_WEIGHT = 1.0, 0.01
FIRST_WIDTH, LAST_WIDTH = 8.0, 1.0  # in units of the layout
SMALLEST = 1e-3  # of a squared distance; keeps the slope at zero finite


class KeepNeighbours:
    """Reconstruction of images, with codes near given places.

    The places are a layout by UMAP's objective. Each code is attracted to its own place by that objective's
    attraction, whose width shrinks while the weight of the term decreases:

    ``loss = loss(reconstruction, image) + λ · log(1 + A·(|code - place| / s)^(2B))``,
    λ from 1 to 0.01 · weight and s from 8 to 1, both in equal ratios over the training.
    """

    def __init__(self, loss: Loss, places: Tensor, *, unit: float, weight: float = 1.0) -> None:
        """Set up the task.

        Args:
            loss: between the reconstruction and the image.
            places: (n, k) where the code of each image of the set should lie.
            unit: the distance between codes that corresponds to a distance of 1 in the layout.
            weight: weight of the term at the end, relative to the standard one.
        """
        self.loss, self.places, self.unit, self.weight = loss, places, unit, weight
        self._targets, self._progress = places[:0], 0.0

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the images (B, C, H, W) as input and target.

        It also sets the places of their codes, so :meth:`losses` must be called for this batch next.
        """
        chosen = torch.from_numpy(rng.positions % len(self.places))
        self._targets, self._progress = self.places[chosen].to(batch.device), rng.progress
        return Example(batch, batch)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the loss of the reconstruction plus that of the place, (B,)."""
        loss = self.loss(output.reconstruction.float(), example.target)
        width = self.unit * _between(FIRST_WIDTH, LAST_WIDTH, self._progress)
        squares = ((output.code.float() - self._targets) / width).square().sum(dim=1)
        away = torch.log1p(A * (squares + SMALLEST).pow(B))
        return loss + _between(FIRST_WEIGHT, LAST_WEIGHT * self.weight, self._progress) * away


def _between(first: float, last: float, progress: float) -> float:
    """Interpolate from the first to the last in equal ratios."""
    return float(first * (last / first) ** progress)
