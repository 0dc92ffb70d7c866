"""Several representations of the same images: the model's codes, PCA's, a random encoder's, the pixels."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from convae.errors import ImageError
from convae.estimators.base import ImageEstimator
from convae.evaluation.reconstruction import was_trained_on
from convae.images.dataset.preparation import image_hash
from convae.images.files.image import Pixels
from convae.images.sources.base import ImageSource, Skipped
from convae.networks.autoencoder import Autoencoder
from convae.networks.custom import CustomAutoencoder
from convae.training.devices import on_device, seeded

MODEL, PCA, RANDOM, PIXELS = "model", "PCA", "random encoder", "raw pixels"
MOST_NUMBERS = 4096  # values of a representation; larger maps and images are averaged down
Reader = Callable[[Tensor], Tensor]  # from images (B, C, H, W) to values (B, ...)


@dataclass(frozen=True, kw_only=True)
class Representations:
    """Some images in each representation.

    Attributes:
        numbers: name -> (n, D) float32.
        descriptions: name -> its description.
        index: (n,) positions in the source.
        hashes: (n,) 64-bit hash of each image, the same for exact duplicates.
        seen: how many of them the model was trained on.
        passed_over: images left out because the model was trained on them.
        skipped: images that could not be used, with reasons.
    """

    numbers: dict[str, np.ndarray]
    descriptions: dict[str, str]
    index: np.ndarray
    hashes: np.ndarray
    seen: int
    passed_over: int
    skipped: list[Skipped]


def represent(
    model: ImageEstimator,
    source: ImageSource,
    *,
    most: int,
    include_seen: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Representations:
    """Read images once and compute all representations of each.

    Args:
        model: the fitted model.
        source: images.
        most: number of images to use; from a larger source a random selection is taken.
        include_seen: whether to take images that the model was trained on as well.
        seed: of the selection and of the random encoder's weights.
        progress: called with (images done, images wanted).
    """
    ways = _ways(model, seed)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    order = np.random.default_rng(seed).permutation(len(source))
    index, hashes, skipped = list[int](), list[int](), list(source.skipped)
    trained_on = 0

    def usable() -> Iterator[Pixels]:
        nonlocal trained_on
        for item in model.prepared(source.select(order)):
            if isinstance(item, ImageError):
                skipped.append(Skipped(item.name, item.reason))
                continue
            i, image, pixels = item
            if was_trained_on(model, image, pixels):
                trained_on += 1
                if not include_seen:
                    continue
            index.append(int(order[i]))
            hashes.append(image_hash(pixels))
            yield pixels
            if len(index) == most:
                return

    for clean, _ in model.inference_.batches(usable(), lambda x: x[:, :1, :1, :1]):
        with torch.inference_mode():
            for name, way in ways.items():
                rows[name].append(way(clean).flatten(1).cpu().numpy())
        if progress is not None:
            progress(len(index), min(most, len(source)))
    numbers = {n: np.concatenate(r) if r else np.zeros((0, 0), np.float32) for n, r in rows.items()}
    return Representations(
        numbers=numbers,
        descriptions=_descriptions(model, numbers),
        index=np.array(index, dtype=np.int64),
        hashes=np.array(hashes, dtype=np.uint64),
        seen=trained_on if include_seen else 0,
        passed_over=0 if include_seen else trained_on,
        skipped=skipped,
    )


def _ways(model: ImageEstimator, seed: int) -> dict[str, Reader]:
    """Return for each name the function from images to their values."""
    untrained = random_encoder(model, seed)
    size = _smaller(model.architecture_.code_shape)
    return {
        MODEL: code_reader(model),
        PCA: baseline_reader(model),
        RANDOM: lambda x: _same_size(untrained.encode(x), size),
        PIXELS: pixel_reader(model),
    }


def code_reader(model: ImageEstimator) -> Reader:
    """Return a reader of the codes of a model; large maps are averaged down."""
    size = _smaller(model.architecture_.code_shape)
    return lambda x: _same_size(model.network_.encode(x), size)


def baseline_reader(model: ImageEstimator) -> Reader:
    """Return a reader of PCA codes with the latent dimension of the model."""
    baseline, size = model.baseline_, _smaller(model.architecture_.code_shape)
    return lambda x: _same_size(baseline.encode(x), size)


def pixel_reader(model: ImageEstimator) -> Reader:
    """Return a reader of the pixels that a model takes; large images are averaged down."""
    size = _smaller(model.architecture_.image_shape)
    return lambda x: _averaged(x, size)


def random_encoder(model: ImageEstimator, seed: int) -> Autoencoder:
    """Return the same architecture with untrained weights, without the linear path that starts as PCA."""
    with seeded(seed):
        trained = model.network_
        if isinstance(trained, CustomAutoencoder):
            return trained.untrained().eval()
        network = Autoencoder(replace(model.architecture_, bypass="none"))
    return on_device(network, model.inference_.unit.device).eval()


def _smaller(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the height and width at which a map (c, h, w) has at most ``MOST_NUMBERS`` values."""
    channels, height, width = (*shape, 1, 1)[:3]  # a dense code has no height and width
    shrink = min(1.0, math.sqrt(MOST_NUMBERS / (channels * height * width)))
    return max(1, int(height * shrink)), max(1, int(width * shrink))


def _same_size(code: Tensor, size: tuple[int, int]) -> Tensor:
    return code if code.ndim == 2 else _averaged(code, size)


def _averaged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(maps.shape[2:]) == size:
        return maps
    return torch.nn.functional.adaptive_avg_pool2d(maps, size)


def _descriptions(model: ImageEstimator, numbers: dict[str, np.ndarray]) -> dict[str, str]:
    a = model.architecture_
    length = {name: values.shape[1] for name, values in numbers.items()}
    code = f"{length[MODEL]} numbers"
    if a.code == "spatial" and length[MODEL] != a.code_size:
        code += ", averaged over positions"
    pixels = f"{length[PIXELS]} numbers"
    if length[PIXELS] != math.prod(a.image_shape):
        pixels += ", averaged down"
    return {
        MODEL: code,
        PCA: model.baseline_.name,
        RANDOM: f"{length[RANDOM]} numbers, the same architecture untrained",
        PIXELS: pixels,
    }
