"""Codes that are entries of a codebook: indices, vectors, and how much of the codebook is used."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.fit import Ready
from convae.images.files.image import Pixels
from convae.metrics.codebook_use import CodebookUse
from convae.networks.autoencoder import Autoencoder
from convae.networks.bottleneck import SpatialBottleneck
from convae.networks.codebook import Codebook
from convae.storage.model_file import StoredModel

MOST_MEASURED = 2000  # images on which the use of the codebook is measured
COUNTS = "code.counts"  # the tensor in a model file


def codebook_of(network: Autoencoder) -> Codebook:
    """Return the codebook of a network with a ``vq`` bottleneck."""
    assert isinstance(network.bottleneck, SpatialBottleneck)
    assert network.bottleneck.codebook is not None
    return network.bottleneck.codebook


def iter_indices(model: ImageEstimator, images: Iterable[Pixels]) -> Iterator[Tensor]:
    """Yield the entries (h, w) int64 in the code of each image (H, W, C)."""

    def of(batch: Tensor) -> Tensor:
        indices = model.network_.posterior(batch).indices
        assert indices is not None
        return indices

    for _, indices in model.inference_.batches(images, of):
        yield from indices


def vectors_of(network: Autoencoder, indices: Any) -> np.ndarray:
    """Return the code (n, d, h, w) float32 of entries (n, h, w).

    Raises:
        InputError: these are no whole numbers of that shape, or the codebook has no such entries.
    """
    codebook, given = codebook_of(network), np.asarray(indices)
    entries = len(codebook.count)
    good = given.ndim == 3 and given.dtype.kind in "iu" and min(given.shape[1:]) > 0
    if not good or (given.size and not 0 <= given.min() <= given.max() < entries):
        got = f"{given.dtype} of shape {given.shape}"
        if good:
            got = f"numbers from {given.min()} to {given.max()}"
        raise InputError(
            f"indices must be whole numbers (n, h, w) from 0 to {entries - 1:,}, as the method indices "
            f"returns them; got {got}"
        )
    chosen = torch.from_numpy(given.astype(np.int64)).to(codebook.count.device)
    found: np.ndarray = codebook.vectors_of(chosen).detach().cpu().numpy()
    return found


def with_codebook_use(stored: StoredModel, ready: Ready) -> StoredModel:
    """Return the model with the use of its codebook, on the images that the weights were chosen by."""
    network, a = stored.network.eval(), ready.architecture
    counts = torch.zeros(a.entries, dtype=torch.int64)
    with torch.inference_mode():
        for batch in ready.batches(ready.measured[:MOST_MEASURED]):
            indices = network.posterior(batch).indices
            assert indices is not None
            counts += indices.cpu().flatten().bincount(minlength=a.entries)
    facts = {**stored.facts, "code": CodebookUse(counts.numpy(), a.positions).summary()}
    return replace(stored, facts=facts, extras={**stored.extras, COUNTS: counts})


def stored_use(stored: StoredModel) -> CodebookUse:
    """Return the use of the codebook that a model holds.

    Raises:
        ValueError: the counts are not those of its entries.
    """
    counts, a = stored.extras[COUNTS].numpy(), stored.network.architecture
    if counts.shape != (a.entries,) or counts.dtype != np.int64 or counts.min() < 0:
        raise ValueError("the use of the codebook is not that of its entries")
    return CodebookUse(counts, a.positions)
