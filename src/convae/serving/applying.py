"""Apply a model to the images of a source, exactly as the verbs of the command line do."""

import dataclasses
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from convae.corruption.noise_levels import check_level
from convae.errors import ImageError, ImageWarning, InputError
from convae.estimators.anomaly.detector import AnomalyDetector, Detection
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.autoencoders.variational import VariationalAutoencoder
from convae.estimators.base import ImageEstimator
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.inpainter import Inpainted, Inpainter
from convae.estimators.restoration.restored_images import Restored
from convae.estimators.streaming import Reconstructed, iter_codes, iter_reconstructions
from convae.evaluation.reconstruction import was_trained_on
from convae.images.dataset.reach import beyond_note, is_beyond
from convae.images.files.image import Image, Pixels
from convae.images.sources.base import ImageSource
from convae.images.sources.masks import Masks
from convae.model_reports.detections import Pictures
from convae.serving.outcome import Outcome

LOSSY = ("JPEG", "MPO")  # kinds of files that would change known pixels

OnBad = Callable[[ImageError], None]
Indexed = tuple[int, Outcome]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a verb; each verb reads its own. Requests with equal options are computed together.

    Attributes:
        sigma, ensemble: of ``denoise`` (``ensemble`` also of ``inpaint``), as on the command line.
        invert, alpha, find_damage: of ``inpaint``: black is missing; transparent pixels are missing; damage
            is searched and filled, too. How masks are read is for those who open them.
        rate, threshold: of ``detect``: another false-alarm rate or another threshold of the score.
        overlay: of ``detect``: whether to make the picture of the image with the heatmap over it.
        row: of ``detect``: whether to make a picture of regions, heatmap and nearest normal image, if an
            image is anomalous.
        layer: of ``encode``: the layer whose output is wanted instead of the code.
    """

    sigma: float | None = None
    ensemble: bool = False
    invert: bool = False
    alpha: bool = False
    find_damage: bool = False
    rate: float | None = None
    threshold: float | None = None
    overlay: bool = False
    row: bool = False
    layer: str | None = None


# The verbs that take images, by the kind of model that they are for.
IMAGE_VERBS: dict[str, type[ImageEstimator]] = {
    "reconstruct": ConvAutoencoder,
    "encode": ConvAutoencoder,
    "denoise": Denoiser,
    "inpaint": Inpainter,
    "detect": AnomalyDetector,
}
OTHER_VERBS: dict[str, type[ImageEstimator]] = {
    "decode": ConvAutoencoder,
    "sample": VariationalAutoencoder,
}


def verbs_of(model: ImageEstimator) -> tuple[str, ...]:
    """Return the verbs that a model can do."""
    every = {**IMAGE_VERBS, **OTHER_VERBS}
    return tuple(verb for verb, kind in every.items() if isinstance(model, kind))


def check_options(model: ImageEstimator, verb: str, options: Options) -> None:
    """Check the options of a request before it waits in line.

    Raises:
        InputError: the model cannot do this verb, or an option does not suit it.
    """
    if verb not in verbs_of(model):
        able = ", ".join(verbs_of(model))
        raise InputError(f"this model was fitted to {model.job}: it can {able}, not {verb}")
    if isinstance(model, Denoiser) and options.sigma is not None:
        check_level(options.sigma, model.plan_.depth, "sigma")
    if isinstance(model, AnomalyDetector):
        model.at(rate=options.rate, threshold=options.threshold)


def verb_of(model: ImageEstimator) -> str:
    """Return the verb of a model's job: that of its results as images, or ``detect``."""
    return next(verb for verb, kind in IMAGE_VERBS.items() if isinstance(model, kind))


def apply(
    model: ImageEstimator,
    verb: str,
    source: ImageSource,
    options: Options,
    on_bad: OnBad,
    *,
    masks: Masks | None = None,
) -> Iterator[Indexed]:
    """Yield (position, result) of each image that can be used, in order, in constant memory.

    Args:
        model: as loaded from its file.
        verb: one of :data:`IMAGE_VERBS` that the model can do.
        source: the images.
        options: of the verb.
        on_bad: called with the error of each image that cannot be used, before the next result comes.
        masks: of ``inpaint``: the masks of the source.

    Raises:
        InputError: an option does not suit the model.
    """
    with warnings.catch_warnings():
        # a note in the result takes the place of this warning, which names several images at once
        warnings.simplefilter("ignore", ImageWarning)
        yield from _ITERATORS[verb](model, source, options, masks, on_bad)


