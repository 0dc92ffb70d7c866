"""How the score of a detector of defects is fitted, and chosen by synthetic defects in normal images."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from convae.corruption.defects import Defects
from convae.estimators.defect_scorer import (
    CODE,
    LEAST_SPREAD,
    Look,
    Recipe,
    Usual,
    joined,
    look_at,
    nearest_codes,
)
from convae.estimators.detection import Normals
from convae.inference import batch_size
from convae.networks.autoencoder import Autoencoder
from convae.ranking import auroc
from convae.similarity_maps import Standards, top_mean

FRACTIONS = (0.001, 0.004, 0.016, 0.064)
SMOOTHINGS = (1 / 16, 0.0)
SCORES = (
    "gradient", "gradient+structure", "gradient+structure+colour", "gradient+structure+colour+found",
    "gradient+found", "found",
)  # fmt: skip
# Each kind counts as much: what comes is not known.
KINDS = {
    "spot": Defects(share=1.0, most=1, shapes=("spot",), fillings=("tone",)),
    "patch": Defects(share=1.0, most=1, shapes=("patch",)),
    "field": Defects(share=1.0, most=1, shapes=("field",)),
    "line": Defects(share=1.0, most=1, shapes=("line",), fillings=("tone",)),
}
TRIED = 128  # images at most to choose by
DAMAGED = 24  # times at least that each kind of defect is made in them
TOGETHER = 16  # images that lend each other pieces


class Fitted(NamedTuple):
    """How normal images look, the recipe, and plain values on how it was chosen."""

    usual: Usual
    recipe: Recipe
    facts: dict[str, Any]


def fit_score(
    network: Autoencoder, normals: Normals, recipes: Sequence[Recipe], *, flips: bool
) -> Fitted:
    """Find the recipe that tells normal images best from the same with synthetic defects, and fit it.

    Half of the images that were not trained on say what is usual, the other half is judged by it, and
    the other way round: an image that helped to say what is usual would look too usual.

    Args:
        recipes: to choose among; of equally good ones the first is taken.

    Returns:
        with ``auroc`` among the facts: of the one that was taken, the mean over the kinds of defect;
        ``auroc_by_kind``; and ``tried``: [recipe, fraction, smoothing, auroc] of all.
    """
    codes = torch.cat([look.codes for look in _looks(network, normals, normals.kept, flips)])
    spread = codes.std(dim=0, correction=0).clamp_min(LEAST_SPREAD)
    judge = _Judge(network, normals, recipes, spread.cpu(), (codes / spread).cpu(), flips)
    normal, damaged = judge.halves()
    terms = [_distance_term(normal, i) for i in range(len(recipes))]
    kinds = {
        kind: [
            _auroc(_scores(normal, recipes, k, terms), _scores(rated, recipes, k, terms))
            for k in range(len(recipes))
        ]
        for kind, rated in damaged.items()
        if len(rated)
    }
    means = np.mean(list(kinds.values()), axis=0) if kinds else np.full(len(recipes), 0.5)
    best = int(np.argmax(means))
    facts = {
        "auroc": float(means[best]),
        "auroc_by_kind": {kind: row[best] for kind, row in kinds.items()},
        "tried": [
            [str(r), r.fraction, r.smoothing, float(v)] for r, v in zip(recipes, means, strict=True)
        ],
    }
    standards = judge.standards(normals.choosing, recipes[best].smoothing)
    distance = torch.tensor(terms[best], dtype=torch.float32)
    usual = Usual(standards=standards, spread=judge.spread, codes=judge.codes, distance=distance)
    return Fitted(usual, recipes[best], facts)


@dataclass
class _Judge:
    """Judges images by all recipes at once."""

    network: Autoencoder
    normals: Normals
    recipes: Sequence[Recipe]
    spread: Tensor
    codes: Tensor
    flips: bool

    def standards(self, positions: np.ndarray, smoothing: float) -> Standards:
        """What is usual by these images."""
        looks = _looks(self.network, self.normals, positions, self.flips)
        sigma = smoothing * min(self.normals.ready.images.shape[1:])
        return Standards.of((maps for look in looks for maps in look.maps.cpu()), sigma=sigma)

    def halves(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """(images, recipes + 1) of normal images, and of the same with each kind of defect."""
        some = self.normals.choosing[:TRIED]
        chances = {
            kind: torch.Generator().manual_seed(self.normals.seed + i)
            for i, kind in enumerate(KINDS)
        }
        often = math.ceil(DAMAGED / len(some))
        normal: list[np.ndarray] = []
        damaged: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
        for judged, others in ((some[::2], some[1::2]), (some[1::2], some[::2])):
            smoothings = sorted({recipe.smoothing for recipe in self.recipes})
            usual = {smoothing: self.standards(others, smoothing) for smoothing in smoothings}
            normal.append(self._rated(self.normals.batches(judged, TOGETHER), usual))
            for kind, defects in KINDS.items():
                images = _damaged(self.normals, np.tile(judged, often), defects, chances[kind])
                damaged[kind].append(self._rated(images, usual))
        return np.concatenate(normal), {k: np.concatenate(rows) for k, rows in damaged.items()}

    def _rated(self, batches: Iterable[Tensor], usual: dict[float, Standards]) -> np.ndarray:
        """(images, recipes + 1) the pooled map of every recipe, and the distance of the code."""
        rows = [
            self._rate(look, usual)
            for batch in batches
            for look in _in_parts(self.network, batch, self.flips)
        ]
        return torch.cat(rows).numpy() if rows else np.zeros((0, len(self.recipes) + 1))

    def _rate(self, look: Look, usual: dict[float, Standards]) -> Tensor:
        maps = {smoothing: one.apply(look.maps) for smoothing, one in usual.items()}
        pooled = [top_mean(joined(maps[r.smoothing], r), r.fraction) for r in self.recipes]
        distances, _ = nearest_codes(look.codes, self.spread, self.codes)
        return torch.stack([*pooled, distances], dim=1).cpu()


def _looks(
    network: Autoencoder, normals: Normals, positions: np.ndarray, flips: bool
) -> Iterator[Look]:
    for batch in normals.batches(positions, TOGETHER):
        yield from _in_parts(network, batch, flips)


def _in_parts(network: Autoencoder, batch: Tensor, flips: bool) -> Iterator[Look]:
    """Looks at as many images of a batch at a time as memory is planned for."""
    network.eval()
    size = batch_size(batch[0].numel())
    for start in range(0, len(batch), size):
        with torch.inference_mode():
            yield look_at(network, batch[start : start + size], flips=flips)


def _damaged(
    normals: Normals, positions: np.ndarray, defects: Defects, chance: torch.Generator
) -> Iterator[Tensor]:
    """The images with a defect each; those where it lies outside are left out."""
    for batch in normals.batches(positions, TOGETHER):
        damaged, mask = defects.apply(batch, chance)
        seen = mask.flatten(1).any(dim=1)
        if bool(seen.any()):
            yield damaged[seen]


def _distance_term(normal: np.ndarray, recipe: int) -> tuple[float, float]:
    """What to subtract from a distance, and to multiply it by, to give it the spread of a recipe's map."""
    distances, spread = normal[:, -1], normal[:, recipe].std()
    return float(distances.mean()), float(spread / max(distances.std(), LEAST_SPREAD))


def _scores(
    rated: np.ndarray, recipes: Sequence[Recipe], recipe: int, terms: list[tuple[float, float]]
) -> np.ndarray:
    mean, factor = terms[recipe]
    scores: np.ndarray = rated[:, recipe]
    return scores + factor * (rated[:, -1] - mean) if CODE in recipes[recipe].parts else scores


def _auroc(normal: np.ndarray, damaged: np.ndarray) -> float:
    labels = np.repeat([False, True], [len(normal), len(damaged)])
    return auroc(np.concatenate([normal, damaged]), labels)
