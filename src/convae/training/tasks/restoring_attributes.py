"""To restore attributes that were taken from images, and to tell the pose that they were shown in."""

import torch.nn.functional as F
from torch import Tensor

from convae.corruption.attributes import POSES, Attributes
from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng

TELLING = 0.05  # of the pose, beside an error of the image


class RestoringAttributes:
    """Images turned, greyed and with a part erased are to come out as they were.

    The first four numbers of the code also tell the pose: they are its logits. What a network has to know
    to restore is what the objects look like that it learnt from.

    Source: Golan & El-Yaniv, "Deep anomaly detection using geometric transformations", NeurIPS 2018 (to
    tell the pose); Ye et al., "Attribute restoration framework for anomaly detection", IEEE TMM 2022.
    """

    def __init__(self, loss: Loss, attributes: Attributes) -> None:
        """Set it up.

        Args:
            loss: between the restored image and the image.
            attributes: what is taken, and how often.
        """
        self.loss, self.attributes = loss, attributes

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """The images without some attributes, as they were, and the pose."""
        shown, poses = self.attributes.take(batch, rng.generator)
        return Example(shown, batch, further=poses)

    def losses(self, output: Output, example: Example) -> Tensor:
        """(B,) how far the restored images are from the images, and how unlikely the pose was held."""
        assert example.further is not None
        told = F.cross_entropy(output.code[:, :POSES].float(), example.further, reduction="none")
        return self.loss(output.reconstruction.float(), example.target) + TELLING * told