def _reconstructed(
    model: Any, source: ImageSource, options: Options, masks: Masks | None, on_bad: OnBad
) -> Iterator[Indexed]:
    for done in iter_reconstructions(model, source, on_bad):
        yield done.index, _reconstruction(model, done)


def _reconstruction(model: ConvAutoencoder, done: Reconstructed) -> Outcome:
    facts = {
        "mse": done.error,
        "baseline": model.baseline_.name,
        "baseline_mse": done.baseline_error,
        "trained_on": was_trained_on(model, done.image, done.prepared),
    }
    return _image(model, done.image, done.pixels, facts, done)


def _denoised(
    model: Any, source: ImageSource, options: Options, masks: Masks | None, on_bad: OnBad
) -> Iterator[Indexed]:
    done: Restored
    found = model.iter_denoise(
        source, sigma=options.sigma, ensemble=options.ensemble, on_bad=on_bad
    )
    for done in found:
        removed = done.removed if math.isfinite(done.removed) else None
        facts = {"noise_level": done.level, "removed": removed}
        yield done.index, _image(model, done.image, done.pixels, facts, done)


def _inpainted(
    model: Any, source: ImageSource, options: Options, masks: Masks | None, on_bad: OnBad
) -> Iterator[Indexed]:
    assert masks is not None
    found = model.iter_inpaint(
        source,
        masks,
        find_damage=options.find_damage,
        ensemble=options.ensemble,
        on_bad=on_bad,
    )
    for done in found:
        yield done.index, _filled(model, done)


def _filled(model: Inpainter, done: Inpainted) -> Outcome:
    missing = float(done.missing.mean())
    facts = {"missing": missing, "damaged": float(done.damaged.mean())}
    outcome = _image(model, done.image, done.pixels, facts, None)
    info = done.image.info
    if info.format in LOSSY:  # a PNG keeps known pixels as they are
        outcome = dataclasses.replace(outcome, like=dataclasses.replace(info, format="PNG"))
    if not missing:
        outcome.notes.append("no pixel was missing, so nothing was filled: send a mask")
    return outcome


def _detected(
    model: AnomalyDetector,
    source: ImageSource,
    options: Options,
    masks: Masks | None,
    on_bad: OnBad,
) -> Iterator[Indexed]:
    detector = model.at(rate=options.rate, threshold=options.threshold)
    for found in detector.iter_detect(source, on_bad=on_bad):
        yield found.index, _detection(detector, found, options)


def _detection(model: AnomalyDetector, found: Detection, options: Options) -> Outcome:
    height, width = found.map.shape
    facts = {
        "score": found.score,
        "p_value": found.p_value,
        "anomalous": found.anomalous,
        "threshold": -model.offset_,
        "size": [width, height],
        "regions": [region.to_dict() for region in found.regions],
        "trained_on": found.trained_on,
    }
    row = options.row and found.anomalous
    pictures = Pictures.of(model, found) if options.overlay or row else None
    return Outcome(
        facts=facts,
        like=found.image.info,
        heatmap=found.map.astype(np.float32),
        overlay=pictures.overlay if pictures is not None and options.overlay else None,
        row=pictures.row() if pictures is not None and row else None,
        detection=found,
        notes=_beyond(model, found.image),
    )


def _encoded(
    model: Any, source: ImageSource, options: Options, masks: Masks | None, on_bad: OnBad
) -> Iterator[Indexed]:
    for index, code in iter_codes(model, source, on_bad, options.layer):
        yield index, Outcome(facts={"shape": list(code.shape)}, array=code)


def _image(
    model: ImageEstimator, image: Image, pixels: Pixels, facts: dict[str, Any], done: Any
) -> Outcome:
    return Outcome(
        facts=facts,
        pixels=pixels,
        like=image.info,
        holes=None if done is None else done.holes,
        notes=_beyond(model, image),
    )


def _beyond(model: ImageEstimator, image: Image) -> list[str]:
    """Return the note on an image of another scale than those that the model was fitted on."""
    comparable = image.pixels.shape[2] == model.plan_.channels
    comparable = comparable and str(image.pixels.dtype) == model.plan_.depth
    if comparable and is_beyond(image.pixels, model.scaling_):
        return [beyond_note(["the image"], model.scaling_)]
    return []


_ITERATORS: dict[str, Callable[..., Iterator[Indexed]]] = {
    "reconstruct": _reconstructed,
    "denoise": _denoised,
    "inpaint": _inpainted,
    "detect": _detected,
    "encode": _encoded,
}
