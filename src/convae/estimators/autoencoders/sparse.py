"""``SparseAutoencoder``: large codes, of which few units are active."""

from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from convae.config.bottlenecks import on_above
from convae.config.compatibility import check
from convae.config.parameters import SparseParameters
from convae.errors import InputError
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.fit import Ready
from convae.estimators.fit_config import FitConfig
from convae.metrics.sparsity import Sparsity, sparsity
from convae.networks.layer_outputs import layer
from convae.storage.model_file import StoredModel

MOST_MEASURED = 2000  # images on which the sparsity is measured


class SparseAutoencoder(SparseParameters, ConvAutoencoder):
    """An autoencoder with large codes, in which few units are active for each image.

    Each unit then stands for one thing that an image has or lacks, and can be inspected by itself: ``convae
    units``. Units that are active for no image can become active again in training: see
    :class:`convae.networks.bottleneck.Rectifier`.

    Args:
        bottleneck: ``top-k`` (only the largest units of each code stay, a fixed number), ``winners``
            (winner-take-all: each unit is active only for the images that activate it most, and with code
            ``spatial`` only at its strongest position), ``l1`` (small on average) or ``kl`` (an activation
            rate near a target). A strength may follow a colon: ``"top-k:0.05"``; see
            :class:`convae.config.bottlenecks.Bottleneck`.
        latent_dim: latent dimension, default 256. It can be large, since few units are active.
        all others: as in :class:`convae.ConvAutoencoder`. There is no linear path around the code.

    Attributes:
        sparsity_: how often each unit is active: :class:`convae.metrics.sparsity.Sparsity`.

    The other attributes are those of :class:`convae.ConvAutoencoder`.

    >>> import numpy as np
    >>> images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    >>> model = SparseAutoencoder(latent_dim=32, epochs=1).fit(images)
    >>> codes = model.transform(images)
    >>> int((codes > 0).sum(axis=1).max())
    3
    """

    job = "reconstruct and encode sparsely"
    verb = "units"
    member = "sparse"

    def activity(self, X: Any, *, cells: int | None = None) -> np.ndarray:
        """Return the activation of each unit before the units compete: features for a classifier.

        Args:
            X: any source.
            cells: for a spatial code, return the maximum in each of cells x cells parts of the image. None
                returns every position.

        Returns:
            (n, latent_dim) float32, or (n, latent_dim * positions) for a spatial code; all values are 0 or
            more.

        Raises:
            InputError: the bottleneck is ``kl``, in which units do not compete, or ``cells`` is not a whole
                number of at least 1.
        """
        check_is_fitted(self, "network_")
        check(use=["activity"], bottleneck=[self.architecture_.bottleneck])
        if cells is not None and (type(cells) is not int or cells < 1):
            raise InputError(f"cells must be a whole number of at least 1; got {cells!r}")

        competitors = layer(self.network_, "bottleneck.squeeze")

        def of(batch: Tensor) -> Tensor:
            found = competitors(batch).relu()
            if found.ndim > 2 and cells is not None:
                found = F.adaptive_max_pool2d(found, cells)
            return found.flatten(1)

        parts = [rows.float().cpu() for _, rows in self.inference_.batches(self._pixels(X), of)]
        return torch.cat(parts).numpy()

    # -- fitting --------------------------------------------------------------------------------

    def _finished(self, ready: Ready, config: FitConfig[Any], stored: StoredModel) -> StoredModel:
        """Measure the sparsity of the codes on the images that the weights were chosen by."""
        stored = super()._finished(ready, config, stored)
        network = stored.network.eval()
        batches = ready.batches(ready.measured[:MOST_MEASURED])
        with torch.inference_mode():
            found = sparsity(
                (network.encode(batch).float().cpu().numpy() for batch in batches),
                on=on_above(network.architecture.bottleneck),
            )
        extras = {
            "code.rate": torch.from_numpy(found.rate).float(),
            "code.sparsity": torch.tensor([found.active, found.hoyer]),
        }
        facts = {**stored.facts, "code": found.summary()}
        return replace(stored, facts=facts, extras={**stored.extras, **extras})

    def _adopt(self, stored: StoredModel, device: str | None = None) -> Self:
        super()._adopt(stored, device)
        active, hoyer = stored.extras["code.sparsity"].tolist()
        a = self.architecture_
        positions = a.code_size // a.latent_dim
        self.sparsity_ = Sparsity(stored.extras["code.rate"].numpy(), active, hoyer, positions)
        return self
