"""How the score of a detector of defects is fitted, and chosen by synthetic defects in normal images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
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
SCORES = ("gradient+structure+colour+found", "gradient+structure+colour", "found")
# Each kind counts as much: what comes is not known.
KINDS = {
    "spot": Defects(share=1.0, most=1, shapes=("spot",), fillings=("tone",)),
    "patch": Defects(share=1.0, most=1, shapes=("patch",)),
    "field": Defects(share=1.0, most=1, shapes=("field",)),
    "line": Defects(share=1.0, most=1, shapes=("line",), fillings=("tone",)),
}
TRIED = 128  # images at most to choose by, for each kind
TOGETHER = 16  # images that lend each other pieces


class Fitted(NamedTuple):
    """How normal images look, the recipe, and plain values on how it was chosen."""

    usual: Usual
    recipe: Recipe
    facts: dict[str, Any]


def fit_usual(network: Autoencoder, normals: Normals, *, flips: bool) -> Usual:
    """How normal images look: codes of those that are kept, maps of those that were not trained on."""
    kept = torch.cat([look.codes for look in _looks(network, normals, normals.kept, flips)])
    spread = kept.std(dim=0, correction=0).clamp_min(LEAST_SPREAD)
    looks = _looks(network, normals, normals.choosing, flips)
    standards = Standards.of(maps for look in looks for maps in look.maps.cpu())
    return Usual(
        standards=standards,
        spread=spread.cpu(),
        codes=(kept / spread).cpu(),
        distance=torch.tensor([0.0, 1.0]),
    )


def choose(
    network: Autoencoder, normals: Normals, usual: Usual, recipes: Sequence[Recipe], *, flips: bool
) -> Fitted:
    """Find the recipe that tells normal images best from the same with synthetic defects.

    Args:
        recipes: to choose among; of equally good ones the first is taken.

    Returns:
        with ``auroc`` among the facts: of the one that was taken, the mean over the kinds of defect;
        ``auroc_by_kind``; and ``tried``: [recipe, fraction, auroc] of all.
    """
    positions = normals.choosing[:TRIED]

    def rated(batches: Iterable[Tensor]) -> np.ndarray:
        looks = (look for batch in batches for look in _in_parts(network, batch, flips))
        rows = [_rate(look, usual, recipes) for look in looks]
        return torch.cat(rows).numpy() if rows else np.zeros((0, len(recipes) + 1))

    normal = rated(normals.batches(positions, TOGETHER))
    terms = [_distance_term(normal, i) for i in range(len(recipes))]
    kinds: dict[str, list[float]] = {}
    for i, (kind, defects) in enumerate(KINDS.items()):
        chance = torch.Generator().manual_seed(normals.seed + i)
        damaged = rated(_damaged(normals, positions, defects, chance))
        if len(damaged):
            kinds[kind] = [
                _auroc(_scores(normal, recipes, k, terms), _scores(damaged, recipes, k, terms))
                for k in range(len(recipes))
            ]
    means = np.mean(list(kinds.values()), axis=0) if kinds else np.full(len(recipes), 0.5)
    best = int(np.argmax(means))
    facts = {
        "auroc": float(means[best]),
        "auroc_by_kind": {kind: row[best] for kind, row in kinds.items()},
        "tried": [[str(r), r.fraction, float(v)] for r, v in zip(recipes, means, strict=True)],
    }
    distance = torch.tensor(terms[best], dtype=torch.float32)
    return Fitted(replace(usual, distance=distance), recipes[best], facts)


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


def _rate(look: Look, usual: Usual, recipes: Sequence[Recipe]) -> Tensor:
    """(B, recipes + 1) the pooled map of every recipe, and the distance of the code."""
    maps = usual.standards.apply(look.maps)
    pooled = [top_mean(joined(maps, recipe), recipe.fraction) for recipe in recipes]
    return torch.stack([*pooled, nearest_codes(look.codes, usual)[0]], dim=1).cpu()


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
