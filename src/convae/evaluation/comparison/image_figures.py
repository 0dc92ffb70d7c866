"""The figure of a job for each single image, in units that models with different scaling share.

All values are fractions of the range of the file type: 0 to 1 is black to white of an 8-bit or 16-bit image.
For float images it is the range of the first model's scaling.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.corruption.holes import Holes, parse_holes
from convae.corruption.noise import Noise, parse_noise
from convae.errors import ImageError, InputError
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.estimators.base import ImageEstimator
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.inpainter import Inpainter
from convae.estimators.streaming import iter_reconstructions
from convae.evaluation.results.figures import (
    DENOISING,
    INPAINTING,
    RECONSTRUCTION,
    Figure,
)
from convae.images.dataset.pairs import PairSource
from convae.images.dataset.preparation import to_depth
from convae.images.dataset.scaling import DTYPE_RANGES, Scaling
from convae.images.files.image import Pixels
from convae.images.sources.base import ImageSource, Skipped
from convae.metrics import image_quality
from convae.metrics.filled_holes import hole_mse

MIDDLE = 0.5  # place in a range of noise: where denoisers are compared
NO_DETECTORS = (
    "anomaly detectors are not compared by an error: what they find is compared on labelled images, with "
    "'convae evaluate' for each"
)


@dataclass(frozen=True, kw_only=True)
class Units:
    """Values of a network, converted to fractions of the range of the file type, and back.

    Attributes:
        low, span: (C,) or (1,) the stored values of the scaling, as fractions: the value that is 0 in the
            network, and the distance to that which is 1.
        whole: whether files hold whole numbers, so that values lie between 0 and 1.
    """

    low: tuple[float, ...]
    span: tuple[float, ...]
    whole: bool

    def fraction(self, values: Tensor) -> Tensor:
        """Convert (B, C, H, W) in the network's units to fractions; whole numbers are limited to 0 to 1."""
        found = values * self._wide(self.span, values) + self._wide(self.low, values)
        return found.clamp(0, 1) if self.whole else found

    def network(self, values: Tensor) -> Tensor:
        """Convert (B, C, H, W) fractions to the network's units."""
        return (values - self._wide(self.low, values)) / self._wide(self.span, values)

    def _wide(self, numbers: tuple[float, ...], like: Tensor) -> Tensor:
        return torch.tensor(numbers, dtype=like.dtype, device=like.device).view(1, -1, 1, 1)


def units_of(scaling: Scaling, first: Scaling) -> Units:
    """Return the common units for a model.

    Args:
        scaling: of the model.
        first: of the first model that is compared, which gives the unit of float images.
    """
    whole = scaling.dtype != "float32"
    if whole:
        low, high = map(float, DTYPE_RANGES[scaling.dtype])
    else:
        low, high = min(first.low), max(first.high)
    return Units(
        low=tuple((one - low) / (high - low) for one in scaling.low),
        span=tuple((b - a) / (high - low) for a, b in zip(scaling.low, scaling.high, strict=True)),
        whole=whole,
    )


