"""The images that a report shows, read again from their source and reconstructed."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from convae.errors import ImageError
from convae.estimators.base import ImageEstimator
from convae.evaluation.results.reconstruction import ReconstructionEvaluation
from convae.images.files.image import Pixels
from convae.images.sources.base import ImageSource
from convae.report.pictures.comparison import Comparison, best_and_worst

EXAMPLES, EXTREMES = 16, 8
SHOWN_VALUES = 2**19  # most values of an image in a report; larger ones are averaged down
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
