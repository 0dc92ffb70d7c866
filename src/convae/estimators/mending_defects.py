"""The method of synthetic defects: a network mends them and says where they were."""

from typing import Any

from convae.corruption.defects import Defects
from convae.estimators.choosing import FRACTIONS, SCORES, SMOOTHINGS, fit_score
from convae.estimators.defect_scorer import DefectScorer, Recipe, Usual
from convae.estimators.detection import Extras, Normals
from convae.estimators.fitting import bottleneck_changes
from convae.estimators.parameters import Parameters
from convae.images.scaling import Scaling
from convae.losses import parse_loss
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.presets import make_architecture
from convae.training.mending import Mending
from convae.training.task import Task

USUAL_FRACTION = 0.004
CROP = 128  # pixels a side of what is trained on
WHOLE = 1.5  # images up to so many crops a side are trained on whole
NARROWER = (16, 4)  # codes to try when tuning, by what the first guess is divided
_CHANGES = (
    "latent_dim", "widths", "blocks", "kernel_size", "down", "up", "padding_mode", "norm", "activation",
)  # fmt: skip


class MendDefects:
    """Learn to take synthetic defects out of normal images, and where they were."""

    kept = 256  # enough to show the nearest

    def __init__(self, p: Parameters) -> None:
        """Take the estimator's parameters; refuse those that do not go with this method."""
        self.p, self.flips = p, bool(p["flips"])
        self.loss = parse_loss(p["loss"])
        self.crop: int | None = None
        self.recipe = (
            None if p["score_by"] == "auto" else Recipe.parse(p["score_by"], USUAL_FRACTION)
        )

    def usual(self, count: int, shape: tuple[int, int, int]) -> dict[str, Any]:
        """Those of all estimators."""
        return {}

    def candidates(self) -> list[dict[str, Any]]:
        """With skips, and without them through codes of two sizes."""
        return [{}, {"skips": False}, {"skips": False, "latent_dim": 16}]

    def architecture(
        self, shape: tuple[int, int, int], scaling: Scaling | None, changes: dict[str, Any]
    ) -> Architecture:
        """One channel more comes out than goes in; nothing passes by unseen."""
        channels, height, width = shape
        self.crop = CROP if max(height, width) > WHOLE * CROP else None
        given = {name: self.p[name] for name in _CHANGES} | bottleneck_changes(self.p)
        fixed = {
            "inputs": channels,
            "base": 0,
            "output": "linear",
            "bypass": "none",
            "code": "spatial",
        }
        return make_architecture(
            self.p["preset"],
            (channels + 1, height, width),
            **{**given, **fixed, **changes},
        )

    def task(self) -> tuple[Task, dict[str, Any]]:
        """To mend."""
        task = Mending(self.loss, Defects(), flips=self.flips, crop=self.crop)
        return task, {"method": "defects", "flips": self.flips, "crop": self.crop}

    def fit_scorer(self, network: Autoencoder, normals: Normals) -> DefectScorer:
        """Standardise by normal images, and choose the score by synthetic defects in them."""
        texts = SCORES if self.recipe is None else (str(self.recipe),)
        recipes = [
            Recipe(parts=Recipe.parse(text, part).parts, fraction=part, smoothing=smoothing)
            for smoothing in SMOOTHINGS
            for text in texts
            for part in FRACTIONS
        ]
        fitted = fit_score(network, normals, recipes, flips=self.flips)
        return DefectScorer(
            network, fitted.usual, fitted.recipe, flips=self.flips, facts=fitted.facts
        )

    def load_scorer(
        self, network: Autoencoder, extras: Extras, facts: dict[str, Any]
    ) -> DefectScorer:
        """The scorer of a model file."""
        recipe = Recipe.parse(facts["score"], facts["fraction"])
        usual = Usual.from_extras(extras)
        return DefectScorer(network, usual, recipe, flips=self.flips, facts=facts)
