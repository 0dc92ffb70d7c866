"""The method of removed attributes: for small objects of one kind, digits or clothes."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.config.training import default_batch_size
from convae.corruption.attributes import POSES, Attributes
from convae.errors import raise_faults
from convae.estimators.anomaly.attribute_scorer import (
    LEAST,
    AttributeScorer,
    Known,
    Line,
    Look,
    Looker,
    codes_of,
    parse_parts,
    small,
)
from convae.estimators.anomaly.method import Defaults, Extras, Normals
from convae.estimators.fit import bottleneck_changes
from convae.estimators.fit_config import FitConfig
from convae.images.dataset.scaling import Scaling
from convae.metrics.difference_maps import Standards
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.inference import batch_size
from convae.networks.presets import RESTORING, make_architecture
from convae.training.tasks.restoring_attributes import RestoringAttributes
from convae.training.tasks.task import Task

STEPS = 160  # of training, approximately, if epochs is None
FEWEST, MOST = 3, 40  # epochs in that case
BATCH = (16, 128)  # fewest and most images in a step
SIDE = 4  # positions of the smallest map
PRIOR_IMAGES = 8  # weight of the prior (no trend) in the fit of a line, in images
LEAST_CODE = 2 * POSES  # latent dimension: the pose logits, and as many again
# Smallest variance of a direction of codes, as a fraction of the mean: smaller ones are mostly random.
LEAST_VARIANCE = 0.1
NARROW, WIDE = 16, 64  # channels of the first stage and, at most, of the others


class RestoreAttributes:
    """Learns to restore images that were rotated, converted to grey and partly erased."""

    learns_defects = False
    kept = 8192  # the nearest of many images is more informative than the nearest of few
    further = 0.0

    def __init__(self, config: FitConfig[Any]) -> None:
        """Store the estimator's parameters.

        Raises:
            InputError: this method does not support them.
        """
        p = config.parameters
        self.config, self.parts = config, parse_parts(p.score_by)
        faults = [
            f"{name} goes with method 'defects'; leave it out with 'attributes'"
            for name in ("tune", "flips")
            if getattr(p, name)
        ]
        if p.latent_dim is not None and p.latent_dim < LEAST_CODE:
            faults.append(f"latent_dim must be at least {LEAST_CODE}; got {p.latent_dim!r}")
        raise_faults("method 'attributes'", faults)

    def defaults(self, count: int, shape: tuple[int, int, int]) -> Defaults:
        """Return the defaults of the training: few steps suffice, for a hundred images as for thousands."""
        size = min(BATCH[1], max(BATCH[0], default_batch_size(count, math.prod(shape))))
        batch = self.config.training.batch_size or size
        epochs = min(MOST, max(FEWEST, round(STEPS / math.ceil(count / batch))))
        return Defaults(epochs=epochs, batch_size=batch)

    def crops(self, count: int) -> int:
        """Return 1: each image is shown once."""
        return 1

    def candidates(self) -> list[dict[str, Any]]:
        """Return one candidate: there are no synthetic anomalies to choose by."""
        return [{}]

    def architecture(
        self, shape: tuple[int, int, int], scaling: Scaling | None, changes: dict[str, Any]
    ) -> Architecture:
        """Return a network with one code for the whole image and, by default, few residual blocks."""
        chosen: dict[str, Any] = {}
        p = self.config.parameters
        preset = "residual" if p.preset in RESTORING else p.preset
        if preset == "residual":
            stages = max(1, math.ceil(math.log2(max(shape[1:]) / SIDE)))
            widths = tuple(min(WIDE, NARROW * 2**stage) for stage in range(stages))
            chosen = {"widths": widths, "blocks": 1, "activation": "relu"}
        chosen |= {"latent_dim": 64, "code": "dense", "hidden": 0, "bypass": "none", "refine": 0}
        given = {"latent_dim": p.latent_dim, **self.config.architecture.changes()}
        given = {name: value for name, value in given.items() if value is not None}
        return make_architecture(
            preset,
            shape,
            **{**chosen, **given, **bottleneck_changes(self.config), "output": "linear", **changes},
        )

    def task(self) -> tuple[Task, dict[str, Any]]:
        """Return the task of restoring attributes."""
        return RestoringAttributes(self.config.loss, Attributes()), {"method": "attributes"}

    def fit_scorer(self, network: Autoencoder, normals: Normals) -> AttributeScorer:
        """Fit the scorer to normal images.

        It stores the codes and small versions of the kept images; the line is fitted on images that were not
        trained on.
        """
        network.eval()
        known = know(network, normals)
        looker = Looker(network, known)
        with torch.inference_mode():
            looks = [looker(batch) for batch in _batches(normals, normals.choosing)]
        standards = Standards.of(one for look in looks for one in look.map.cpu())
        return AttributeScorer(network, known, fit_line(looks), standards, self.parts)

    def load_scorer(
        self, network: Autoencoder, extras: Extras, facts: dict[str, Any]
    ) -> AttributeScorer:
        """Return the scorer of a model file."""
        return AttributeScorer.load(network, extras, facts)


def know(network: Autoencoder, normals: Normals) -> Known:
    """Return what is known of the kept normal images: mean and covariance of codes, and small versions."""
    codes, images = [], []
    with torch.inference_mode():
        for batch in _batches(normals, normals.kept):
            codes.append(codes_of(network, batch).flatten(1))
            images.append(small(batch))
    found = torch.cat(codes).double()
    mean = found.mean(dim=0)
    covariance = (found - mean).T @ (found - mean) / len(found)
    variances, directions = torch.linalg.eigh(covariance)
    least = LEAST_VARIANCE * variances.mean() + LEAST**2
    whitening = directions / (variances.clamp_min(0) + least).sqrt()
    return Known(mean=mean.float(), whitening=whitening.float(), small=torch.cat(images))


def fit_line(looks: list[Look]) -> Line:
    """Fit the line of each part as a function of edges, shrunk towards zero slope where images are few."""
    parts = torch.cat([look.parts for look in looks]).double()
    edges = torch.cat([look.edges for look in looks]).double()
    middle, level = edges.mean(), parts.mean(dim=0)
    offset = edges - middle
    squares = offset.square().sum() * (1 + PRIOR_IMAGES / len(edges)) + LEAST**2
    slope = (offset[:, None] * (parts - level)).sum(dim=0) / squares
    residual = parts - level - slope * offset[:, None]
    spread = residual.square().mean(dim=0).sqrt().clamp_min(LEAST)
    return Line(
        middle=middle.float(),
        most=edges.max().float(),
        level=level.float(),
        slope=slope.float(),
        spread=spread.float(),
    )


def _batches(normals: Normals, positions: np.ndarray) -> Iterator[Tensor]:
    size = batch_size(int(np.prod(normals.ready.images.shape)))
    return normals.batches(positions, size)
