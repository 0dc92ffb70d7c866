"""Apply a model to a source of any length: one result per image, in order, in constant memory."""

import hashlib
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.errors import ImageError
from convae.estimators.base import ImageEstimator, Prepared
from convae.images.dataset.preparation import from_integers, to_channels
from convae.images.dataset.reach import not_finite_reason
from convae.images.files.facts import Missing, apart_from_nodata
from convae.images.files.image import Image, Pixels
from convae.images.files.writing import restore_depth
from convae.images.sources.base import ImageSource
from convae.images.sources.masks import missing_values
from convae.metrics import image_quality
from convae.networks.inference import batches_of_one_shape
from convae.networks.tiling import Tile, tiles

OnBad = Callable[[ImageError], None]


@dataclass(frozen=True, kw_only=True)
class Reconstructed:
    """An image and its reconstruction.

    Attributes:
        index: its position in the source.
        image: as it was read.
        prepared: (H, W, C) as the network saw it, before scaling.
        pixels: (H, W, C) the reconstruction, in the size, dtype and channels that ``image`` has in its file
            or array, as far as they are known. Pixels without a value in ``image`` have none here.
        error, baseline_error: mean squared error of the model and of PCA, in the network's units; NaN if they
            were not requested.
    """

    index: int
    image: Image
    prepared: Pixels
    pixels: Pixels
    error: float
    baseline_error: float

    @property
    def holes(self) -> Missing | None:
        """(H, W) pixels that the file declares missing, in the result as well; None if there are none."""
        return holes_left(self.pixels, self.image)


def iter_reconstructions(
    model: ImageEstimator,
    source: ImageSource,
    on_bad: OnBad | None = None,
    *,
    errors: bool = True,
) -> Iterator[Reconstructed]:
    """Yield the reconstruction of each image.

    Args:
        on_bad: called with the error of each image that cannot be used, which is then left out; None raises
            the error.
        errors: whether to compute the errors of the model and of PCA.
    """

    def run(images: Iterable[Pixels]) -> Iterator[Measured | None]:
        for batch in batches_of_one_shape(images):
            parts = tiles(model.network_, *batch[0].shape[:2])
            if len(parts) == 1:
                yield from _whole(model, batch, errors=errors)
                continue
            for image in batch:
                if image.dtype.kind != "f" or np.isfinite(image).all():
                    yield _by_tiles(model, image, parts, errors=errors)
                else:  # a hole is filled by the mean of the whole image
                    yield from _whole(model, [image], errors=errors)

    results = paired(model, source, run, on_bad, originals=True)
    for (index, image, prepared), (pixels, error, linear) in results:
        yield Reconstructed(
            index=index,
            image=image,
            prepared=prepared,
            pixels=as_stored(as_read(model, pixels, image), image),
            error=error,
            baseline_error=linear,
        )


Measured = tuple[Pixels, float, float]  # (H, W, C) as stored, error of the model, of PCA


def _whole(
    model: ImageEstimator, batch: list[Pixels], *, errors: bool
) -> Iterator[Measured | None]:
    """Yield the reconstructions of images of one shape, with their mean squared errors."""

    @torch.inference_mode()
    def finish(clean: Tensor, output: Any) -> Iterator[Measured]:
        made = output.reconstruction
        own = linear = [math.nan] * len(clean)
        if errors:
            linear = image_quality.mse(model.baseline_.reconstruct(clean), clean).tolist()
            own = image_quality.mse(made, clean).tolist()
        return zip(np.moveaxis(model._unit.invert(made), 1, 3), own, linear, strict=True)

    return model.inference_.each(batch, model.network_, finish)


@torch.inference_mode()
def _by_tiles(
    model: ImageEstimator, image: Pixels, parts: list[Tile], *, errors: bool
) -> Measured | None:
    """Reconstruct one large image (H, W, C) without missing pixels; None if the result is not finite.

    Only the image and its result are held whole.
    """
    network = model.inference_.network
    whole: Pixels | None = None
    own = linear = 0.0 if errors else math.nan
    for part in parts:
        kept = (..., *part.kept)
        piece = np.moveaxis(image[None, *part.seen], 3, 1)
        clean = model._unit(np.ascontiguousarray(piece))
        made = network(clean).reconstruction
        if not bool(torch.isfinite(made).all()):
            return None
        stored = model._unit.invert(made[kept])
        if whole is None:
            whole = np.empty((*image.shape[:2], stored.shape[1]), stored.dtype)
        whole[part.place] = np.moveaxis(stored[0], 0, 2)
        if errors:
            baseline = model.baseline_.reconstruct(clean)
            own += float((made - clean)[kept].double().square().sum())
            linear += float((baseline - clean)[kept].double().square().sum())
    assert whole is not None
    return whole, own / image.size, linear / image.size


