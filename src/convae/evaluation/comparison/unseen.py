"""Which images of a source none of several models was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from convae.errors import ImageError, InputError
from convae.estimators.base import ImageEstimator
from convae.evaluation.reconstruction import was_trained_on
from convae.images.dataset.pairs import PairSource
from convae.images.dataset.preparation import image_hash, to_depth
from convae.images.sources.base import ImageSource, Skipped


@dataclass(kw_only=True)
class Unseen:
    """The images to compare models on.

    Attributes:
        positions: (n,) of the images that are measured.
        seen: how many were left out because at least one model was trained on them.
        included: how many of those measured a model was trained on (only if that was asked for).
        skipped: images that a model cannot use, with reasons.
    """

    positions: np.ndarray
    seen: int = 0
    included: int = 0
    skipped: list[Skipped] = field(default_factory=list)


def unseen_images(
    models: Sequence[ImageEstimator],
    source: ImageSource,
    *,
    most: int,
    include_seen: bool = False,
    seed: int = 0,
) -> Unseen:
    """Return the images that every model can use and none was trained on.

    Args:
        models: the fitted models.
        source: the images.
        most: of more images, a random choice is taken.
        include_seen: whether to keep images that a model was trained on.
        seed: of the choice.

    Raises:
        InputError: no image is left.
    """
    seen, good = np.zeros(len(source), bool), np.ones(len(source), bool)
    skipped: dict[str, Skipped] = {one.name: one for one in source.skipped}
    for model in models:
        trained, usable = _looked_at(model, source, skipped)
        seen |= trained
        good &= usable
    kept = good if include_seen else good & ~seen
    positions = np.flatnonzero(kept)
    _refuse_none(positions, source, seen & good, list(skipped.values()))
    if len(positions) > most:
        positions = np.sort(np.random.default_rng(seed).permutation(positions)[:most])
    return Unseen(
        positions=positions,
        seen=0 if include_seen else int((seen & good).sum()),
        included=int(seen[positions].sum()),
        skipped=list(skipped.values()),
    )


def _looked_at(
    model: ImageEstimator, source: ImageSource, skipped: dict[str, Skipped]
) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) whether a model was trained on each image, and whether it can use it."""
    seen, usable = np.zeros(len(source), bool), np.zeros(len(source), bool)
    if isinstance(source, PairSource):
        for i in range(len(source)):
            try:
                pixels = to_depth(source.read(i), model.plan_.depth)
            except ImageError as error:
                skipped[error.name] = Skipped(error.name, error.reason)
                continue
            usable[i] = True
            seen[i] = bool(np.isin(np.uint64(image_hash(pixels)), model.seen_))
        return seen, usable
    for item in model.prepared(source):
        if isinstance(item, ImageError):
            skipped[item.name] = Skipped(item.name, item.reason)
            continue
        usable[item[0]], seen[item[0]] = True, was_trained_on(model, *item[1:])
    return seen, usable


def _refuse_none(
    positions: np.ndarray, source: ImageSource, seen: np.ndarray, skipped: list[Skipped]
) -> None:
    if len(positions):
        return
    if seen.any():
        raise InputError(
            f"{source.description}: each of its {int(seen.sum()):,} images was used to train at least one of "
            "the models: give images that were held out or come from elsewhere, or ask for all images"
        )
    reasons = "; ".join(f"{s.name}: {s.reason}" for s in skipped[:3]) or "it is empty"
    raise InputError(f"{source.description}: there is no image that all models can use: {reasons}")
