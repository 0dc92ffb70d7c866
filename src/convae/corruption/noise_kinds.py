"""The kinds of noise: what each does to an image, and what its level means.

Each function takes ``(batch, level, generator)``: (B, C, H, W) float32 in about [0, 1], the level of each
image (B, 1, 1, 1) on the same device, and a generator on the CPU. It returns (B, C, H, W). The noise of each
channel is independent, except for JPEG, which encodes colours together.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

from convae.corruption.holes import hidden_patches

NoiseFunction = Callable[[Tensor, Tensor, Generator], Tensor]
LARGEST = 1e6  # largest additive level; the values of an image may fill a small part of its range
PATCHES = 8  # along the shorter side of an image, where no side of a patch is given
SMALLEST_PATCH = 2  # pixels; a single pixel is easily guessed from its neighbours
BLUR_REACH = 4.0  # the Gaussian's tail beyond four deviations holds less than 1e-4 of it


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of noise.

    Attributes:
        make: the function that applies it.
        meaning: the meaning of its level.
        least: the smallest level.
        most: the largest level.
        default: the default range of levels, (least, most).
        sigma: whether the level is a standard deviation, so that ``sigma`` can set it.
        additive: whether the noise is added, independently of the image. The level is then the deviation of
            the result, in the unit of the image's values, and is rescaled with them.
        logarithmic: whether levels of a range are sampled uniformly in their logarithms.
        patched: whether it takes the side of a patch, as a fourth argument named ``patch``.
    """

    make: Callable[..., Tensor]
    meaning: str
    least: float
    most: float
    default: tuple[float, float]
    sigma: bool = False
    additive: bool = False
    logarithmic: bool = False
    patched: bool = False


def gaussian(batch: Tensor, level: Tensor, generator: Generator) -> Tensor:
    """Add normal noise to images (B, C, H, W): ``x + level · n``."""
    return batch + level * _normal(tuple(batch.shape), generator, batch)


def uniform(batch: Tensor, level: Tensor, generator: Generator) -> Tensor:
    """Add uniform noise from ``-√3 · level`` to ``√3 · level``: ``level`` is its standard deviation.

    Args:
        batch: (B, C, H, W).
        level: (B, 1, 1, 1) in the units of ``batch``.
        generator: of the noise, on the CPU.
    """
    return batch + level * 3**0.5 * (2 * _even(tuple(batch.shape), generator, batch) - 1)


def speckle(batch: Tensor, level: Tensor, generator: Generator) -> Tensor:
    """Multiply images (B, C, H, W) by noise, as in radar and ultrasound: ``x · (1 + level · n)``."""
    return batch * (1 + level * _normal(tuple(batch.shape), generator, batch))


def poisson(batch: Tensor, level: Tensor, generator: Generator) -> Tensor:
    """Count photons, ``level`` of them where the image is 1, and divide the counts by ``level``.

    The expected result is the image; negative values count as 0.

    Args:
        batch: (B, C, H, W).
        level: (B, 1, 1, 1) photons, above 0.
        generator: of the noise, on the CPU.
    """
    counts = torch.poisson((batch.clamp_min(0) * level).cpu(), generator=generator)
    return counts.to(batch.device) / level


def salt_and_pepper(batch: Tensor, level: Tensor, generator: Generator) -> Tensor:
    """Replace a fraction ``level``, (B, 1, 1, 1), of all values: one half by 0 and the other by 1."""
    place = _even(tuple(batch.shape), generator, batch)
    return torch.where(place < level, (place < level / 2).to(batch), batch)


def row_stripes(batch: Tensor, level: Tensor, generator: Generator) -> Tensor:
    """Add a normal offset (B, C, H, 1) to each row, as sensors with row-by-row readout do."""
    return batch + level * _normal((*batch.shape[:3], 1), generator, batch)


def column_stripes(batch: Tensor, level: Tensor, generator: Generator) -> Tensor:
    """Add a normal offset (B, C, 1, W) to each column."""
    return batch + level * _normal((*batch.shape[:2], 1, batch.shape[3]), generator, batch)


def stripes(batch: Tensor, level: Tensor, generator: Generator) -> Tensor:
    """Add row or column stripes to images (B, C, H, W), chosen at random for each image."""
    across = _even((len(batch), 1, 1, 1), generator, batch) < 0.5
    rows, columns = (make(batch, level, generator) for make in (row_stripes, column_stripes))
    return torch.where(across, rows, columns)


