"""Compare fitted models of one job: on the same images, or by the figures that their files hold."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convae.config.setting import settings_of
from convae.errors import InputError
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.base import ImageEstimator
from convae.estimators.registry import load
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.inpainter import Inpainter
from convae.evaluation.comparison.image_figures import (
    Conditions,
    conditions_of,
    measure,
    pairs_for,
    units_of,
)
from convae.evaluation.comparison.unseen import Unseen, unseen_images
from convae.evaluation.results.comparison import ModelComparison, ModelFigures
from convae.evaluation.results.figures import Figure
from convae.images.sources.base import ImageSource, Skipped

MOST = 2000
STORED = Figure(name="validation error", better="lower")
# Facts of a run, not settings of it.
_NOT_COMPARED = frozenset({"device"})
_DECIDED = ("epochs", "batch_size", "learning_rate")


def compare(
    models: Mapping[str, ImageEstimator] | Sequence[str | Path],
    X: Any = None,
    *,
    target: Any = None,
    noise: str | None = None,
    holes: str | None = None,
    include_seen: bool = False,
    most: int = MOST,
    seconds: Mapping[str, float] | None = None,
    seed: int = 0,
) -> ModelComparison:
    """Compare models of one job.

    Autoencoders of all kinds are compared by the squared error of their reconstructions, denoisers by PSNR,
    inpainters by the squared error in the holes. Values are fractions of the range of the file type, so that
    models with different scaling compare. Models that bring images to different sizes are compared by their
    results in the size of the files.

    Args:
        models: name -> fitted model, or paths of model files.
        X: images to measure on, any source; those that any of the models was trained on are left out. None
            compares the validation errors that the models hold, without intervals.
        target: for denoisers: the clean images, matched by name.
        noise: for denoisers without a target: the noise that is added, such as ``"gaussian:25/255"``. None
            takes that of the first model that learnt with added noise, at the middle of its range.
        holes: for inpainters: the holes that are made, such as ``"boxes:0.2"``. None takes those of the first
            model.
        include_seen: whether to measure on images that a model was trained on as well.
        most: number of images to measure; of more, a random choice is taken.
        seconds: how long each model was trained, by name, where that is known.
        seed: of that choice.

    Returns:
        The models from the best to the worst, and the verdict on each pair.

    Raises:
        InputError: the models have different jobs or are detectors, no image can be used, or an option is for
            another job.

    >>> import numpy as np
    >>> from convae import ConvAutoencoder
    >>> images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    >>> fitted = {
    ...     f"{n} numbers": ConvAutoencoder(latent_dim=n, epochs=1).fit(images) for n in (2, 16)
    ... }
    >>> found = compare(fitted, images)
    >>> found.images, found.models[0].name
    (4, '16 numbers')
    """
    named = _named(models)
    refuse_different_jobs(named)
    how = seconds or {}
    if X is None:
        if any(value is not None for value in (target, noise, holes)):
            raise InputError(
                "target, noise and holes are for images to measure on: give X (--data), too"
            )
        return _by_stored_figures(named, how)
    first = next(iter(named.values()))
    source = first.open(X)
    wanted = None if target is None else first.open(target)
    conditions = conditions_of(list(named.values()), target=wanted, noise=noise, holes=holes)
    shown = source if wanted is None else pairs_for(first, source, wanted)
    chosen = unseen_images(
        list(named.values()), shown, most=most, include_seen=include_seen, seed=seed
    )
    return _measured(named, shown, chosen, conditions, how)


def _named(
    models: Mapping[str, ImageEstimator] | Sequence[str | Path],
) -> dict[str, ImageEstimator]:
    if isinstance(models, Mapping):
        named = dict(models)
    elif isinstance(models, list | tuple) and all(isinstance(one, str | Path) for one in models):
        named = {str(path): load(path) for path in models}
    else:
        raise InputError(
            "models must be a dict of fitted models, such as {'a': first, 'b': second}, or a list of paths "
            f"of model files; got {models!r:.80}"
        )
    if len(named) < 2:
        raise InputError(f"two models at least are needed for a comparison; got {len(named)}")
    return named


def refuse_different_jobs(named: Mapping[str, ImageEstimator]) -> None:
    """Refuse models of which one restores and another reconstructs: their errors mean different things.

    Raises:
        InputError: the message names one model of each job.
    """
    jobs: dict[str, str] = {}
    for name, model in named.items():
        jobs.setdefault(job_group(model), name)
    if len(jobs) > 1:
        fitted = ", ".join(f"{name} was fitted to {job}" for job, name in jobs.items())
        raise InputError(
            f"models of different jobs cannot be compared: their errors mean different things: {fitted}"
        )


def job_group(model: ImageEstimator) -> str:
    """Return the job by which models are compared: all kinds of autoencoders have the same."""
    return ConvAutoencoder.job if isinstance(model, ConvAutoencoder) else model.job


def _measured(
    named: Mapping[str, ImageEstimator],
    source: ImageSource,
    chosen: Unseen,
    how: Conditions,
    seconds: Mapping[str, float],
) -> ModelComparison:
    found = {name: measure(model, source, chosen.positions, how) for name, model in named.items()}
    values = {name: one.at(chosen.positions) for name, one in found.items()}
    good = np.all([np.isfinite(v) | np.isposinf(v) for v in values.values()], axis=0)
    skipped = {one.name: one for part in found.values() for one in part.skipped}
    skipped |= {one.name: one for one in chosen.skipped}
    if not good.any():
        reasons = "; ".join(f"{s.name}: {s.reason}" for s in list(skipped.values())[:3])
        raise InputError(f"{source.description}: no image gave a figure for all models: {reasons}")
    rows = [
        figures_of(name, model, values[name][good], seconds.get(name))
        for name, model in named.items()
    ]
    return ModelComparison(
        figure=how.figure,
        models=tuple(sorted(rows, key=lambda row: how.figure.sign * row.mean)),
        images=int(good.sum()),
        data=source.description,
        measured=True,
        left_out=chosen.seen,
        seen=chosen.included,
        skipped=tuple[Skipped, ...](skipped.values()),
        conditions=how.words,
        as_files=how.as_files,
    )


def figures_of(
    name: str, model: ImageEstimator, values: np.ndarray, seconds: float | None = None
) -> ModelFigures:
    """Return the row of one model: its figures (n,), its size, its cost and its settings."""
    facts = model._stored.facts
    return ModelFigures(
        name=name,
        kind=type(model).__name__,
        values=values,
        parameters=sum(p.numel() for p in model.network_.parameters()),
        code_size=model.architecture_.code_size if isinstance(model, ConvAutoencoder) else None,
        training_images=int(facts["training_images"]),
        epochs=model.n_iter_,
        seconds=_seconds(model) if seconds is None else seconds,
        settings=settings_of_model(model),
    )


def _seconds(model: ImageEstimator) -> float | None:
    """Return how long the training took; None for a model from a file, which does not store it."""
    rows = [row.get("seconds") for row in model.history_]
    return None if None in rows else float(sum(filter(None, rows)))


def settings_of_model(model: ImageEstimator) -> dict[str, Any]:
    """Return all settings of a model by the names of TOML files; decided values where a fit decided them."""
    options = model.to_options()
    found = {
        one.key: options[one.name]
        for one in settings_of(type(model))
        if one.name not in _NOT_COMPARED
    }
    found |= {name: getattr(model.settings_, name) for name in _DECIDED if name in found}
    return {**found, "latent_dim": model.architecture_.latent_dim}


# -- stored figures ------------------------------------------------------------------------------


def _by_stored_figures(
    named: Mapping[str, ImageEstimator], seconds: Mapping[str, float]
) -> ModelComparison:
    conditions_of(list(named.values())[:1], **_some_noise(named))  # refuses detectors
    first = next(iter(named.values())).scaling_
    rows = []
    for name, model in named.items():
        error, spans = model.validation_mse_, units_of(model.scaling_, first).span
        if error is None:
            raise InputError(
                f"{name}: holds no validation error, because it was trained further on other images: give "
                "images to measure on (--data)"
            )
        factor = float(np.mean(np.square(spans)))
        rows.append(figures_of(name, model, np.array([error * factor]), seconds.get(name)))
    return ModelComparison(
        figure=STORED,
        models=tuple(sorted(rows, key=lambda row: row.mean)),
        images=min(int(model._stored.facts["validation_images"]) for model in named.values()),
        data="the validation images of each model",
        measured=False,
        cautions=tuple(_cautions(list(named.values()))),
    )


def _some_noise(named: Mapping[str, ImageEstimator]) -> dict[str, Any]:
    lead = next(iter(named.values()))
    return {"noise": "gaussian:25/255"} if isinstance(lead, Denoiser) else {}


def _cautions(models: Sequence[ImageEstimator]) -> list[str]:
    """Return what makes stored figures incomparable."""
    found = []
    if len({_validated_on(model) for model in models}) > 1:
        found.append(
            "Careful: the models were validated on different images, so their figures do not compare: give "
            "images to measure on (--data)."
        )
    learnt = {str(_corruption(model)) for model in models}
    if len(learnt) > 1:
        found.append(
            "Careful: the models were validated on different corruptions of the images (noise, holes or "
            "patches), so their figures do not compare: give images to measure on (--data)."
        )
    if any(not model._stored.facts["validation_images"] for model in models):
        found.append(
            "Careful: a model held no images out, so that its figure is of training images."
        )
    return found


def _validated_on(model: ImageEstimator) -> tuple[Any, ...]:
    """Return values that are equal for two models if they held out the same images, prepared alike."""
    facts, options = model._stored.facts, model.to_options()
    return (
        facts["fingerprint"],
        facts["validation_images"],
        model.settings_.seed,
        options.get("validation_fraction"),
        model.plan_.framing,
    )


def _corruption(model: ImageEstimator) -> object:
    if isinstance(model, Denoiser | Inpainter):
        return {**model._stored.facts["learnt"], "damage": None}
    options = model.to_options()
    return options.get("noise"), options.get("shift")
