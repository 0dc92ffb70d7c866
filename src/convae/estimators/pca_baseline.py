"""PCA with the code size of the model: the baseline that every model is compared with."""

import torch
from torch import Tensor

from convae.embedding.pca import PrincipalComponents
from convae.networks.architecture import Architecture
from convae.networks.bottleneck import DenseBypass, SpatialBypass
from convae.networks.layers import pad_to_multiple


class PCABaseline:
    """PCA as a linear autoencoder with the model's kind of code.

    For a dense code, it is PCA of whole images (large images are reduced in size, see :class:`DenseBypass`).
    For a spatial code, it is PCA of the block of pixels behind each position.
    """

    def __init__(self, a: Architecture, device: torch.device) -> None:
        self.architecture = a
        self.linear = DenseBypass(a) if a.code == "dense" else SpatialBypass(a)
        self.linear.requires_grad_(False).to(device)
        self.components = a.latent_dim

    @classmethod
    def fitted(
        cls, a: Architecture, pca: PrincipalComponents, device: torch.device
    ) -> "PCABaseline":
        """Create the baseline with the components found on the training images."""
        baseline = cls(a, device)
        baseline.components = len(pca.components) or a.latent_dim
        baseline.linear.set_components(pca.mean.to(device), pca.components.to(device))
        return baseline

    @property
    def name(self) -> str:
        """The name for people: ``PCA, 16 components``, ``PCA of 4x4 blocks, 8 components each``.

        It states the actual number of components, which is smaller than the code where images have fewer
        pixels than the code has values, or where there are few images.
        """
        a = self.architecture
        if isinstance(self.linear, SpatialBypass):
            height, width = a.factor
            return f"PCA of {height}x{width} blocks, {self.components} components each"
        height, width = self.linear.work_shape[1:]
        at = f" at {height}x{width} pixels" if (height, width) != a.image_shape[1:] else ""
        return f"PCA{at}, {self.components} components"

    def encode(self, x: Tensor) -> Tensor:
        """Encode images (B, C, H, W) to codes of the model's shape."""
        return self.linear.encode(self._padded(x))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Encode and decode images (B, C, H, W); results are limited to [0, 1] if the model's output is."""
        height, width = x.shape[-2:]
        image = self.linear.decode(self.encode(x), (height, width))[..., :height, :width]
        return image if self.architecture.output == "linear" else image.clamp(0, 1)

    def flatten(self, x: Tensor) -> Tensor:
        """Convert (B, C, H, W) to the vectors that PCA is fitted on: one per image, or one per block."""
        return self.linear.flatten(self._padded(x))

    def _padded(self, x: Tensor) -> Tensor:
        if isinstance(self.linear, DenseBypass):
            return x
        return pad_to_multiple(x, self.architecture.factor)
