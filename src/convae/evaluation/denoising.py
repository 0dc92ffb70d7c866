"""Evaluate a denoiser on images it was not trained on, compared with the median filter, NLM and BM3D."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from convae.classical.denoising import bm3d, has_bm3d, median, non_local_means
from convae.classical.noise_level import estimate_noise_level, whiteness
from convae.corruption.noise import Noise
from convae.corruption.noise_levels import level_text
from convae.errors import ImageError
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.noise_units import stretch
from convae.evaluation.reconstruction import chosen_of, middle, nothing_measured, samples
from convae.evaluation.results.denoising import (
    BM3D,
    LEFT,
    MEDIAN,
    NLM,
    PSNR,
    SSIM,
    WHITE,
    DenoisingEvaluation,
    NoiseScores,
    Pictures,
)
from convae.evaluation.results.scores import GIVEN, MODEL, differences_of
from convae.images.dataset.pairs import PairSource
from convae.images.dataset.preparation import image_hash, to_depth
from convae.images.files.image import Image
from convae.images.sources.base import ImageSource, Skipped
from convae.metrics import image_quality
from convae.metrics.resampling import Difference
from convae.networks.inference import batch_size

MOST_PIXELS = 2**21  # of all images measured; non-local means takes some microseconds for each
MOST_PIXELS_BM3D = 2**18  # if BM3D is installed: it takes a hundred microseconds for each
SIDE = 512  # only the middle of larger images is measured
PICTURES, PICTURE_SIDE = 8, 224  # number of images of which pictures are kept, and their side
PLACES = (0.25, 0.5, 1.0)  # positions in a range of noise
STRONG = 0.1  # the deviation from which a median of 5 x 5 does better than one of 3 x 3


@dataclass(frozen=True, kw_only=True)
class _Case:
    """An image to measure on, (1, C, H, W), and its clean image."""

    name: str
    given: Tensor
    target: Tensor | None
    seen: bool


@dataclass(kw_only=True)
class _Sums:
    values: dict[str, dict[str, list[Tensor]]] = field(default_factory=dict)

    def add(self, measure: str, method: str, values: Tensor) -> None:
        self.values.setdefault(measure, {}).setdefault(method, []).append(values.cpu().double())

    def means(self) -> dict[str, dict[str, float]]:
        return {
            measure: {name: float(torch.cat(parts).mean()) for name, parts in methods.items()}
            for measure, methods in self.values.items()
        }

    def differences(self) -> dict[str, dict[str, Difference]]:
        """Compute the model minus each other method, paired by image."""
        return differences_of(
            {
                measure: {name: torch.cat(parts).numpy() for name, parts in methods.items()}
                for measure, methods in self.values.items()
            }
        )


def evaluate_denoiser(
    model: Denoiser,
    X: object,
    *,
    target: object = None,
    positions: Sequence[int] | np.ndarray | None = None,
    include_seen: bool = False,
) -> DenoisingEvaluation:
    """Measure a denoiser, compared with methods that need no training.

    With targets, PSNR and SSIM are computed against them. Without targets, if the model was trained on clean
    images, the images are assumed to be clean: noise of the kind it was trained on is added with a fixed
    seed, at three levels of its range. Otherwise only the images themselves are known. The measures are then
    the noise that remains, and whether what was removed resembles noise.

    Only the middle 512 x 512 pixels of large images are measured, and as many images as make up two million
    pixels. The noise level is estimated in each image, as in normal use. Values between black and white are
    measured, as files store them.

    Args:
        model: the denoiser.
        X: any source of images.
        target: the clean images, matched by name.
        positions: (n,) which of the images (of the pairs, if there is a target) to measure; None is all.
        include_seen: whether to measure images that the model was trained on as well. By default they
            are left out, unless there are no others: then they are measured, and ``seen`` is True.

    Raises:
        InputError: if no image can be used.
    """
    source = model.open(X)
    pairs = None
    if target is not None:
        pairs = PairSource(source, model.open(target), channels=model.channels)
    whole: ImageSource = source if pairs is None else pairs
    chosen, left_out = chosen_of(whole, positions)
    skipped: list[Skipped] = []
    cases: list[_Case] = []
    for every in (include_seen, True):
        skipped = [*left_out]
        cases = list(_enough(_cases(model, chosen, pairs, skipped, every)))
        if cases:
            break
    if not cases:
        raise nothing_measured(whole, skipped)
    made = pairs is None and model.noise_ is not None
    noises: list[Noise | None] = [None]
    if made and model.noise_ is not None:
        ranged = model.noise_.ranged
        noises = [model.noise_.fixed(place) for place in (PLACES if ranged else (1.0,))]
    rounds, pictures, level = [], list[Pictures](), 0.0
    for i, noise in enumerate(noises):
        done, some, deviation = _round(model, cases, noise)
        rounds.append(done)
        if i == len(noises) // 2:
            pictures, level = some, deviation
    return DenoisingEvaluation(
        images=len(cases),
        seen=any(case.seen for case in cases),
        made=made,
        rounds=rounds,
        pictures=pictures,
        level=level,
        depth=model.plan_.depth,
        skipped=skipped,
    )


def _cases(
    model: Denoiser,
    chosen: ImageSource,
    pairs: PairSource | None,
    skipped: list[Skipped],
    include_seen: bool,
) -> Iterator[_Case]:
    """Yield the images to measure on, one after the other."""
    if pairs is None:
        for one in samples(model, chosen, skipped, include_seen=include_seen, side=SIDE):
            yield _Case(name=one.name, given=one.image, target=None, seen=one.seen)
        return
    unit, split = model.inference_.unit, pairs.channels[0]

    def tensor(pixels: np.ndarray) -> Tensor:
        image = unit(np.moveaxis(pixels, 2, 0)[None].copy())
        return image if model.architecture_.code == "dense" else middle(image, SIDE, SIDE)

    for i in range(len(chosen)):
        try:
            image: Image = chosen.read(i)
            pixels = to_depth(image, model.plan_.depth)
        except ImageError as error:
            skipped.append(Skipped(error.name, error.reason))
            continue
        seen = bool(np.isin(np.uint64(image_hash(pixels)), model.seen_))
        if include_seen or not seen:
            given, wanted = tensor(pixels[..., :split]), tensor(pixels[..., split:])
            yield _Case(name=image.info.name, given=given, target=wanted, seen=seen)


def _enough(cases: Iterable[_Case]) -> Iterator[_Case]:
    """Yield as many cases as can be measured in reasonable time, and at least one."""
    left = MOST_PIXELS_BM3D if has_bm3d() else MOST_PIXELS
    for case in cases:
        yield case
        left -= case.given.shape[-1] * case.given.shape[-2]
        if left <= 0:
            return


def _round(
    model: Denoiser, cases: list[_Case], noise: Noise | None
) -> tuple[NoiseScores, list[Pictures], float]:
    """Measure all methods on all images with one noise."""
    sums = _Sums()
    pictures: list[Pictures] = []
    levels: list[Tensor] = []
    generator = torch.Generator().manual_seed(0)
    factor = stretch(model.scaling_)
    for batch in _batches(cases):
        given = torch.cat([case.given for case in batch])
        target: Tensor | None = None
        if noise is not None:
            target = given
            given, deviation = noise.apply(given, generator)
            levels.append(deviation.flatten().cpu())
        elif batch[0].target is not None:
            target = torch.cat([case.target for case in batch if case.target is not None])
        results = _results(model, given, target)
        _measure(sums, results, given, target, model.plan_.depth, factor)
        if noise is None:
            levels.append(estimate_noise_level(given).cpu())
        if len(pictures) < PICTURES:
            pictures += _pictures(batch, given, results[MODEL], target)
    level = float(torch.cat(levels).mean()) / factor
    named = "" if noise is None else f"noise of {level_text(level, model.plan_.depth)}"
    done = NoiseScores(noise=named, scores=sums.means(), differences=sums.differences())
    return done, pictures[:PICTURES], level


def _batches(cases: list[_Case]) -> Iterator[list[_Case]]:
    """Yield runs of images of one shape."""
    rest = iter(cases)
    run: list[_Case] = []
    for case in rest:
        shape = case.given.shape
        if run and (run[0].given.shape != shape or len(run) == batch_size(shape.numel())):
            yield run
            run = []
        run.append(case)
    if run:
        yield run


def _results(model: Denoiser, given: Tensor, target: Tensor | None) -> dict[str, Tensor]:
    """Apply each method to a batch; only those that keep the channels, if the target has others."""
    results = {MODEL: model.restored(given)}
    if target is not None and target.shape != given.shape:
        if given.shape[1] == 1:
            results[GIVEN] = given.expand_as(target)
        return results
    sigma = estimate_noise_level(given)
    methods: dict[str, Callable[[], Tensor]] = {
        MEDIAN: lambda: median(given, 5 if float(sigma.median()) > STRONG else 3),
        NLM: lambda: non_local_means(given, sigma),
    }
    if has_bm3d():
        methods[BM3D] = lambda: bm3d(given, sigma)
    results[GIVEN] = given
    return results | {name: method() for name, method in methods.items()}


def _measure(
    sums: _Sums,
    results: dict[str, Tensor],
    given: Tensor,
    target: Tensor | None,
    depth: str,
    factor: float,
) -> None:
    """Add the measures of one batch; ``factor`` is the result of :func:`stretch`."""
    whole = depth.startswith("uint")
    for name in (MODEL, GIVEN, MEDIAN, NLM, BM3D):
        if name not in results:
            continue
        result = results[name].clamp(0, 1) if whole else results[name]
        if target is not None:
            sums.add(PSNR, name, image_quality.psnr(result, target))
            sums.add(SSIM, name, image_quality.ssim(result, target))
            continue
        sums.add(LEFT, name, estimate_noise_level(results[name]) / factor)
        if name != GIVEN:
            sums.add(WHITE, name, whiteness(given - results[name]))


def _pictures(
    batch: list[_Case], given: Tensor, restored: Tensor, target: Tensor | None
) -> Iterator[Pictures]:
    def picture(image: Tensor) -> np.ndarray:
        values: np.ndarray = middle(image, PICTURE_SIDE, PICTURE_SIDE).cpu().numpy()
        return values

    for i, case in enumerate(islice(batch, PICTURES)):
        clean = None if target is None else picture(target[i])
        yield Pictures(
            name=case.name, noisy=picture(given[i]), restored=picture(restored[i]), clean=clean
        )
