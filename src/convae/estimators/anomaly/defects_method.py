"""The method of synthetic defects: a network repairs them and predicts where they were."""

import math
from typing import Any

from convae.corruption.defects import Defects
from convae.estimators.anomaly.defect_score_fit import fit_score
from convae.estimators.anomaly.defect_scorer import (
    DISCRIMINANT,
    DefectScorer,
    NormalStatistics,
    Recipe,
    Viewer,
)
from convae.estimators.anomaly.method import Defaults, Extras, Normals
from convae.estimators.fit import bottleneck_changes
from convae.estimators.fit_config import FitConfig
from convae.images.dataset.scaling import Scaling
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.presets import make_architecture
from convae.training.tasks.repairing_defects import RepairDefects
from convae.training.tasks.task import Task

CROP = 128  # pixels a side of the crops to train on
WHOLE = 1.5  # images up to this many crops a side are trained on whole
WIDTHS, BLOCKS = (16, 32, 64), 1  # of the preset's stages: three times as fast as its own
SHARE, MOST = 0.6, 2  # fraction of training images with defects, and most defects in an image
STEPS = 1500
BATCH, LEAST_BATCH, LARGEST_BATCH = 12, 6, 64  # of crops; of whole images
RARE = -3.0  # logit of a defect at a pixel, before anything is learnt: about one in twenty
EPOCH = 400  # fewest images, or parts of images, in an epoch


class MendDefects:
    """Learns to remove synthetic defects from normal images, and to predict where they were."""

    learns_defects = True
    kept = 256  # enough to show the nearest
    further = RARE

    def __init__(self, config: FitConfig[Any]) -> None:
        """Store the estimator's parameters.

        Raises:
            InputError: this method does not support them.
        """
        self.config, self.flips = config, config.parameters.flips
        self.crop: int | None = None
        self.recipe = Recipe.parse(config.parameters.score_by)

    def defaults(self, count: int, shape: tuple[int, int, int]) -> Defaults:
        """Return the defaults of the training: about :data:`STEPS` steps.

        Each step has as many pixels as :data:`BATCH` crops.
        """
        _, height, width = shape
        area = height * width if _is_whole(height, width) else min(height, CROP) * min(width, CROP)
        batch = max(LEAST_BATCH, min(LARGEST_BATCH, BATCH * CROP**2 // area))
        steps = math.ceil(count * self.crops(count) / (self.config.training.batch_size or batch))
        return Defaults(epochs=math.ceil(STEPS / steps), batch_size=batch)

    def crops(self, count: int) -> int:
        """Return how often each of ``count`` training images is shown in an epoch."""
        return math.ceil(EPOCH / count)

    def candidates(self) -> list[dict[str, Any]]:
        """Return the candidates: with skips, and without skips with codes of two sizes."""
        return [{}, {"skips": False}, {"skips": False, "latent_dim": 16}]

    def architecture(
        self, shape: tuple[int, int, int], scaling: Scaling | None, changes: dict[str, Any]
    ) -> Architecture:
        """Return a network without bypass that has one more output channel than input channels."""
        channels, height, width = shape
        self.crop = None if _is_whole(height, width) else CROP
        p, a = self.config.parameters, self.config.architecture
        stages = len(make_architecture(p.preset, shape).widths)
        widths = WIDTHS[:stages] if a.widths is None else tuple(a.widths)
        given = {
            **a.changes(),
            **bottleneck_changes(self.config),
            "widths": widths,
            "blocks": BLOCKS if a.blocks is None else a.blocks,
            "latent_dim": widths[-1] if p.latent_dim is None and widths else p.latent_dim,
        }
        fixed = {
            "inputs": channels,
            "base": 0,
            "output": "linear",
            "bypass": "none",
            "code": "spatial",
        }
        return make_architecture(
            p.preset,
            (channels + 1, height, width),
            **{**given, **fixed, **changes},
        )

    def task(self) -> tuple[Task, dict[str, Any]]:
        """Return the task of repairing defects.

        Defects are local, so mirrored images are equally good examples.
        """
        task = RepairDefects(
            self.config.loss, Defects(share=SHARE, most=MOST), flips=True, crop=self.crop
        )
        return task, {"method": "defects", "crop": self.crop}

    def fit_scorer(self, network: Autoencoder, normals: Normals) -> DefectScorer:
        """Fit the statistics of the cues on normal images."""
        viewer = self._viewer(network)
        fitted = fit_score(viewer, normals)
        return DefectScorer(viewer, fitted.statistics, fitted.facts, fitted.known)

    def load_scorer(
        self, network: Autoencoder, extras: Extras, facts: dict[str, Any]
    ) -> DefectScorer:
        """Return the scorer of a model file.

        Raises:
            ValueError: the file is damaged.
        """
        viewer = self._viewer(network)
        normal = NormalStatistics.from_extras(extras, viewer)
        if facts.get("joined") == DISCRIMINANT and normal.fusion.discriminant is None:
            raise ValueError("fusion.discriminant is missing")
        return DefectScorer(viewer, normal, facts)

    def _viewer(self, network: Autoencoder) -> Viewer:
        _, height, width = network.architecture.image_shape
        return Viewer(network, self.recipe, flips=self.flips, size=(height, width))


def _is_whole(height: int, width: int) -> bool:
    """Return whether images of this size are trained on whole."""
    return max(height, width) <= WHOLE * CROP
