"""Read-outs of the codes of clean and of corrupted images, for fitted models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from convae.corruption.noise import Noise, parse_noise
from convae.errors import InputError
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.evaluation.probe import readouts
from convae.evaluation.probe.probe import NEIGHBOURS, Target
from convae.evaluation.probe.readouts import Answers, Score
from convae.evaluation.probe.representations import (
    PCA,
    PIXELS,
    Reader,
    baseline_reader,
    code_reader,
    pixel_reader,
)
from convae.images.sources.base import ImageSource, Skipped
from convae.metrics.resampling import resamples

CLEAN = "clean"
CORRUPTIONS = ("gaussian:0.3", "salt-and-pepper:0.2", "blur:1")
Models = Mapping[str, ConvAutoencoder]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The results of one read-out.

    Attributes:
        name: what is measured; higher is better.
        scores: (``clean`` or a corruption) -> code -> score. All scores have the same resamples of test
            images.
    """

    name: str
    scores: dict[str, dict[str, Score]]

    def corrupted(self, code: str) -> Score:
        """Return the mean score of a code over all corruptions."""
        scores = [of[code] for name, of in self.scores.items() if name != CLEAN]
        return Score(
            value=float(np.mean([score.value for score in scores])),
            samples=np.mean([score.samples for score in scores], axis=0),
        )


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """The result of :func:`probe_robustness`.

    Attributes:
        readings: one for each read-out.
        codes: the names of the codes compared; the first is the reference for the others.
        descriptions: representation -> its description, PCA and the pixels included.
        fitted_on, tested_on: numbers of images.
        left_out: test images that were training images as well.
        skipped: images that could not be used, with reasons.
    """

    readings: tuple[Reading, ...]
    codes: tuple[str, ...]
    descriptions: dict[str, str]
    fitted_on: int
    tested_on: int
    left_out: int = 0
    skipped: Sequence[Skipped] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "fitted_on": self.fitted_on,
            "tested_on": self.tested_on,
            "left_out_because_trained_on": self.left_out,
            "skipped": [[s.name, s.reason] for s in self.skipped],
            "representations": self.descriptions,
            "measures": {
                reading.name: {
                    corruption: {
                        code: {"value": score.value, "interval": score.interval}
                        for code, score in scores.items()
                    }
                    for corruption, scores in reading.scores.items()
                }
                for reading in self.readings
            },
        }


def read_robustness(
    models: Models,
    training: tuple[Any, Target],
    test: tuple[Any, Target],
    *,
    corruptions: Sequence[str] = CORRUPTIONS,
    seed: int = 0,
) -> Robustness:
    """Fit read-outs on codes of clean images, and apply them to codes of clean and corrupted test images.

    Args:
        models: name -> model, fitted on the same images; the first is the reference for the others.
        training, test: images and the target of each.
        corruptions: as for :func:`probe_robustness`; every model gets the same corrupted images.
        seed: of corruptions, read-outs and resampling.

    Raises:
        InputError: for unusable corruptions, models that prepare images differently, or targets that do not
            match or have one value only.
    """
    noises = {CLEAN: None, **parse_corruptions(corruptions)}
    first = _same_images(models)
    (images, target), (others, wanted) = training, test
    truth = in_classes_of(target, wanted)
    refuse_one_class(target, truth)
    readers = _readers(models)
    fit = _numbers(first, readers, first.open(images), None, seed)
    read = {
        name: {code: reader(rows) for code, rows in fit.items()}
        for name, reader in _read_outs(target, seed).items()
    }
    weights = resamples(len(truth), seed)
    scores: dict[str, dict[str, dict[str, Score]]] = {name: {} for name in read}
    for corruption, noise in noises.items():
        rows = _numbers(first, readers, first.open(others), noise, seed)
        for name, answers in read.items():
            scores[name][corruption] = {
                code: _score(target, truth, answers[code](rows[code]), weights) for code in readers
            }
    return Robustness(
        readings=tuple(Reading(name=name, scores=of) for name, of in scores.items()),
        codes=tuple(models),
        descriptions=_descriptions(models, fit),
        fitted_on=len(target.values),
        tested_on=len(truth),
    )


def parse_corruptions(corruptions: Sequence[str]) -> dict[str, Noise]:
    """Return the noise of each corruption by its name; values are clipped to black and white, as in a file.

    Raises:
        InputError: for an empty list, duplicates, or unknown noise.
    """
    if not corruptions or len(set(corruptions)) < len(corruptions):
        raise InputError(
            f"corruptions must be one at least, each another; got {', '.join(corruptions) or 'none'}"
        )
    return {text: parse_noise(text, clip=True) for text in corruptions}


