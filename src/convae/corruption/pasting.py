"""Real defects, cut out of their images and put into others: what is rare is shown often.

A defect is cut with what lies around it, so that it is known how it differs from there. It is mirrored,
turned by quarters, resized a little, made fainter or stronger, and put anywhere: in place of what is there,
with the brightness of its new place, or on top of it, as the difference that it makes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from convae.corruption.shapes import Chance
from convae.similarity_maps import smoothed

AROUND = 6  # pixels around a defect that are cut out with it
SOFT = 0.8  # pixels: of the edge of what is put in
SCALE = (0.7, 1.4)
STRENGTH = (0.5, 1.3)
LEAST_AREA = 4  # pixels of a mask that are a defect
COVERED = 0.5


@dataclass(frozen=True, eq=False)
class Sample:
    """A real defect.

    Attributes:
        pixels: (C, h, w) it and what lies around it, in about [0, 1].
        cover: (h, w) from 0 around it to 1 in it.
    """

    pixels: Tensor
    cover: Tensor


def cut(image: Tensor, mask: np.ndarray, longest: int) -> list[Sample]:
    """The defects of an image, each connected part of the mask by itself.

    Args:
        image: (C, H, W).
        mask: (H, W) bool.
        longest: pixels a side of a sample at most; of larger ones the parts are taken.
    """
    from scipy.ndimage import label

    labels, count = label(np.asarray(mask, dtype=bool), structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    found = []
    for number in 1 + np.flatnonzero(areas >= LEAST_AREA):
        rows, columns = np.nonzero(labels == number)
        for top in range(int(rows.min()), int(rows.max()) + 1, longest):
            for left in range(int(columns.min()), int(columns.max()) + 1, longest):
                ends = (
                    min(top + longest, int(rows.max()) + 1),
                    min(left + longest, int(columns.max()) + 1),
                )
                place = (
                    slice(max(0, top - AROUND), ends[0] + AROUND),
                    slice(max(0, left - AROUND), ends[1] + AROUND),
                )
                inside = torch.from_numpy((labels == number)[place]).float()
                if float(inside.sum()) >= LEAST_AREA:
                    soft = torch.maximum(inside, smoothed(inside[None, None], SOFT)[0, 0])
                    found.append(Sample(image[(slice(None), *place)].float().cpu(), soft))
    return found


def paste(image: Tensor, samples: Sequence[Sample], chance: Chance) -> Tensor:
    """Put one of some defects into an image (C, H, W), which is changed; gives its cover (H, W)."""
    sample = chance.one_of(samples)
    pixels, cover = _varied(sample, chance, (image.shape[-2], image.shape[-1]))
    pixels, cover = pixels.to(image), cover.to(image)
    height, width = cover.shape
    top = chance.whole(0, image.shape[-2] - height)
    left = chance.whole(0, image.shape[-1] - width)
    place = (slice(None), slice(top, top + height), slice(left, left + width))
    there, around = image[place], (cover < COVERED).to(image)
    usual = _mean(pixels, around)
    difference = chance.log_uniform(*STRENGTH) * (pixels - usual)
    new = difference + (_mean(there, around) if chance.coin() else there)
    image[place] = there + cover * (new - there)
    whole = torch.zeros(image.shape[-2:], device=image.device)
    whole[place[1:]] = cover.float()
    return whole


def _varied(sample: Sample, chance: Chance, most: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The sample at another size, mirrored and turned, no larger than ``most``."""
    both = torch.cat([sample.pixels, sample.cover[None]])
    if chance.coin():
        both = both.flip(2)
    both = torch.rot90(both, chance.whole(0, 3), (1, 2))
    height, width = both.shape[1:]
    factor = min(chance.log_uniform(*SCALE), most[0] / height, most[1] / width)
    size = (max(1, int(factor * height)), max(1, int(factor * width)))
    both = F.interpolate(both[None], size=size, mode="bilinear", antialias=True)[0]
    return both[:-1], both[-1].clamp(0, 1)


def _mean(pixels: Tensor, weight: Tensor) -> Tensor:
    """(C, 1, 1) the mean of pixels (C, h, w) by weights (h, w)."""
    total = weight.sum()
    if float(total) == 0:
        return pixels.mean(dim=(1, 2), keepdim=True)
    return (pixels * weight).sum(dim=(1, 2), keepdim=True) / total


def digest_of(samples: Sequence[Sample]) -> str:
    """The same for the same defects, for a run to be resumed with."""
    digest = hashlib.sha256()
    for sample in samples:
        for part in (sample.pixels, sample.cover):
            digest.update(repr(tuple(part.shape)).encode())
            digest.update(np.ascontiguousarray(part.numpy()).tobytes())
    return digest.hexdigest()