def iter_codes(
    model: ImageEstimator,
    source: ImageSource,
    on_bad: OnBad | None = None,
    layer: str | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (position in the source, code) of each image; the code is (k,) or (k, h, w) float32.

    With the name of a ``layer``, yield the output of that layer, (c,), averaged over the positions of a map.
    """

    def run(images: Iterable[Pixels]) -> Iterator[np.ndarray | None]:
        return model.inference_.encode(images, layer)

    for (index, _, _), code in paired(model, source, run, on_bad):
        yield index, code


def made_by(model: ImageEstimator, layer: str | None = None) -> str:
    """Return an identifier that distinguishes codes of this model (and layer) from those of any other.

    It is the first 16 digits of the SHA-256 of everything that a code depends on: weights, scaling and
    framing.
    """
    digest = hashlib.sha256(repr((model.scaling_.to_dict(), model.plan_)).encode())
    for name, values in sorted(model.network_.state_dict().items()):
        digest.update(name.encode() + values.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16] + (f":{layer}" if layer else "")


def iter_images(
    model: ImageEstimator, codes: Iterable[np.ndarray], seed: int | None = None
) -> Iterator[Pixels]:
    """Yield the image (H, W, C) of each code, in the values and depth of the training images.

    With a ``seed``, the finer levels of a variational code are sampled; None takes the most likely values.
    """
    for image in model.inference_.decode(codes, seed):
        yield np.moveaxis(model._unit.invert(image[None])[0], 0, 2)


def as_read(model: ImageEstimator, pixels: Pixels, image: Image) -> Pixels:
    """Convert a reconstruction (H, W, C) to the size, depth and channels in which its image was read.

    What was cut away or made transparent is not restored: a crop stays a crop, and an RGBA image given to a
    model of grey images comes back grey.
    """
    framing = model.plan_.framing
    if framing.size is not None and not model.architecture_.takes_any_size:
        pixels = framing.undo(pixels, image.pixels.shape[:2])
    if image.pixels.dtype == np.uint8 and pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257).astype(np.uint8)  # preparation multiplied by 257
    values = model.plan_.values
    if values is not None and image.pixels.dtype.kind == "f" and pixels.dtype.kind == "u":
        pixels = from_integers(pixels, values)
    if image.pixels.shape[2] == 1 and model.plan_.channels == pixels.shape[2] == 3:
        pixels = to_channels(pixels, 1, image.info.name)
    return pixels


def as_stored(pixels: Pixels, image: Image) -> Pixels:
    """Convert a result (H, W, C) to the dtype of its file or array; pixels without a value have none here."""
    info = image.info
    stored = restore_depth(pixels, info.depth, nodata=info.nodata, top=info.top)
    if pixels.shape != image.pixels.shape or not info.missing:
        return apart_from_nodata(stored, info)
    missing = missing_values(image)
    stored = np.where(missing, image.original, stored)
    return apart_from_nodata(stored, info, np.asarray(missing.all(axis=2)))


def holes_left(pixels: Pixels, image: Image) -> Missing | None:
    """Return where a result is missing because its image was, (H, W); None: nowhere, or the size differs."""
    return image.holes if pixels.shape[:2] == image.pixels.shape[:2] else None


def paired(
    model: ImageEstimator,
    source: ImageSource,
    run: Callable[[Iterable[Pixels]], Iterator[Any]],
    on_bad: OnBad | None,
    *,
    originals: bool = False,
) -> Iterator[tuple[Prepared, Any]]:
    """Yield each prepared image (H, W, C) with its result; ``run`` may take some before it gives the first.

    Args:
        run: yields the result of each image, or None if it is not finite: such an image cannot be used.
        on_bad: called with the error of each image that cannot be used, which is then left out; None raises
            the error.
        originals: as in :meth:`ImageEstimator.prepared`.

    Raises:
        ImageError: an image cannot be used, and ``on_bad`` is None.
    """
    waiting: deque[Prepared] = deque()

    def leave_out(error: ImageError) -> None:
        if on_bad is None:
            raise error
        on_bad(error)

    def feed() -> Iterator[Pixels]:
        for item in model.prepared(source, originals=originals):
            if isinstance(item, ImageError):
                leave_out(item)
                continue
            waiting.append(item)
            yield item[2]

    for result in run(feed()):
        item = waiting.popleft()
        if result is None:
            leave_out(ImageError(item[1].info.name, not_finite_reason(item[2])))
        else:
            yield item, result
