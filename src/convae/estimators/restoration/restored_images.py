"""Apply a denoiser to images: small ones in batches, large ones tile by tile from their stored values.

Of a large image, only the image and its result are held whole, both in the depth of the file.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from convae.classical.noise_level import bands, estimate_noise_level, noise_level_of
from convae.estimators.base import ImageEstimator
from convae.estimators.streaming import OnBad, as_read, as_stored, holes_left, paired
from convae.images.files.facts import Missing
from convae.images.files.image import Image, Pixels
from convae.images.sources.base import ImageSource
from convae.networks.inference import batches_of_one_shape
from convae.networks.tiling import Tile, tiles


@dataclass(frozen=True, kw_only=True)
class Restored:
    """An image and its restoration.

    Attributes:
        index: its position in the source.
        image: as it was read.
        pixels: (H, W, C) the restored image, in the dtype that ``image`` has in its file or array.
        level: the noise level that was estimated or given, in the units of the parameter ``sigma``.
        removed: the standard deviation of what was removed, in the same units; NaN where the result has other
            channels.
    """

    index: int
    image: Image
    pixels: Pixels
    level: float
    removed: float

    @property
    def holes(self) -> Missing | None:
        """(H, W) pixels that the file declares missing, in the result as well; None if there are none."""
        return holes_left(self.pixels, self.image)


class _Batch(NamedTuple):
    """Restored images (B, C, H, W); level and removed (B,), None where the result has other channels."""

    restored: Tensor
    level: Tensor
    removed: Tensor | None


Result = tuple[
    Pixels, float, float
]  # (H, W, C) as stored; noise level in the network's units; removed


class Restore(Protocol):
    """A function that denoises images (B, C, H, W), given the noise levels (B,); ``whole``: in one piece."""

    def __call__(
        self, noisy: Tensor, level: Tensor, *, ensemble: bool, whole: bool = False
    ) -> Tensor:
        """Return the images without noise, (B, C, H, W)."""
        ...


def iter_restored(
    model: ImageEstimator,
    restore: Restore,
    source: ImageSource,
    level: Tensor | None,
    factor: float,
    *,
    ensemble: bool,
    on_bad: OnBad | None,
) -> Iterator[Restored]:
    """Yield each image of a source, restored.

    Args:
        restore: removes the noise from images.
        level: () the noise level in the network's units; None estimates it in each image.
        factor: number of the network's units in one unit of the parameter ``sigma``.
    """

    def in_batch(noisy: Tensor) -> _Batch:
        found = estimate_noise_level(noisy) if level is None else level.expand(len(noisy))
        restored = restore(noisy, found, ensemble=ensemble)
        return _Batch(restored, found, _removed(noisy, restored))

    def finish(noisy: Tensor, done: _Batch) -> Iterator[Result]:
        stored = np.moveaxis(model._unit.invert(done.restored), 1, 3)
        removed = [math.nan] * len(noisy) if done.removed is None else done.removed.tolist()
        return zip(stored, done.level.tolist(), removed, strict=True)

    def whole(batch: list[Pixels]) -> Iterator[Result | None]:
        return model.inference_.each(batch, in_batch, finish)

    def run(images: Iterable[Pixels]) -> Iterator[Result | None]:
        for batch in batches_of_one_shape(images):
            parts = tiles(model.network_, *batch[0].shape[:2])
            if len(parts) == 1:
                yield from whole(batch)
                continue
            for one in batch:
                if np.isfinite(one).all():
                    yield _by_tiles(model, restore, one, parts, level, ensemble=ensemble)
                else:  # a hole is filled by the mean of the whole image
                    yield from whole([one])

    for (index, image, _), (pixels, found, removed) in paired(model, source, run, on_bad):
        yield Restored(
            index=index,
            image=image,
            pixels=as_stored(as_read(model, pixels, image), image),
            level=found / factor,
            removed=removed / factor,
        )


def _removed(noisy: Tensor, restored: Tensor) -> Tensor | None:
    """Return the standard deviation of what was removed, (B,)."""
    if noisy.shape != restored.shape:
        return None
    return (noisy - restored).flatten(1).std(dim=1, correction=0)


def _by_tiles(
    model: ImageEstimator,
    restore: Restore,
    image: Pixels,
    parts: list[Tile],
    level: Tensor | None,
    *,
    ensemble: bool,
) -> Result | None:
    """Restore one large image (H, W, C) without missing pixels; None if the result is not finite."""

    def unit(rows: slice, columns: slice = slice(None)) -> Tensor:
        part = np.moveaxis(image[None, rows, columns], 3, 1)
        return model._unit(np.ascontiguousarray(part))

    with torch.inference_mode():
        if level is None:
            height, width = image.shape[:2]
            found = noise_level_of(unit(slice(*band)) for band in bands(height, width))
        else:
            found = level.expand(1)
        whole: Pixels | None = None
        count, total, squares = 0, 0.0, 0.0
        for part in parts:
            noisy = unit(*part.seen)
            restored = restore(noisy, found, ensemble=ensemble, whole=True)
            if not bool(torch.isfinite(restored).all()):
                return None
            stored = model._unit.invert(restored[(..., *part.kept)])
            if whole is None:
                whole = np.empty((*image.shape[:2], stored.shape[1]), stored.dtype)
            whole[part.place] = np.moveaxis(stored[0], 0, 2)
            if noisy.shape == restored.shape:
                removed = (noisy - restored)[(..., *part.kept)].double()
                count += removed.numel()
                total += float(removed.sum())
                squares += float(removed.square().sum())
    assert whole is not None
    mean = total / count if count else math.nan
    deviation = math.sqrt(max(0.0, squares / count - mean**2)) if count else math.nan
    return whole, float(found), deviation