def _same_images(models: Models) -> ConvAutoencoder:
    """Return the first model, after checking that all models prepare images alike."""
    first, *others = models.values()
    for other in others:
        if (other.plan_, other.scaling_, other.image_shape_) != (
            first.plan_,
            first.scaling_,
            first.image_shape_,
        ):
            raise InputError(
                "models that are compared must see images alike: fit them on the same images, with the same "
                "size, framing, channels and scaling"
            )
    return first


def _readers(models: Models) -> dict[str, Reader]:
    first = next(iter(models.values()))
    codes = {name: code_reader(model) for name, model in models.items()}
    return {**codes, PCA: baseline_reader(first), PIXELS: pixel_reader(first)}


def _numbers(
    model: ConvAutoencoder,
    readers: Mapping[str, Reader],
    source: ImageSource,
    noise: Noise | None,
    seed: int,
) -> dict[str, np.ndarray]:
    """Return (n, D) of the images of a source, by each reader; the same noise sample for all readers."""
    rows: dict[str, list[np.ndarray]] = {name: [] for name in readers}
    generator = torch.Generator().manual_seed(seed)
    batches = model.inference_.batches(model._pixels(source), lambda x: x[:, :1, :1, :1])
    for clean, _ in batches:
        with torch.inference_mode():
            shown = clean if noise is None else noise.apply(clean, generator)[0]
            for name, reader in readers.items():
                rows[name].append(reader(shown).flatten(1).cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def _read_outs(target: Target, seed: int) -> dict[str, Callable[[np.ndarray], Answers]]:
    """Return the measures: functions that fit a reader to rows of training images."""
    values, k = target.values, NEIGHBOURS
    if target.classes:
        return {
            "linear classifier, accuracy": lambda fit: readouts.linear_reader(fit, values, seed),
            f"{k} nearest neighbours, accuracy": lambda fit: (
                lambda rows: readouts.vote(fit, values, rows, k)
            ),
        }
    return {
        "ridge regression, R²": lambda fit: readouts.ridge_reader(fit, values),
        f"{k} nearest neighbours, R²": lambda fit: (
            lambda rows: readouts.average(fit, values, rows, k)
        ),
    }


def _score(target: Target, truth: np.ndarray, answers: np.ndarray, weights: np.ndarray) -> Score:
    if target.classes:
        return readouts.mean_score((answers == truth).astype(np.float64), weights)
    return readouts.explained_score(truth, answers, weights)


def in_classes_of(target: Target, other: Target) -> np.ndarray:
    """Return the test targets (n,), with classes numbered as among the training images.

    Raises:
        InputError: if the training images lack one of the classes, or only one target has classes.
    """
    if target.classes != other.classes:
        raise InputError(
            "the targets must be classes for training and test images, or numbers for both"
        )
    if not (target.classes and target.names and other.names) or target.names == other.names:
        return other.values
    used = sorted({other.names[i] for i in other.values})
    if unknown := [name for name in used if name not in target.names]:
        raise InputError(
            f"the test images have classes that the training images lack: {', '.join(unknown[:5])}; give "
            "classes the same names in both"
        )
    return np.array([target.names.index(other.names[i]) for i in other.values], dtype=np.int64)


def refuse_one_class(target: Target, truth: np.ndarray) -> None:
    """Refuse targets that have nothing to distinguish.

    Raises:
        InputError: if all training images have one class, or a numeric target has one value only.
    """
    if target.classes and len(np.unique(target.values)) < 2:
        raise InputError(
            "the images to learn from are all of one class; codes are compared by two classes at least, "
            "with some images each"
        )
    if not target.classes and (target.values.std() == 0 or truth.std() == 0):
        raise InputError("the target has one value only; codes are compared by one that varies")


def _descriptions(models: Models, numbers: Mapping[str, np.ndarray]) -> dict[str, str]:
    descriptions = {name: f"{rows.shape[1]} numbers" for name, rows in numbers.items()}
    for name, model in models.items():
        bottleneck = model._config().bottleneck
        if bottleneck.kind != "plain":
            descriptions[name] += f", bottleneck {replace(bottleneck, level=bottleneck.strength)}"
        if model.noise is not None:
            descriptions[name] += f", learnt with {model.noise}"
    descriptions[PCA] = next(iter(models.values())).baseline_.name
    return descriptions
