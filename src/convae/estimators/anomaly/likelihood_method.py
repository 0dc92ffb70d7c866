"""The method of likelihood: a variational autoencoder of normal images scores how improbable an image is."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.errors import raise_faults, unknown_name
from convae.estimators.anomaly.defect_scorer import nearest_codes
from convae.estimators.anomaly.fusion import LEAST_SPREAD
from convae.estimators.anomaly.method import Defaults, Extras, Judged, Normals
from convae.estimators.autoencoders.likelihood_bounds import SMALLEST, bound, log_weights
from convae.estimators.fit_config import FitConfig
from convae.images.dataset.scaling import Scaling
from convae.losses import logistic_scale
from convae.metrics.difference_maps import Standards, colour_difference, smoothed
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.inference import batch_size
from convae.networks.presets import RESTORING, make_architecture
from convae.training.tasks.task import Reconstruction, Task

SAMPLES = 16  # codes sampled for the bound of an image
BLUR = 2.0  # pixels: of the map
FRACTION = 0.02  # of the map is shown for an image that is anomalous as a whole
PARTS = ("bound", "elbo")


class LikelihoodScorer:
    """Scores images by minus the bound on their log-likelihood, in nats per value of an image.

    Every image is scored with the same random numbers, so that its score does not depend on its neighbours.
    """

    fraction = FRACTION

    def __init__(
        self,
        network: Autoencoder,
        extras: Extras,
        *,
        loss: str,
        part: str,
    ) -> None:
        """Set up the scorer.

        Args:
            extras: ``likelihood.scale`` of the pixels; ``map.mean`` and ``map.deviation`` of the error in
                normal images; ``codes.spread`` and ``codes.kept``, to find the nearest image.
            part: ``bound`` (of 16 samples) or ``elbo``.
        """
        self.network, self.loss, self.part, self.extras = network, loss, part, extras
        self.standards = Standards(extras["map.mean"], extras["map.deviation"])
        self.facts: dict[str, Any] = {"score": part, "fraction": FRACTION, "samples": SAMPLES}

    @property
    def summary(self) -> str:
        """A sentence that describes the score."""
        name = "evidence lower bound" if self.part == "elbo" else "importance-weighted bound"
        return f"score: minus the {name} on the log likelihood, {SAMPLES} samples an image"

    def __call__(self, batch: Tensor) -> Judged:
        """Score images (B, C, H, W) in about [0, 1], each by itself."""
        scale = float(self.extras["likelihood.scale"])
        rows = []
        for image in torch.split(batch, 1):
            rng = torch.Generator().manual_seed(0)
            weights = log_weights(
                self.network, image, SAMPLES, loss=self.loss, scale=scale, generator=rng
            )
            rows.append(torch.stack(bound(weights)))
        tight, elbo = torch.cat(rows, dim=1)
        score = -(elbo if self.part == "elbo" else tight).float() / batch[0].numel()
        output = self.network(batch)
        error = smoothed(colour_difference(output.reconstruction, batch), BLUR)
        codes = output.code.flatten(1)
        _, nearest = nearest_codes(codes, self.extras["codes.spread"], self.extras["codes.kept"])
        return Judged(score, self.standards.apply(error), error, nearest)


class Likelihood:
    """Learns how likely normal images are."""

    learns_defects = False
    kept = 256  # enough to show the nearest
    further = 0.0

    def __init__(self, config: FitConfig[Any]) -> None:
        """Store the estimator's parameters.

        Raises:
            InputError: this method does not support them.
        """
        p = config.parameters
        self.config, self.loss = config, str(config.loss)
        self.part = "bound" if p.score_by == "auto" else p.score_by
        if self.part not in PARTS:
            raise unknown_name("score", self.part, PARTS)
        faults = [
            f"{name} goes with method 'defects'; leave it out with 'likelihood'"
            for name in ("tune", "flips")
            if getattr(p, name)
        ]
        raise_faults("method 'likelihood'", faults)

    def defaults(self, count: int, shape: tuple[int, int, int]) -> Defaults:
        """Return nothing: the defaults of all estimators apply."""
        return Defaults()

    def crops(self, count: int) -> int:
        """Return 1: each image is shown once."""
        return 1

    def candidates(self) -> list[dict[str, Any]]:
        """Return one candidate: there are no synthetic anomalies to choose by."""
        return [{}]

    def architecture(
        self, shape: tuple[int, int, int], scaling: Scaling | None, changes: dict[str, Any]
    ) -> Architecture:
        """Return the architecture of an autoencoder with one code for the whole image."""
        p = self.config.parameters
        preset = "residual" if p.preset in RESTORING else p.preset
        given = {"latent_dim": p.latent_dim, **self.config.architecture.changes()}
        given = {name: value for name, value in given.items() if value is not None}
        output = "sigmoid" if self.loss == "bce" else "linear"
        fixed = {
            "output": output,
            "bypass": "none",
            "refine": 0,
            **self.config.bottleneck.architecture,
        }
        return make_architecture(preset, shape, **{**given, **fixed, **changes})

    def task(self) -> tuple[Task, dict[str, Any]]:
        """Return the task of reconstruction; the bottleneck adds the cost of the code."""
        return Reconstruction(self.config.loss), {"method": "likelihood"}

    def fit_scorer(self, network: Autoencoder, normals: Normals) -> LikelihoodScorer:
        """Fit the width of the likelihood and the normal error on images that were not trained on."""
        network.eval()
        maps, losses, codes = [], [], []
        with torch.inference_mode():
            for batch in _batches(normals, normals.choosing):
                output = network(batch, _noise(network, batch, normals.seed))
                image = output.reconstruction.float()
                maps.append(smoothed(colour_difference(network(batch).reconstruction, batch), BLUR))
                losses.append((len(batch), self._width(image, batch)))
            for batch in _batches(normals, normals.kept):
                codes.append(network.encode(batch).flatten(1))
        known = torch.cat(codes)
        spread = known.std(dim=0, correction=0).clamp_min(LEAST_SPREAD)
        standards = Standards.of(one for found in maps for one in found.cpu())
        scale = sum(count * width for count, width in losses) / sum(n for n, _ in losses)
        extras = {
            "likelihood.scale": torch.tensor(max(scale, SMALLEST)),
            "map.mean": standards.mean,
            "map.deviation": standards.deviation,
            "codes.spread": spread.cpu(),
            "codes.kept": (known / spread).cpu(),
        }
        return LikelihoodScorer(network, extras, loss=self.loss, part=self.part)

    def load_scorer(
        self, network: Autoencoder, extras: Extras, facts: dict[str, Any]
    ) -> LikelihoodScorer:
        """Return the scorer of a model file."""
        return LikelihoodScorer(network, extras, loss=self.loss, part=facts["score"])

    def _width(self, image: Tensor, batch: Tensor) -> float:
        """Return the width of the likelihood.

        See :func:`convae.estimators.autoencoders.likelihood_bounds.log_density`.
        """
        loss = self.config.loss
        found = logistic_scale(image, batch) if loss.of_8_bits else loss(image, batch).mean()
        return float(found)


def _noise(network: Autoencoder, batch: Tensor, seed: int) -> Tensor:
    """Return the random numbers by which codes of these images are sampled."""
    numbers = network.architecture.sampled_values((batch.shape[-2], batch.shape[-1]))
    rng = torch.Generator().manual_seed(seed)
    return torch.randn((len(batch), numbers), generator=rng).to(batch.device)


def _batches(normals: Normals, positions: np.ndarray) -> Iterator[Tensor]:
    return normals.batches(positions, batch_size(int(np.prod(normals.ready.images.shape))))
