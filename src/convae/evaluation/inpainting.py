"""Evaluate an inpainter on images it was not trained on, next to fills that need no training."""

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
from convae.evaluation.reconstruction import Sample, middle, nothing_measured, samples
from convae.images.sources.base import ImageSource, Skipped
from convae.metrics.filled_holes import hole_psnr, hole_ssim, seam_error
from convae.metrics.resampling import Difference, paired_difference

MOST_PIXELS = 2**19  # of all images measured, with each kind of hole
SIDE = 256  # only the middle of larger images is measured
SHOWN, SHOWN_SIDE = 8, 192  # number of pictures that are kept, and their side
MODEL, TENSION, BIHARMONIC, HARMONIC, TELEA, FLUID = (
    "model", "tension", "biharmonic", "harmonic", "Telea", "Navier-Stokes"
)  # fmt: skip
PSNR, SSIM, SEAM = "PSNR in the holes (dB)", "SSIM in the holes", "seam error"
MEASURES = {PSNR: hole_psnr, SSIM: hole_ssim, SEAM: seam_error}
Fill = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Pictures of one image, each (C, H, W) in about [0, 1], and its mask of holes, (H, W)."""

    name: str
    original: np.ndarray
    mask: np.ndarray
    filled: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Round:
    """The results for one kind of hole.

    Attributes:
        holes: its name.
        missing: fraction of the pixels that was missing.
        scores: measure -> method -> the mean over the images; NaN for what cannot be computed.
        differences: measure -> other method -> the model minus it, over the images.
    """

    holes: str
    missing: float
    scores: dict[str, dict[str, float]]
    differences: dict[str, dict[str, Difference]] = field(default_factory=dict)

    def best_other(self, measure: str) -> tuple[str, float]:
        """Return the best of the classical methods by a measure of which more is better."""
        values = {name: v for name, v in self.scores[measure].items() if name != MODEL}
        name = max(values, key=lambda n: -math.inf if math.isnan(values[n]) else values[n])
        return name, values[name]


@dataclass(frozen=True, kw_only=True)
class InpaintingEvaluation:
    """The evaluation of an inpainter on images in which holes were made.

    Attributes:
        images: number of images measured.
        seen: whether the model was trained on them.
        rounds: one for each kind of hole.
        shown: pictures of some images, with the holes that the model was trained on.
        skipped: images that could not be used, with reasons.
    """

    images: int
    seen: bool
    rounds: list[Round]
    shown: list[Shown]
    skipped: list[Skipped]


@dataclass(kw_only=True)
class _Chosen:
    """The images to measure on."""

    samples: list[Sample] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def evaluate_inpainter(
    model: Inpainter,
    X: object,
    *,
    positions: Sequence[int] | np.ndarray | None = None,
    include_seen: bool = False,
) -> InpaintingEvaluation:
    """Measure an inpainter next to methods that need no training, by holes made with a fixed seed.

    Holes are of the kinds that the model was trained on, one kind after the other. Only the middle 256 x 256
    pixels of large images are measured, and as many images as make up half a million pixels. Values are
    limited to those between black and white.

    Args:
        model: the inpainter.
        X: any source of whole images.
        positions: which of them to measure; None is all.
        include_seen: whether to measure images that the model was trained on as well. By default they
            are left out, unless there are no others: then they are measured, and ``seen`` is True.

    Raises:
        InputError: if no image can be used.
    """
    source = model.open(X)
    places = np.arange(len(source)) if positions is None else np.asarray(positions)
    chosen = _Chosen()
    for every in (include_seen, True):
        chosen = _choose(model, source.select(places), every)
        if chosen.samples:
            break
    if not chosen.samples:
        raise nothing_measured(source, chosen.skipped)
    images = [sample.image for sample in chosen.samples]
    kinds = list(KINDS) if model.holes_.kind == MIXED else [model.holes_.kind]
    rounds = [_round(model, images, _of(model, kind)) for kind in kinds]
    return InpaintingEvaluation(
        images=len(images),
        seen=any(sample.seen for sample in chosen.samples),
        rounds=rounds,
        shown=list(_pictures(model, chosen)),
        skipped=chosen.skipped,
    )


def _of(model: Inpainter, kind: str) -> Holes:
    return Holes(kind) if model.holes_.kind == MIXED else model.holes_


def _choose(model: Inpainter, source: ImageSource, include_seen: bool) -> _Chosen:
    """Return as many images as can be measured in reasonable time, and at least one."""
    chosen, left = _Chosen(skipped=list(source.skipped)), MOST_PIXELS
    every = samples(model, source, chosen.skipped, include_seen=include_seen, side=SIDE)
    for sample in every:
        chosen.samples.append(sample)
        left -= sample.image[0, 0].numel()
        if left <= 0:
            break
    return chosen


def _round(model: Inpainter, images: list[Tensor], holes: Holes) -> Round:
    """Measure all methods on all images with one kind of hole."""
    values: dict[str, dict[str, list[float]]] = {name: {} for name in MEASURES}
    shares = []
    for image, mask in _with_holes(images, holes):
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
    differences = {
        name: {
            method: paired_difference(methods[MODEL], scores)
            for method, scores in methods.items()
            if method != MODEL
        }
        for name, methods in values.items()
    }
    return Round(
        holes=holes.kind, missing=float(np.mean(shares)), scores=means, differences=differences
    )


def _mean(scores: list[float]) -> float:
    """Return the mean of the scores that are not NaN; NaN if there are none."""
    known = [score for score in scores if not math.isnan(score)]
    return float(np.mean(known)) if known else math.nan


def _with_holes(images: list[Tensor], holes: Holes) -> Iterator[tuple[Tensor, Tensor]]:
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


def _pictures(model: Inpainter, chosen: _Chosen) -> Iterator[Shown]:
    some, size = chosen.samples[:SHOWN], (SHOWN_SIDE, SHOWN_SIDE)
    small = model.architecture_.code == "spatial"
    images = [middle(one.image, *size) if small else one.image for one in some]
    shown = zip(some, _with_holes(images, model.holes_), strict=True)
    for sample, (image, mask) in shown:
        filled = torch.where(mask > 0, model.filled(image, mask)[1], image)
        yield Shown(
            name=sample.name,
            original=image[0].cpu().numpy(),
            mask=mask[0, 0].cpu().numpy() > 0,
            filled=filled[0].cpu().numpy(),
        )
