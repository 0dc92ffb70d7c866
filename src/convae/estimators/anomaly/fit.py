"""Fit a detector to normal images: split them, train, choose the score, set the threshold."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from convae.errors import ImageError, InputError
from convae.estimators.anomaly.cross_scorer import CrossScorer, extras_of
from convae.estimators.anomaly.known_defects import account
from convae.estimators.anomaly.method import Extras, Judged, KnowsDefects, Method, Normals, Scorer
from convae.estimators.anomaly.split import ThreeParts, cross_normals, split_normals
from convae.estimators.fit import (
    Learning,
    Ready,
    Run,
    make_ready,
    make_settings,
    start_network,
    train_model,
)
from convae.estimators.fit_config import FitConfig
from convae.images.dataset.preparation import Finished, Preparation, finished
from convae.images.dataset.reach import refuse_far
from convae.images.dataset.scaling import Scaling
from convae.images.dataset.survey import channels_fault, grouped_reasons, refuse_skipped, survey
from convae.images.sources.base import ImageSource, Skipped
from convae.metrics.conformal import Calibration
from convae.metrics.difference_maps import resized
from convae.metrics.drift import TESTS, look_of, look_rows
from convae.networks.architecture import Architecture
from convae.storage.model_file import StoredModel
from convae.training.observers import Observers
from convae.training.splits_and_batches import generator

MOST_PIXELS = 640 * 1024  # of an image, if no size was given
SMALL = 96  # pixels of the longer side of normal images that a model keeps
KEPT_BYTES = 2**25  # of all these images
TUNING = 0.3  # fraction of the epochs that each candidate is trained for
LOOKS = "calibration.looks"  # the extra of a model file that holds how the calibration images look
Changes = dict[str, Any]


@dataclass
class _Fit:
    """A fit in progress."""

    kind: str
    config: FitConfig[Any]
    run: Run
    method: Method
    ready: Ready
    parts: ThreeParts
    defects: tuple[Finished, ...] = ()

    @property
    def normals(self) -> Normals:
        kept, shape = self.parts.training, self.ready.images.shape
        each = shape[0] * math.prod(_thumbnail(shape))
        most = min(self.method.kept, max(1, KEPT_BYTES // each))
        if len(kept) > most:
            kept = np.sort(generator(self.ready.seed, 0, 2).choice(kept, most, replace=False))
        return Normals(
            ready=self.ready,
            kept=kept,
            choosing=self.parts.choosing,
            groups=self.parts.groups,
            seed=self.ready.seed,
            defects=self.defects,
        )


def fit_detector(
    kind: str,
    source: ImageSource,
    config: FitConfig[Any],
    run: Run,
    method: Method,
) -> StoredModel:
    """Split normal images in three, train, choose the score, set the threshold.

    Args:
        kind: the estimator's class name.
        run: its images with real defects are used to choose.
    """
    given, p, parts = config, config.parameters, list[ThreeParts]()

    def split(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rate, seed, estimated = p.false_alarm_rate, config.seed, p.estimate_tail
        if p.folds is None:
            parts.append(split_normals(groups, rate, seed, estimated=estimated))
            return parts[0].training, parts[0].choosing
        parts.extend(cross_normals(groups, rate, seed, p.folds, estimated=estimated))
        return np.arange(len(groups)), parts[0].choosing  # scaled by all of them

    def settle(shape: tuple[int, int, int], scaling: Scaling | None) -> Architecture:
        return method.architecture(shape, scaling, {})

    wanted = Preparation(
        size=_frame(source, config),
        channels=p.channels,
        coarse=True,
        strict=config.preparation.strict,
        storage=config.preparation.storage,
    )
    ready = make_ready(source, config, run, wanted=wanted, settle=settle, split=split)
    count = len(parts[0].training)
    defaults = method.defaults(count, ready.images.shape)
    if p.epochs is None:
        config = config.changed(epochs=defaults.epochs)
    ready = replace(ready, crops=method.crops(count), batch_size=defaults.batch_size)
    known, unread = ((), ()) if run.defects is None else _read(run.defects, ready, config, run)
    fits = [
        _Fit(
            kind,
            config,
            run,
            method,
            replace(ready, training=x.training, validation=x.choosing),
            x,
            known,
        )
        for x in parts
    ]
    changes, tuned = _tuned(fits[0]) if p.tune else ({}, [])
    trained = [_trained(fit, changes, config, _run_of(fits, i)) for i, fit in enumerate(fits)]
    stored, scorer = trained[0][0], _together(trained)
    run.observers.message(scorer.summary)
    calibration, peaks = _calibrations(fits, trained)
    facts = {**stored.facts, "detector": {**scorer.facts, "tuned": tuned}}
    if known:
        facts["detector"]["defects"] = _account(fits, trained)
    facts["skipped"] = [*facts["skipped"], *([one.name, one.reason] for one in unread)]
    facts |= calibration_facts(calibration, parts[0].rate, estimated=p.estimate_tail)
    if len(fits) > 1:
        facts["largest_fold"] = max(_groups_in(x) for x in parts)
    extras = {
        **scorer.extras,
        "kept": _thumbnails(fits[0].normals),
        **calibration_extras(calibration, peaks),
        LOOKS: torch.from_numpy(np.concatenate([_looks(fit, source) for fit in fits])),
    }
    inside = np.unique(np.concatenate([x for one in parts for x in (one.training, one.choosing)]))
    seen = ready.images.hashes[inside]
    seen = np.sort(np.append(seen, np.array([one.digest for one in known], seen.dtype)))
    held_out = ready.images.index[parts[0].calibrating]
    return replace(
        stored,
        parameters=given.flat(),
        extras=extras,
        facts=facts,
        seen=seen,
        held_out=held_out,
    )


Trained = tuple[StoredModel, Scorer]


def _groups_in(part: ThreeParts) -> int:
    """Return the number of groups in a fold."""
    return len(np.unique(part.groups[part.calibrating]))


def _run_of(fits: list[_Fit], number: int) -> Run:
    """Return the run of one of several fits: each has its own checkpoint."""
    run = fits[number].run
    if len(fits) == 1:
        return run
    run.observers.message(f"fold {number + 1} of {len(fits)}")
    if run.checkpoint is None:
        return run
    own = run.checkpoint.part(f"fold-{number + 1}")
    return replace(run, checkpoint=own, resume=run.resume and own.has_state())


def _together(trained: list[Trained]) -> Scorer:
    """Combine one scorer or several into one."""
    if len(trained) == 1:
        return trained[0][1]
    more: Extras = {}
    for number, (stored, scorer) in enumerate(trained[1:], start=1):
        more |= extras_of(stored.network, scorer, number)
    return CrossScorer([scorer for _, scorer in trained], more)


def _account(fits: list[_Fit], trained: list[Trained]) -> dict[str, Any]:
    """Report how well the real defects are detected.

    See :func:`convae.estimators.anomaly.known_defects.account`.
    """
    judges = []
    for fit, (_, scorer) in zip(fits, trained, strict=True):
        if not isinstance(scorer, KnowsDefects):
            return {}
        judges.append(scorer.judging(fit.normals, fit.parts.calibrating))
    if None in judges:
        return {}
    report = account(judges, fits[0].parts.rate)
    return {**report, "missed": [fits[0].defects[i].info.name for i in report["missed"]]}


def _read(
    defects: ImageSource, ready: Ready, config: FitConfig[Any], run: Run
) -> tuple[tuple[Finished, ...], tuple[Skipped, ...]]:
    """Images with real defects, as the network will see them, and those that cannot be used.

    An image that is there twice counts once: it would judge itself.

    Raises:
        InputError: none can be used, or one is among the normal images.
    """
    plan, normal = ready.images.plan, set(ready.images.hashes.tolist())
    found, skipped, seen = list[Finished](), list(defects.skipped), set[int]()
    repeated = 0
    for index in range(len(defects)):
        try:
            image = plan.read(defects, index)
            have = image.pixels.shape[2]
            if have != plan.channels and config.parameters.channels is None:  # no silent conversion
                raise ImageError(image.info.name, channels_fault(have, plan.channels))
            one = finished(plan, image)
            refuse_far(one.pixels, ready.unit.scaling, one.info.name)
        except ImageError as error:
            if config.preparation.strict:
                raise
            skipped.append(Skipped(error.name, error.reason))
            continue
        if one.digest in normal:
            raise InputError(
                f"defects: {one.info.name} in {defects.description} is among the normal images, too: it can "
                "be only one of both"
            )
        if int(one.digest) in seen:
            repeated += 1
            continue
        seen.add(int(one.digest))
        found.append(one)
    refuse_skipped(defects, skipped, strict=config.preparation.strict, left=len(found))
    if repeated:
        some = "1 image is" if repeated == 1 else f"{repeated} images are"
        run.observers.message(f"defects: {some} the same as another, and count once")
    if skipped:
        some = "1 image" if len(skipped) == 1 else f"{len(skipped)} images"
        run.observers.warn(f"defects: {some} cannot be used: {grouped_reasons(skipped)}")
    return tuple(found), tuple(skipped)


def _frame(source: ImageSource, config: FitConfig[Any]) -> tuple[int, int]:
    """Return the (height, width) that all images are resized to."""
    if config.parameters.size is not None:
        height, width = config.parameters.size
        return height, width
    shapes = survey(source, strict=config.preparation.strict).shapes[:, :2]
    height, width = (float(side) for side in np.median(shapes, axis=0))
    factor = min(1.0, math.sqrt(MOST_PIXELS / (height * width)))
    return max(1, round(factor * height)), max(1, round(factor * width))


def _trained(
    fit: _Fit, changes: Changes, config: FitConfig[Any], run: Run
) -> tuple[StoredModel, Scorer]:
    """Train a network with these changes, and fit its scorer."""
    images, scaling = fit.ready.images, fit.ready.unit.scaling
    architecture = fit.method.architecture(images.shape, scaling, changes)
    ready = replace(fit.ready, architecture=architecture)
    network = start_network(ready, further=fit.method.further)
    learning = Learning(*fit.method.task())
    stored = train_model(fit.kind, config, ready, network, learning, run)
    return stored, fit.method.fit_scorer(stored.network, fit.normals)


def _tuned(fit: _Fit) -> tuple[Changes, list[list[Any]]]:
    """Return the change that detects synthetic defects best after a short training, and all results."""
    epochs = make_settings(fit.config, fit.ready).epochs
    short = fit.config.changed(epochs=math.ceil(TUNING * epochs))
    quiet = Run(groups=fit.run.groups, observers=Observers([]))
    candidates, reached = fit.method.candidates(), []
    for changes in candidates:
        reached.append(float(_trained(fit, changes, short, quiet)[1].facts["auroc"]))
        fit.run.observers.message(
            f"tuning: {_named(changes)}: AUROC {reached[-1]:.3f} on synthetic defects"
        )
    table = [list(row) for row in zip(candidates, reached, strict=True)]
    return candidates[int(np.argmax(reached))], table


def _named(changes: Changes) -> str:
    return ", ".join(f"{name} {value}" for name, value in changes.items()) or "as it is"


def _calibrations(fits: list[_Fit], trained: list[Trained]) -> tuple[Calibration, Calibration]:
    """Calibrate the scores, and the highest values of the maps, on images that their scorer has not seen."""
    judged, groups = list[Judged](), list[np.ndarray]()
    for fit, (stored, scorer) in zip(fits, trained, strict=True):
        judged += fit.normals.judged(stored.network, fit.parts.calibrating, scorer)
        groups.append(fit.parts.groups[fit.parts.calibrating])
    together = np.concatenate(groups)
    return (
        Calibration.of([float(one.score) for one in judged], together),
        Calibration.of([float(one.map.max()) for one in judged], together),
    )


def _looks(fit: _Fit, source: ImageSource) -> np.ndarray:
    """Measure the calibration images, by :func:`convae.metrics.drift.look_rows`."""
    images, scaling, calibrating = fit.ready.images, fit.ready.unit.scaling, fit.parts.calibrating
    looks = []
    for position, index in zip(calibrating, images.index[calibrating], strict=True):
        pixels = images.batch(np.array([position]))[0]
        looks.append(look_of(scaling.apply(pixels), source.header(int(index)).shape[:2]))
    return look_rows(looks, fit.parts.groups[calibrating])


def looks_of(extras: Extras) -> np.ndarray | None:
    """Return the measurements of the calibration images, (n, TESTS); None in a file of an earlier version.

    Raises:
        ValueError: the file is damaged.
    """
    if LOOKS not in extras:
        return None
    rows: np.ndarray = extras[LOOKS].numpy().reshape(-1, TESTS)
    if not (rows[:, -1] > 0).all():
        raise ValueError("a calibration image counts nothing")
    return rows


def threshold_of(calibration: Calibration, rate: float, *, estimated: bool) -> float:
    """Return the threshold that promises a rate, or an estimate of it beyond what can be promised."""
    return (calibration.tail_threshold if estimated else calibration.threshold)(rate)


def calibration_facts(calibration: Calibration, rate: float, *, estimated: bool) -> dict[str, Any]:
    """Return what a model file says of the threshold and of the images that set it.

    Raises:
        InputError: they cannot promise this rate.
    """
    return {
        "false_alarm_rate": rate,
        "threshold": threshold_of(calibration, rate, estimated=estimated),
        "calibration_images": len(calibration.scores),
        "calibration_groups": calibration.witnesses,
    }


def calibration_extras(calibration: Calibration, peaks: Calibration) -> Extras:
    """Return the tensors for a model file."""
    named = {"calibration": calibration, "peaks": peaks}
    return {
        f"{name}.{part}": torch.from_numpy(getattr(one, part)).float()
        for name, one in named.items()
        for part in ("scores", "weights")
    }


def calibrations_of(extras: Extras) -> tuple[Calibration, Calibration]:
    """Create the calibrations from the result of :func:`calibration_extras`."""

    def one(name: str) -> Calibration:
        scores, weights = (extras[f"{name}.{part}"].double() for part in ("scores", "weights"))
        # 1 / size of the group, restored exactly: rates are compared to the last digit
        return Calibration(scores.numpy(), (1 / (1 / weights).round()).numpy())

    return one("calibration"), one("peaks")


def _thumbnails(normals: Normals) -> torch.Tensor:
    """Return the normal images that are kept, (n, C, h, w) uint8, reduced in size."""
    size = _thumbnail(normals.ready.images.shape)
    small = [resized(batch, size) for batch in normals.batches(normals.kept, 1)]
    return (torch.cat(small).clamp(0, 1) * 255).round().to(torch.uint8).cpu()


def _thumbnail(shape: tuple[int, int, int]) -> tuple[int, int]:
    """Return the (height, width) of a kept image, from its shape (C, H, W)."""
    _, height, width = shape
    factor = min(1.0, SMALL / max(height, width))
    return max(1, round(factor * height)), max(1, round(factor * width))
