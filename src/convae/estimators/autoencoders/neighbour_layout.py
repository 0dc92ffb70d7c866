"""Target positions for the codes of images, such that codes keep neighbours together."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from convae.embedding.nearest_neighbours import nearest
from convae.embedding.pca import fit_pca
from convae.embedding.umap_layout import lay_out
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.fit import Ready
from convae.losses import Loss
from convae.networks.autoencoder import Autoencoder
from convae.training.splits_and_batches import epoch_batches
from convae.training.tasks.keep_neighbours import KeepNeighbours

SIDE = 64  # pixels: larger images are compared at this size
# Principal components of the images: they give the neighbours by pixels, without the noise of the pixels.
COMPONENTS = 50
MOST_LAID_OUT = 60_000  # images: the cost of finding neighbours is quadratic
BATCH = 1024


Vectors = Callable[[Ready, list[np.ndarray]], Iterator[Tensor]]


class Places(NamedTuple):
    """The result of :func:`places_for`.

    Attributes:
        places: (n, k) float32, in units of the code.
        unit: the distance between codes that corresponds to a distance of 1 in the layout.
    """

    places: Tensor
    unit: float


def neighbour_task(
    ready: Ready, network: Autoencoder, loss: Loss, weight: float, by: Vectors | None = None
) -> KeepNeighbours:
    """Return the task of reconstruction with codes that keep neighbours together.

    Args:
        by: the vectors that decide which images are neighbours, see :func:`codes_by`; None compares the
            images themselves.

    Raises:
        InputError: there are fewer than three training images.
    """
    if len(ready.training) < 3:
        raise InputError(
            f"neighbourhood needs at least 3 images to train on; there are {len(ready.training)}: leave "
            "it out"
        )
    spread = float(network.scale.float().mean())
    found = places_for(ready, ready.architecture.latent_dim, spread, by)
    return KeepNeighbours(loss, found.places, unit=found.unit, weight=weight)


def places_for(ready: Ready, dimensions: int, spread: float, by: Vectors | None = None) -> Places:
    """Lay out the training images; all other images lie where the nearest training image lies.

    Args:
        dimensions: latent dimension.
        spread: of the codes; the layout is scaled to it.
        by: as for :func:`neighbour_task`.
    """
    count = len(ready.images)
    points = _principal_components(by or _vectors, ready, dimensions)
    rng = np.random.default_rng(ready.seed)
    placed = np.sort(rng.permutation(ready.training)[:MOST_LAID_OUT])
    layout = lay_out(points[placed], dimensions, seed=ready.seed)
    unit = spread / max(float(layout.std()), 1e-12)
    places = np.empty((count, dimensions), np.float32)
    places[placed] = layout * unit
    others = np.setdiff1d(np.arange(count), placed)
    if len(others):
        found = nearest(points[others], points[placed], 1)
        places[others] = places[placed[found.indices[:, 0]]]
    return Places(torch.from_numpy(places), unit)


def _principal_components(vectors: Vectors, ready: Ready, dimensions: int) -> np.ndarray:
    """Project all images of the set, (n, at most ``COMPONENTS``) float32; fitted on the training images."""
    training = epoch_batches(ready.training, BATCH, ready.seed, 0)
    most = max(COMPONENTS, dimensions)
    pca = fit_pca(vectors(ready, training), min(most, len(ready.training)))
    count = len(ready.images)
    order = [np.arange(i, min(i + BATCH, count)) for i in range(0, count, BATCH)]
    codes = [pca.encode(rows) for rows in vectors(ready, order)]
    points: np.ndarray = torch.cat(codes).float().numpy()
    return points


def codes_by(model: ImageEstimator, name: str, ready: Ready) -> Vectors:
    """Return the codes (B, D) that another model gives to batches of the images of this set.

    Args:
        name: name of the model in error messages.

    Raises:
        InputError: the model is not an autoencoder, or takes other images.
    """
    if not hasattr(model, "inverse_transform"):
        raise InputError(
            f"neighbours {name}: was fitted to {model.job}; give the file of an autoencoder"
        )
    theirs, ours = model.architecture_.image_shape, ready.images.shape
    if theirs != ours or model.plan_.depth != ready.images.depth:
        raise InputError(
            f"neighbours {name}: takes images of {theirs}, {model.plan_.depth}; these are {ours}, "
            f"{ready.images.depth}"
        )

    @torch.inference_mode()
    def codes(ready: Ready, order: list[np.ndarray]) -> Iterator[Tensor]:
        for batch in ready.images.batches(order):
            yield model.network_.encode(model._unit(batch)).flatten(1).float().cpu()

    return codes


def _vectors(ready: Ready, order: list[np.ndarray]) -> Iterator[Tensor]:
    """Yield vectors (B, D) on the CPU: images in about [0, 1], at most ``SIDE`` pixels a side."""
    height, width = (min(side, SIDE) for side in ready.images.shape[1:])
    for batch in ready.images.batches(order):
        images = ready.unit(batch)
        if images.shape[2:] != (height, width):
            images = F.adaptive_avg_pool2d(images, (height, width))
        yield images.flatten(1).cpu()
