"""Evaluate a model on images it was not trained on, compared with PCA of the same latent dimension."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from convae.errors import ImageError, InputError
from convae.estimators.base import ImageEstimator
from convae.evaluation.results.reconstruction import ReconstructionEvaluation
from convae.images.dataset.preparation import image_hash
from convae.images.files.image import Image, Pixels
from convae.images.sources.base import ImageSource, Skipped
from convae.metrics.codebook_use import CodebookUse
from convae.metrics.image_quality import MetricTotals

Part = TypeVar("Part", Tensor, np.ndarray)
MAX_CODES = 10_000  # codes kept for maps and spectra, spread evenly over the images
MAX_CODE_VALUES = 2**25  # values in all of them; codes of large images can be large themselves


@dataclass(kw_only=True)
class _Sums:
    """The sums of one pass over the images."""

    stride: int
    entries: np.ndarray  # (K,) how often each entry of a codebook was used
    model: MetricTotals = field(default_factory=MetricTotals)
    baseline: MetricTotals = field(default_factory=MetricTotals)
    loss: float = 0.0
    floor: float = 0.0
    errors: list[np.ndarray] = field(default_factory=list)
    baseline_errors: list[np.ndarray] = field(default_factory=list)
    codes: list[np.ndarray] = field(default_factory=list)
    coded: list[int] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    trained_on: int = 0
    passed_over: int = 0
    skipped: list[Skipped] = field(default_factory=list)


def evaluate(
    model: ImageEstimator,
    X: Any,
    *,
    positions: Sequence[int] | np.ndarray | None = None,
    include_seen: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ReconstructionEvaluation:
    """Measure a model.

    Args:
        model: the fitted model.
        X: any source of images.
        positions: (n,) which of them to measure; None is all.
        include_seen: whether to measure images that the model was trained on as well. By default they
            are left out, unless there are no others: then all are measured, and ``seen`` is their number.
        progress: called with (images done, images in all).

    Raises:
        InputError: if no image can be used.
    """
    source = model.open(X)
    chosen, left_out = chosen_of(source, positions)
    sums = _measure(model, chosen, left_out, include_seen, progress)
    if not sums.index and sums.passed_over:
        sums = _measure(model, chosen, left_out, True, progress)
    count = len(sums.index)
    if not count:
        raise nothing_measured(chosen, sums.skipped)
    loss, labels, index = model.settings_.loss, source.labels, np.array(sums.index)
    if positions is not None:
        index = np.asarray(positions)[index]
    return ReconstructionEvaluation(
        images=count,
        left_out=sums.passed_over,
        seen=sums.trained_on,
        skipped=sums.skipped,
        model=sums.model.totals(),
        baseline=sums.baseline.totals(),
        baseline_name=model.baseline_.name,
        loss={
            "name": str(loss),
            "value": sums.loss / count,
            "floor": sums.floor / count,
            "excess": (sums.loss - sums.floor) / count,
        },
        index=index,
        errors=np.concatenate(sums.errors),
        baseline_errors=np.concatenate(sums.baseline_errors),
        codes=np.stack(sums.codes),
        coded=np.array(sums.coded),
        labels=None if labels is None else labels[index],
        label_names=source.label_names,
        codebook=_codebook_use(model, sums),
    )


def _measure(
    model: ImageEstimator,
    source: ImageSource,
    left_out: list[Skipped],
    include_seen: bool,
    progress: Callable[[int, int], None] | None,
) -> _Sums:
    """Read every image once, and measure in batches."""
    kept = max(1, min(MAX_CODES, MAX_CODE_VALUES // model.architecture_.code_size))
    entries = np.zeros(model.architecture_.entries, np.int64)
    sums = _Sums(stride=max(1, -(-len(source) // kept)), skipped=[*left_out], entries=entries)
    loss, baseline = model.settings_.loss, model.baseline_
    images = _measurable(model, source, include_seen, sums)
    done = 0
    for clean, output in model.inference_.batches(images, model.network_):
        with torch.inference_mode():
            linear = baseline.reconstruct(clean)
            sums.errors.append(sums.model.update(output.reconstruction, clean)["mse"].numpy())
            sums.baseline_errors.append(sums.baseline.update(linear, clean)["mse"].numpy())
            sums.loss += float(loss(output.reconstruction, clean).sum())
            sums.floor += float(loss.floor(clean).sum())
        if output.indices is not None:
            sums.entries += np.bincount(output.indices.flatten().cpu(), minlength=len(sums.entries))
        chosen = np.flatnonzero((done + np.arange(len(clean))) % sums.stride == 0)
        codes = output.code.flatten(1).cpu().numpy()[chosen]
        if not sums.codes or codes.shape[1:] == sums.codes[0].shape:  # for images of one size
            sums.codes.extend(codes)
            sums.coded.extend((done + chosen).tolist())
        done += len(clean)
        if progress is not None:
            progress(done, len(source))
    return sums


def _codebook_use(model: ImageEstimator, sums: _Sums) -> CodebookUse | None:
    a = model.architecture_
    return CodebookUse(sums.entries, a.positions) if a.bottleneck == "vq" else None


def _measurable(
    model: ImageEstimator, source: ImageSource, include_seen: bool, sums: _Sums
) -> Iterator[Pixels]:
    """Yield prepared pixels of the images to measure; record in ``sums`` those that are left out."""
    for item in model.prepared(source):
        if isinstance(item, ImageError):
            sums.skipped.append(Skipped(item.name, item.reason))
            continue
        i, image, pixels = item
        if was_trained_on(model, image, pixels):
            if not include_seen:
                sums.passed_over += 1
                continue
            sums.trained_on += 1
        sums.index.append(i)
        yield pixels


def was_trained_on(model: ImageEstimator, image: Image, pixels: Pixels) -> bool:
    """Whether exactly this image was among the training images (by its hash before random crops)."""
    plan = model.plan_
    if plan.framing.mode == "random-crop":
        pixels = plan.whole().apply(image)
    elif model.architecture_.takes_any_size and plan.framing.size is not None:
        try:
            pixels = plan.apply(image)
        except ImageError:  # too large for the frame to which training images were padded
            return False
    value = np.uint64(image_hash(pixels))
    at = int(np.searchsorted(model.seen_, value))
    return at < len(model.seen_) and bool(model.seen_[at] == value)


def chosen_of(
    source: ImageSource, positions: Sequence[int] | np.ndarray | None
) -> tuple[ImageSource, list[Skipped]]:
    """Return the images at some positions (n,) of a source, and the files that the source left out.

    None is all images. With positions no files are left out: whoever knows positions has the list.
    """
    if positions is None:
        return source, list(source.skipped)
    return source.select(positions), []


def middle(image: Part, height: int, width: int) -> Part:
    """Crop (..., H, W) to at most ``height`` x ``width`` pixels in the middle."""
    top, left = (
        max(0, (length - most) // 2)
        for length, most in zip(image.shape[-2:], (height, width), strict=True)
    )
    return image[..., top : top + height, left : left + width]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """An image to measure a restoration on.

    Attributes:
        name: of its file.
        image: (1, C, H, W) in about [0, 1], on the model's device.
        seen: whether the model was trained on it.
    """

    name: str
    image: Tensor
    seen: bool


def samples(
    model: ImageEstimator,
    source: ImageSource,
    skipped: list[Skipped],
    *,
    include_seen: bool,
    side: int,
) -> Iterator[Sample]:
    """Yield the images of a source as a model takes them; of large ones only the middle.

    Args:
        model: the fitted model.
        source: images.
        skipped: images that cannot be used are appended to it.
        include_seen: whether to yield images that the model was trained on.
        side: pixels a side at most, if the network takes any size.
    """
    for item in model.prepared(source):
        if isinstance(item, ImageError):
            skipped.append(Skipped(item.name, item.reason))
            continue
        seen = was_trained_on(model, *item[1:])
        if include_seen or not seen:
            image = model.inference_.unit(np.moveaxis(item[2], 2, 0)[None].copy())
            if model.architecture_.takes_any_size:
                image = middle(image, side, side)
            yield Sample(name=item[1].info.name, image=image, seen=seen)


def nothing_measured(source: ImageSource, skipped: list[Skipped]) -> InputError:
    """Return the error for a source whose images cannot be used at all."""
    reasons = "; ".join(f"{s.name}: {s.reason}" for s in skipped[:3]) or "it is empty"
    return InputError(f"{source.description}: no image in it can be measured: {reasons}")