def blur(batch: Tensor, level: Tensor, generator: Generator) -> Tensor:
    """Apply a Gaussian blur to images (B, C, H, W); nothing is random.

    Args:
        batch: (B, C, H, W); the values at the border continue outside.
        level: (B, 1, 1, 1) standard deviation in pixels.
        generator: not used.
    """
    images, channels = batch.shape[:2]
    reach = math.ceil(BLUR_REACH * float(level.max()))
    distance = torch.arange(-reach, reach + 1, device=batch.device, dtype=torch.float32)
    width = level.reshape(-1, 1).clamp_min(1e-3)  # level 0: the image itself, not 0 / 0
    weights = torch.exp(-distance.square() / (2 * width.square()))
    weights = (weights / weights.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    flat = batch.reshape(1, images * channels, *batch.shape[2:])
    for shape, padding in (((-1, 1, 1, 2 * reach + 1), (reach, reach, 0, 0)),
                           ((-1, 1, 2 * reach + 1, 1), (0, 0, reach, reach))):  # fmt: skip
        padded = F.pad(flat, padding, mode="replicate")
        flat = F.conv2d(padded, weights.reshape(shape), groups=images * channels)
    return flat.reshape(batch.shape)


def jpeg(batch: Tensor, level: Tensor, generator: Generator) -> Tensor:
    """Encode images (B, C, H, W) as JPEG files of the quality ``level``, and decode them; nothing is random.

    Three channels are a colour image, with the chroma at half resolution. Other numbers of channels are
    encoded one by one. Values are clipped to [0, 1] and rounded to 8 bits first.

    Args:
        batch: (B, C, H, W).
        level: (B, 1, 1, 1) quality, from 1 to 100, rounded to integers.
        generator: not used.
    """
    pixels = (batch.clamp(0, 1) * 255).round().to("cpu", torch.uint8).numpy()
    done = np.empty_like(pixels)
    for i, quality in enumerate(level.reshape(-1).round().int().tolist()):
        if pixels.shape[1] == 3:
            done[i] = np.moveaxis(_through_jpeg(np.moveaxis(pixels[i], 0, 2), quality), 2, 0)
        else:
            for c, channel in enumerate(pixels[i]):
                done[i, c] = _through_jpeg(channel, quality)
    return torch.from_numpy(done).to(batch) / 255


def masks(batch: Tensor, level: Tensor, generator: Generator, patch: int = 0) -> Tensor:
    """Hide a fraction ``level`` of the square patches of images (B, C, H, W), in all channels.

    A hidden pixel has the mean of the visible pixels of its image and channel: it says nothing about what is
    hidden, and the brightness of the image stays about the same.

    Args:
        batch: (B, C, H, W).
        level: (B, 1, 1, 1) fraction of the patches; at least one patch stays visible.
        generator: of the choice, on the CPU.
        patch: side of a patch in pixels; 0 for an eighth of the shorter side of the image, at least 2.
    """
    height, width = batch.shape[-2:]
    side = patch or max(SMALLEST_PATCH, round(min(height, width) / PATCHES))
    hidden = hidden_patches(level.cpu(), (height, width), side, generator).to(batch)
    visible = 1 - hidden
    sums = (batch * visible).sum(dim=(2, 3), keepdim=True)
    return torch.where(hidden > 0, sums / visible.sum(dim=(2, 3), keepdim=True), batch)


def _through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)


def _normal(shape: tuple[int, ...], generator: Generator, like: Tensor) -> Tensor:
    return torch.randn(shape, generator=generator).to(like)


def _even(shape: tuple[int, ...], generator: Generator, like: Tensor) -> Tensor:
    return torch.rand(shape, generator=generator).to(like)


def _deviation(make: NoiseFunction) -> Kind:
    meaning = "standard deviation, where 1 leads from black to white"
    default = (25 / 255, 25 / 255)
    return Kind(
        make=make,
        meaning=meaning,
        least=0,
        most=LARGEST,
        default=default,
        sigma=True,
        additive=True,
    )


KINDS: dict[str, Kind] = {
    "gaussian": _deviation(gaussian),
    "uniform": _deviation(uniform),
    "stripes": _deviation(stripes),
    "row-stripes": _deviation(row_stripes),
    "column-stripes": _deviation(column_stripes),
    "speckle": Kind(
        make=speckle, meaning="standard deviation as a fraction of the pixel's value",
        least=0, most=1, default=(0.2, 0.2), sigma=True,
    ),
    "salt-and-pepper": Kind(
        make=salt_and_pepper, meaning="fraction of values replaced", least=0, most=1,
        default=(0.1, 0.1),
    ),
    "poisson": Kind(
        make=poisson, meaning="photons counted where the image is white", least=1e-2, most=1e6,
        default=(30, 30), logarithmic=True,
    ),
    "jpeg": Kind(make=jpeg, meaning="quality of the file", least=1, most=100, default=(10, 50)),
    "blur": Kind(
        make=blur, meaning="standard deviation in pixels", least=0, most=50, default=(1, 1)
    ),
    "masks": Kind(
        make=masks, meaning="fraction of the patches that are hidden", least=0, most=0.99,
        default=(0.6, 0.6), patched=True,
    ),
}  # fmt: skip
