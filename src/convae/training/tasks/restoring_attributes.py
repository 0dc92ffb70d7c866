"""Restore attributes that were removed from images, and classify the pose in which they were shown."""

import torch.nn.functional as F
from torch import Tensor

from convae.corruption.attributes import POSES, Attributes
from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng

POSE_WEIGHT = 0.05  # relative to the image loss


class RestoringAttributes:
    """The input is an image rotated, converted to grey and partly erased; the target is the original.

    The first four values of the code are also the logits of the pose. To restore images, a network has to
    learn what the objects in its training images look like.

    Source: Golan & El-Yaniv, "Deep anomaly detection using geometric transformations", NeurIPS 2018
    (classifying the pose); Ye et al., "Attribute restoration framework for anomaly detection", IEEE TMM 2022.
    """

    def __init__(self, loss: Loss, attributes: Attributes) -> None:
        """Set up the task.

        Args:
            loss: between the restored image and the original.
            attributes: the attributes to remove, and how often.
        """
        self.loss, self.attributes = loss, attributes

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Remove attributes from images.

        Returns:
            The input: the changed images, (B, C, H, W). The target: the originals. The further target: the
            number of each pose, (B,) int64.
        """
        shown, poses = self.attributes.take(batch, rng.generator)
        return Example(shown, batch, further=poses)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the loss of the restored images plus that of the pose, (B,)."""
        assert example.further is not None
        pose = F.cross_entropy(output.code[:, :POSES].float(), example.further, reduction="none")
        return self.loss(output.reconstruction.float(), example.target) + POSE_WEIGHT * pose
