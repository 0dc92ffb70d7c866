"""The images that a report shows, read again from their source and reconstructed."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.errors import ImageError, InputError
from convae.estimators.base import ImageEstimator
from convae.evaluation.reconstruction import middle, nothing_measured, samples
from convae.evaluation.results.reconstruction import ReconstructionEvaluation
from convae.images.dataset.survey import grouped_reasons
from convae.images.files.image import Pixels
from convae.images.sources.base import ImageSource, Skipped
from convae.images.sources.masks import Masks
from convae.metrics.image_quality import mse
from convae.report.page.contents import Panel
from convae.report.pictures.comparison import Comparison, best_and_worst
from convae.report.pictures.pictures import band_note, shown_range
from convae.report.text import number

EXAMPLES, EXTREMES = 16, 8
SHOWN_VALUES = 2**19  # most values of an image in a report; larger ones are averaged down
SHOWN_SIDE = 1024  # pixels a side of an image that a model is shown on; of larger ones the middle
THUMBNAIL_SIDE = 32

Pair = tuple[np.ndarray, np.ndarray]


def galleries(
    model: ImageEstimator, evaluation: ReconstructionEvaluation, source: ImageSource, seed: int
) -> dict[str, Comparison | None]:
    """Return ``examples`` (a random selection), ``best`` and ``worst``, each next to its reconstruction."""
    best, worst = best_and_worst(evaluation.errors, EXTREMES)
    count = evaluation.images
    picked = np.random.default_rng(seed).permutation(count)[:EXAMPLES].tolist()
    if count <= EXAMPLES:  # all are shown; the best and the worst would only repeat them
        best, worst = [], []
    wanted = {"examples": picked, "best": best, "worst": worst}
    every = sorted({place for places in wanted.values() for place in places})
    pairs = dict(zip(every, _pairs(model, source, evaluation.index[every]), strict=True))
    return {name: _comparison(places, pairs, evaluation, source) for name, places in wanted.items()}


def thumbnails(
    model: ImageEstimator,
    source: ImageSource,
    positions: np.ndarray,
    *,
    side: int = THUMBNAIL_SIDE,
    shape: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Return (m, C, h, w) small pictures in about [0, 1] of the images at these positions.

    Args:
        model: prepares the images.
        source: images.
        positions: (m,) in the source.
        side: the longer side of larger images is reduced to it.
        shape: (C, h, w) of the result; None takes the most common one.

    Raises:
        ImageError: an image cannot be used.
    """
    small = []
    for item in model.prepared(source.select(positions)):
        if isinstance(item, ImageError):
            raise item
        height, width = item[2].shape[:2]
        scale = min(1.0, side / max(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        small.append(_averaged(_unit(model, item[2]), size))
    shape = shape or Counter(image.shape for image in small).most_common(1)[0][0]
    resized = [
        im if im.shape == shape else _averaged(torch.from_numpy(im), shape[1:]) for im in small
    ]
    return np.stack(resized)


@dataclass(frozen=True)
class Usable:
    """Images that a model can be shown on, and those of the source that it cannot.

    Attributes:
        source: the images.
        samples: those that can be used; of large ones perhaps only the middle.
        skipped: the others, with reasons.

    Raises:
        InputError: none can be used.
    """

    source: ImageSource
    samples: Sequence[Any]
    skipped: list[Skipped]

    def __post_init__(self) -> None:
        if not self.samples:
            raise nothing_measured(self.source, self.skipped)

    def images(self) -> list[Tensor]:
        """Return the images of the samples, (1, C, H, W) in about [0, 1]."""
        return [one.image for one in self.samples]

    def noted(self, panel: Panel) -> Panel:
        """Return the panel with a sentence on images that are not in it."""
        missing = len(self.source) - len(panel)
        if not missing:
            return panel
        some = "1 image is" if missing == 1 else f"{missing} images are"
        why = (
            f": {grouped_reasons(self.skipped)}"
            if self.skipped
            else ", as they have other channels"
        )
        return replace(panel, note=f"{panel.note} {some} not shown{why}.".strip())


def usable_samples(model: ImageEstimator, source: ImageSource) -> Usable:
    """Return the images of a source as a model takes them; of very large ones the middle.

    Raises:
        InputError: no image can be used.
    """
    skipped = list[Skipped]()
    found = list(samples(model, source, skipped, include_seen=True, side=SHOWN_SIDE))
    return Usable(source, found, skipped)


def refuse_masks(model: ImageEstimator, masks: Masks | None) -> None:
    """Raise an error for masks where a model has no use for them.

    Raises:
        InputError: there are masks.
    """
    if masks is not None:
        raise InputError(
            f"mask is for inpainters, and this model was fitted to {model.job}: leave it out"
        )


def reconstruction_panel(
    names: Sequence[str], images: Sequence[Tensor], made: Sequence[Tensor]
) -> Panel:
    """Return the panel: original, reconstruction, error.

    Args:
        names: of the images.
        images, made: (1, C, H, W) each, in about [0, 1]; of several sizes, the middle is shown.
    """
    side = [min(image.shape[axis] for image in images) for axis in (2, 3)]
    parts = [
        np.concatenate([middle(one, *side).cpu().numpy() for one in some])
        for some in (images, made)
    ]
    errors = [float(mse(new, old)) for old, new in zip(images, made, strict=True)]
    shown = Comparison(originals=parts[0], reconstructions=parts[1], names=names, errors=errors)
    scale, span = shown.scale(), shown_range(parts[0])
    pictures = shown.rows(scale=scale, value_range=span)
    note = f"The error is absolute: black is 0, the brightest {number(scale, 1)} and more of a range of 1."
    return Panel(
        heading="",
        rows=dict(zip(("original", "reconstruction", "error"), pictures, strict=True)),
        names=names,
        texts=[text for _, text in shown.captions()],
        note=f"{note} {band_note(parts[0].shape[1])}".strip(),
    )


def _pairs(model: ImageEstimator, source: ImageSource, positions: np.ndarray) -> Iterator[Pair]:
    """Yield (original, reconstruction), (C, H, W) each, of the images at these positions."""

    def images() -> Iterator[Pixels]:
        for item in model.prepared(source.select(positions)):
            if isinstance(item, ImageError):
                raise item
            yield item[2]

    for clean, reconstruction in model.inference_.reconstruct(images()):
        _, height, width = clean.shape
        scale = min(1.0, math.sqrt(SHOWN_VALUES / clean.numel()))
        size = (max(1, int(height * scale)), max(1, int(width * scale)))
        yield _averaged(clean, size), _averaged(reconstruction, size)


def _comparison(
    places: Sequence[int],
    pairs: dict[int, Pair],
    evaluation: ReconstructionEvaluation,
    source: ImageSource,
) -> Comparison | None:
    """Compare the images at some places of the evaluation; of several sizes, only the most common."""
    if not places:
        return None
    shape = Counter(pairs[place][0].shape for place in places).most_common(1)[0][0]
    kept = [place for place in places if pairs[place][0].shape == shape]
    return Comparison(
        originals=np.stack([pairs[place][0] for place in kept]),
        reconstructions=np.stack([pairs[place][1] for place in kept]),
        names=[source.names[int(evaluation.index[place])] for place in kept],
        errors=evaluation.errors[kept],
    )


def _unit(model: ImageEstimator, pixels: Pixels) -> Tensor:
    """Convert stored pixels (H, W, C) to (C, H, W) in about [0, 1]."""
    return model.inference_.unit(np.moveaxis(pixels, 2, 0)[None].copy())[0]


def _averaged(image: Tensor, size: tuple[int, ...]) -> np.ndarray:
    """Resize (C, H, W), averaging what falls into each pixel."""
    if tuple(image.shape[1:]) != tuple(size):
        image = torch.nn.functional.adaptive_avg_pool2d(image[None], (size[0], size[1]))[0]
    small: np.ndarray = image.cpu().numpy()
    return small