@dataclass(kw_only=True)
class Measured:
    """The figures of one model.

    Attributes:
        values: position in the source -> its figure.
        skipped: images that could not be used, with reasons.
    """

    values: dict[int, float] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def at(self, positions: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the figures (n,) at some positions; NaN where there is none."""
        return np.array([self.values.get(int(i), math.nan) for i in positions], dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What all models are measured with.

    Attributes:
        figure: what is measured.
        first: the scaling that gives the unit of float images.
        noise: added for denoisers, in common units; None for none.
        target: the clean images of denoisers; None for none.
        holes: made for inpainters; None for none.
        as_files: whether results are compared in the size of the files, because the models' sizes differ.
    """

    figure: Figure
    first: Scaling
    noise: Noise | None = None
    target: ImageSource | None = None
    holes: Holes | None = None
    as_files: bool = False

    @property
    def words(self) -> str:
        """What is done to the images, in words; empty for nothing."""
        if self.target is not None:
            return f"compared with {self.target.description}"
        if self.noise is not None:
            return f"noise {self.noise} is added, the same for each model"
        if self.holes is not None:
            return f"holes {self.holes} are made, the same for each model"
        return ""


def conditions_of(
    models: Sequence[ImageEstimator],
    *,
    target: ImageSource | None = None,
    noise: str | None = None,
    holes: str | None = None,
) -> Conditions:
    """Return what models of one job are measured with.

    Args:
        models: at least one, all of one job.
        target: the clean images of denoisers.
        noise: for denoisers; None takes that of the first model that learnt with added noise, at the middle
            of its range.
        holes: for inpainters; None takes those of the first model.

    Raises:
        InputError: an option is for another job, denoisers have no clean images to be compared with, or the
            models are detectors.
    """
    lead = models[0]
    _refuse_foreign(lead, target=target, noise=noise, holes=holes)
    if isinstance(lead, AnomalyDetector):
        raise InputError(NO_DETECTORS)
    if isinstance(lead, Denoiser):
        made = None if target is not None else _noise_for(models, noise)
        return Conditions(figure=DENOISING, first=lead.scaling_, noise=made, target=target)
    if isinstance(lead, Inpainter):
        made_holes = lead.holes_ if holes is None else parse_holes(holes)
        return Conditions(figure=INPAINTING, first=lead.scaling_, holes=made_holes)
    return Conditions(
        figure=RECONSTRUCTION, first=lead.scaling_, as_files=_in_the_size_of_files(models)
    )


def _refuse_foreign(lead: ImageEstimator, **given: object) -> None:
    takes: dict[str, type[ImageEstimator]] = {
        "target": Denoiser,
        "noise": Denoiser,
        "holes": Inpainter,
    }
    for name, value in given.items():
        if value is not None and not isinstance(lead, takes[name]):
            raise InputError(
                f"{name} is for models that {takes[name].job}, and these were fitted to {lead.job}; "
                "leave it out"
            )


def _noise_for(models: Sequence[ImageEstimator], noise: str | None) -> Noise:
    if noise is not None:
        return parse_noise(noise).fixed(MIDDLE)
    for model in models:
        if isinstance(model, Denoiser) and model.noise_ is not None:
            span = max(units_of(model.scaling_, models[0].scaling_).span)
            return model.noise_.fixed(MIDDLE).rescaled(span)
    raise InputError(
        "these denoisers learnt without clean images, so the noise to compare them at is not known: give "
        "the clean images as target, or clean images and the noise to add to them, such as noise "
        "'gaussian:25/255'"
    )


def _in_the_size_of_files(models: Sequence[ImageEstimator]) -> bool:
    """Return whether the models bring images to different sizes.

    Raises:
        InputError: they cut different parts out of an image, or make other channels of it.
    """
    if len({model.plan_.channels for model in models}) > 1:
        raise InputError(
            "the models take images of different channels (grey and coloured), so their errors are not of "
            "the same pixels: compare models of the same channels"
        )
    framings = [model._plan.framing for model in models]
    if len({(one.size, one.mode if one.size else "") for one in framings}) == 1:
        return False
    if any(one.size is not None and "crop" in one.mode for one in framings):
        raise InputError(
            "the models cut different parts out of an image, so their errors are not of the same pixels: "
            "compare models of the same size and framing"
        )
    return True


def measure(
    model: ImageEstimator,
    source: ImageSource,
    positions: Sequence[int] | np.ndarray,
    how: Conditions,
) -> Measured:
    """Measure a model on images of a source.

    Args:
        model: the fitted model.
        source: the images; for pairs of a denoiser the pairs, see :func:`pairs_for`.
        positions: (n,) of the images to measure.
        how: what all models are measured with.
    """
    found = Measured()
    places = np.asarray(positions)
    units = units_of(model.scaling_, how.first)
    some = source.select(places)
    with torch.inference_mode():
        for i, value in _figures(model, some, units, how, places, found):
            found.values[int(places[i])] = value
    return found


Figures = Iterator[tuple[int, float]]


def _figures(
    model: ImageEstimator,
    some: ImageSource,
    units: Units,
    how: Conditions,
    places: np.ndarray,
    found: Measured,
) -> Figures:
    if how.as_files:
        return _as_files(model, some, how.first, found)
    if isinstance(model, Denoiser):
        return _denoised(model, some, units, how, places, found)
    if isinstance(model, Inpainter):
        return _inpainted(model, some, units, how, places, found)
    return _reconstructed(model, some, units, found)


def _usable(
    model: ImageEstimator, some: ImageSource, found: Measured, index: list[int]
) -> Iterator[Pixels]:
    """Yield the prepared pixels of the images that can be used; note their positions, and the others."""
    for item in model.prepared(some):
        if isinstance(item, ImageError):
            found.skipped.append(Skipped(item.name, item.reason))
            continue
        index.append(item[0])
        yield item[2]


def _reconstructed(
    model: ImageEstimator, some: ImageSource, units: Units, found: Measured
) -> Figures:
    index: list[int] = []
    images = _usable(model, some, found, index)
    done = 0
    for clean, output in model.inference_.batches(images, model.network_):
        made = units.fraction(output.reconstruction)
        errors = image_quality.mse(made, units.fraction(clean)).tolist()
        yield from zip(index[done : done + len(errors)], errors, strict=True)
        done += len(errors)


def _as_files(model: ImageEstimator, some: ImageSource, first: Scaling, found: Measured) -> Figures:
    """Yield the errors of the results that would be written as files; missing pixels do not count."""

    def leave_out(error: ImageError) -> None:
        found.skipped.append(Skipped(error.name, error.reason))

    for done in iter_reconstructions(model, some, leave_out, errors=False):
        original = done.image.original
        if done.pixels.shape != original.shape:
            leave_out(ImageError(done.image.info.name, "its result has another shape"))
            continue
        gaps = (done.pixels.astype(np.float64) - original) / _range_of(original, first)
        yield done.index, float(np.nanmean(np.square(gaps)))


def _range_of(original: np.ndarray, first: Scaling) -> float:
    if original.dtype.kind in "ui":
        return float(np.iinfo(original.dtype).max)
    return 1.0 if original.dtype.kind == "b" else max(first.high) - min(first.low)


def _denoised(
    model: Denoiser,
    some: ImageSource,
    units: Units,
    how: Conditions,
    places: np.ndarray,
    found: Measured,
) -> Figures:
    for i, given, clean in _noisy(model, some, units, how, places, found):
        restored = units.fraction(model.restored(given))
        if restored.shape == clean.shape:
            yield i, float(image_quality.psnr(restored, clean))
        else:
            what = (
                f"the model makes {restored.shape[1]} channels and the target has {clean.shape[1]}"
            )
            found.skipped.append(Skipped(f"image {places[i]}", what))


def _noisy(
    model: Denoiser,
    some: ImageSource,
    units: Units,
    how: Conditions,
    places: np.ndarray,
    found: Measured,
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield (position, noisy image in the network's units, clean image as fractions), (1, C, H, W) each."""
    unit = model.inference_.unit
    if how.target is not None:
        for i, given, wanted in _pairs(model, some, found):
            yield i, unit(given), units.fraction(unit(wanted))
        return
    assert how.noise is not None
    index: list[int] = []
    for pixels in _usable(model, some, found, index):
        clean = units.fraction(unit(_batch(pixels)))
        noisy, _ = how.noise.apply(clean, _random(places[index[-1]]))
        yield index[-1], units.network(noisy), clean


def _pairs(model: Denoiser, some: ImageSource, found: Measured) -> Iterator[tuple[int, Any, Any]]:
    """Yield (position, noisy, clean) as stored, (1, C, H, W) each."""
    for i in range(len(some)):
        try:
            pixels = to_depth(some.read(i), model.plan_.depth)
        except ImageError as error:
            found.skipped.append(Skipped(error.name, error.reason))
            continue
        split = model.plan_.channels
        yield i, _batch(pixels[..., :split]), _batch(pixels[..., split:])


def _inpainted(
    model: Inpainter,
    some: ImageSource,
    units: Units,
    how: Conditions,
    places: np.ndarray,
    found: Measured,
) -> Figures:
    assert how.holes is not None
    index: list[int] = []
    for pixels in _usable(model, some, found, index):
        clean = model.inference_.unit(_batch(pixels))
        size = (clean.shape[2], clean.shape[3])
        mask = how.holes.sample(1, size, _random(places[index[-1]])).to(clean.device)
        filled = units.fraction(model.filled(clean, mask)[1])
        value = float(hole_mse(filled, units.fraction(clean), mask))
        if not math.isnan(value):  # no pixel of a tiny image is missing
            yield index[-1], value


def pairs_for(model: ImageEstimator, source: ImageSource, target: ImageSource) -> PairSource:
    """Return images and their targets as one source, as a denoiser takes them."""
    return PairSource(source, target, channels=model.channels)


def _batch(pixels: Pixels) -> Pixels:
    return np.moveaxis(pixels, 2, 0)[None].copy()


def _random(place: Any) -> torch.Generator:
    """Return random numbers that depend on the position of an image alone: the same for every model."""
    return torch.Generator().manual_seed(int(place))
