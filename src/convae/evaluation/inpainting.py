"""Evaluate an inpainter on images it was not trained on, compared with fills that need no training."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from convae.classical.filling import biharmonic_fill, harmonic_fill, tension_fill
from convae.classical.opencv import has_opencv, navier_stokes, telea
from convae.corruption.holes import KINDS, MIXED, Holes
from convae.estimators.restoration.inpainter import Inpainter
from convae.evaluation.reconstruction import Sample, chosen_of, middle, nothing_measured, samples
from convae.evaluation.results.inpainting import (
    PSNR,
    SEAM,
    SSIM,
    HoleScores,
    InpaintingEvaluation,
    Pictures,
)
from convae.evaluation.results.scores import MODEL, differences_of
from convae.images.sources.base import ImageSource, Skipped
from convae.metrics.filled_holes import hole_psnr, hole_ssim, seam_error

MOST_PIXELS = 2**19  # of all images measured, with each kind of hole
SIDE = 256  # only the middle of larger images is measured
PICTURES, PICTURE_SIDE = 8, 192  # number of images of which pictures are kept, and their side
TENSION, BIHARMONIC, HARMONIC, TELEA, FLUID = (
    "tension", "biharmonic", "harmonic", "Telea", "Navier-Stokes"
)  # fmt: skip
MEASURES = {PSNR: hole_psnr, SSIM: hole_ssim, SEAM: seam_error}
Fill = Callable[[Tensor, Tensor], Tensor]


@dataclass(kw_only=True)
class _Chosen:
    """The images to measure on."""

    samples: list[Sample] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.samples)


def evaluate_inpainter(
    model: Inpainter,
    X: object,
    *,
    positions: Sequence[int] | np.ndarray | None = None,
    include_seen: bool = False,
) -> InpaintingEvaluation:
    """Measure an inpainter, compared with methods that need no training, by holes made with a fixed seed.

    Holes are of the kinds that the model was trained on, one kind after the other. Only the middle 256 x 256
    pixels of large images are measured, and as many images as make up half a million pixels. Values are
    limited to those between black and white.

    Args:
        model: the inpainter.
        X: any source of whole images.
        positions: (n,) which of them to measure; None is all.
        include_seen: whether to measure images that the model was trained on as well. By default they
            are left out, unless there are no others: then they are measured, and ``seen`` is True.

    Raises:
        InputError: if no image can be used.
    """
    source = model.open(X)
    some, left_out = chosen_of(source, positions)
    chosen = _choose(model, some, left_out, include_seen) or _choose(model, some, left_out, True)
    if not chosen:
        raise nothing_measured(source, chosen.skipped)
    images = [sample.image for sample in chosen.samples]
    kinds = list(KINDS) if model.holes_.kind == MIXED else [model.holes_.kind]
    rounds = [_round(model, images, _of(model, kind)) for kind in kinds]
    return InpaintingEvaluation(
        images=len(images),
        seen=any(sample.seen for sample in chosen.samples),
        rounds=rounds,
        pictures=list(_pictures(model, chosen)),
        skipped=chosen.skipped,
    )


def _of(model: Inpainter, kind: str) -> Holes:
    return Holes(kind) if model.holes_.kind == MIXED else model.holes_


def _choose(
    model: Inpainter, source: ImageSource, left_out: list[Skipped], include_seen: bool
) -> _Chosen:
    """Return as many images as can be measured in reasonable time, and at least one."""
    chosen, left = _Chosen(skipped=[*left_out]), MOST_PIXELS
    every = samples(model, source, chosen.skipped, include_seen=include_seen, side=SIDE)
    for sample in every:
        chosen.samples.append(sample)
        left -= sample.image[0, 0].numel()
        if left <= 0:
            break
    return chosen


def _round(model: Inpainter, images: list[Tensor], holes: Holes) -> HoleScores:
    """Measure all methods on all images with one kind of hole."""
    values: dict[str, dict[str, list[float]]] = {name: {} for name in MEASURES}
    shares = []
    for image, mask in with_holes(images, holes):
        shares.append(float(mask.mean()))
        for method, fill in _methods(model).items():
            filled = torch.where(mask > 0, fill(image, mask), image).clamp(0, 1)
            for name, measure in MEASURES.items():
                score = float(measure(filled, image.clamp(0, 1), mask))
                values[name].setdefault(method, []).append(score)
    means = {
        name: {method: _mean(scores) for method, scores in methods.items()}
        for name, methods in values.items()
    }
    return HoleScores(
        holes=holes.kind,
        missing=float(np.mean(shares)),
        scores=means,
        differences=differences_of(values),
    )


def _mean(scores: list[float]) -> float:
    """Return the mean of the scores that are not NaN; NaN if there are none."""
    known = [score for score in scores if not math.isnan(score)]
    return float(np.mean(known)) if known else math.nan


def with_holes(images: list[Tensor], holes: Holes) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each image (1, C, H, W) with a mask (1, 1, H, W) of holes that are made with a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    for image in images:
        size = (image.shape[2], image.shape[3])
        yield image, holes.sample(1, size, generator).to(image.device)


def _methods(model: Inpainter) -> dict[str, Fill]:
    found: dict[str, Fill] = {
        MODEL: lambda image, mask: model.filled(image, mask)[1],
        TENSION: tension_fill,
        BIHARMONIC: biharmonic_fill,
        HARMONIC: harmonic_fill,
    }
    return found | ({TELEA: telea, FLUID: navier_stokes} if has_opencv() else {})


def _pictures(model: Inpainter, chosen: _Chosen) -> Iterator[Pictures]:
    some, size = chosen.samples[:PICTURES], (PICTURE_SIDE, PICTURE_SIDE)
    small = model.architecture_.code == "spatial"
    images = [middle(one.image, *size) if small else one.image for one in some]
    pairs = zip(some, with_holes(images, model.holes_), strict=True)
    for sample, (image, mask) in pairs:
        yield pictures_of(model, sample.name, image, mask)


def pictures_of(model: Inpainter, name: str, image: Tensor, mask: Tensor) -> Pictures:
    """Fill the holes of an image (1, C, H, W), given by a mask (1, 1, H, W); return the pictures."""
    filled = torch.where(mask > 0, model.filled(image, mask)[1], image)
    return Pictures(
        name=name,
        original=image[0].cpu().numpy(),
        mask=mask[0, 0].cpu().numpy() > 0,
        filled=filled[0].cpu().numpy(),
    )
