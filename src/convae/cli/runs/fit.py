"""Fit a model of any kind from the command line: check, train, save, measure on held-out images, report."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from convae.cli.fit_options import MODEL_SUFFIX, Fit, command_line
from convae.cli.io.image_tables import read_groups
from convae.cli.io.output_files import (
    HISTORY,
    SKIPPED,
    check_report_folder,
    named_after,
    output_file,
    output_folder,
    planned,
    result_folder,
    write_history,
    write_skipped,
)
from convae.cli.main import Interrupted, Terminated
from convae.cli.settings import Values
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting, training
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.evaluation.results.protocol import Evaluation
from convae.evaluation.results.shown import evaluation_lines
from convae.filesystem.run_files import current_run
from convae.images.sources.base import ImageSource
from convae.model_reports.job import Job, Request
from convae.model_reports.jobs import job_of
from convae.report.page.folder import write_folder
from convae.report.page.heading import Occasion
from convae.training.checkpoint import CheckpointFolder
from convae.training.interrupt import TrainingInterrupted
from convae.training.observers import Observer
from convae.training.progress import duration
from convae.training.trackers import parse_tracker

Estimator = TypeVar("Estimator", bound=ImageEstimator)


@dataclass(frozen=True, kw_only=True)
class FitJob:
    """The parts of ``convae fit`` that depend on the estimator.

    Attributes:
        estimator: the class of the estimator.
        options: further arguments of the estimator's ``fit``, such as a target.
    """

    estimator: type[ImageEstimator]
    options: dict[str, Any] = field(default_factory=dict)


def fit_and_report(job: FitJob, parameters: Values, fit: Fit, voice: Voice) -> None:
    """Run ``convae fit``."""
    model = checked_estimator(job.estimator, parameters)
    if (run := current_run()) is not None and (fit.resume or fit.restart):
        run.overwrite = True  # the interrupted run was allowed to
    out = output_file(fit.out, MODEL_SUFFIX)
    state = fit.checkpoint or Path(f"{out}.checkpoint")
    fit = replace(fit, out=out, checkpoint=state)
    planned(named_after(out, HISTORY), named_after(out, SKIPPED))
    if fit.report:
        check_report_folder(fit.report_folder)
    output_folder(state, what="--checkpoint")
    trackers = [parse_tracker(text, name=out.stem) for text in fit.trackers]
    for tracker in trackers:
        output_folder(tracker.folder, what="--tracker")
    checkpoint = checkpoint_of(fit)
    source = fit.data.open(shape=parameters.get("image_shape"))
    for note in source.notes:
        voice.note(note)
    train(model, source, fit, checkpoint, voice, job.options, trackers)
    model.save(out)
    checkpoint.remove()
    kind = job_of(model)
    request = Request(source=source, target=job.options.get("target"), after_fit=True)
    with counting(voice, "measuring on held-out images"):
        evaluation = kind.after_fit.measure(model, request)
    history = write_history(named_after(out, HISTORY), model.history_)
    skipped = write_skipped(named_after(out, SKIPPED), model.skipped_)
    page = None
    if fit.report:
        folder = result_folder(fit.report_folder, what="the report's folder")
        heading = _heading(model, kind, evaluation, out.stem)
        page = write_folder(folder, kind.after_fit.page(model, evaluation, source, heading))
    files = {"model": out, "history": history, "skipped": skipped, "report": page}
    summarize(model, kind, evaluation, files, voice)


def checked_estimator(kind: type[Estimator], parameters: Values) -> Estimator:
    """Return an estimator with parameters that can be right, checked before any image is read.

    Raises:
        InputError: a parameter is wrong for any images.
    """
    model = kind.from_options(parameters)
    model.check_parameters()
    return model


def checkpoint_of(fit: Fit) -> CheckpointFolder:
    """Return the folder of the checkpoint, after checking ``--resume`` and ``--restart``.

    Raises:
        InputError: both options are given, there is nothing to resume, or a checkpoint is there and neither
            is given.
    """
    assert fit.checkpoint is not None
    folder = CheckpointFolder(fit.checkpoint, every=fit.checkpoint_every)
    if fit.resume and fit.restart:
        raise InputError("--resume and --restart exclude each other")
    if fit.resume and not folder.exists() and fit.out.exists():
        raise InputError(
            f"{fit.out}: this fit is finished, there is nothing to resume; give another --out, or train "
            "again with --overwrite"
        )
    if fit.resume and not folder.exists():
        raise InputError(
            f"{fit.checkpoint}: there is no checkpoint to resume from; leave out --resume to start"
        )
    if folder.exists() and fit.restart:
        folder.remove()
    elif folder.exists() and not fit.resume:
        raise InputError(
            f"{fit.checkpoint}: holds the state of a run that was interrupted: go on with --resume, or "
            "start afresh with --restart"
        )
    return folder


def train(
    model: Any,
    source: ImageSource,
    fit: Fit,
    checkpoint: CheckpointFolder,
    voice: Voice,
    options: dict[str, Any],
    trackers: Sequence[Observer] = (),
) -> None:
    """Train a model.

    Raises:
        Interrupted: training was interrupted; the message states the command that resumes it.
    """
    groups = None if fit.groups is None else read_groups(fit.groups, source)
    voice.note(f"training on {source.description}: {len(source):,} images")
    try:
        with training(voice) as observers:
            model.fit(
                source,
                groups=groups,
                checkpoint=checkpoint,
                resume=fit.resume,
                observers=[*observers, *trackers],
                verbose=False,
                **options,
            )
    except (KeyboardInterrupt, Terminated) as stop:
        # Between two trainings, or while a score is chosen, the signal comes as itself.
        if not isinstance(stop, TrainingInterrupted) and not checkpoint.exists():
            raise
        text = str(stop) or "interrupted; the training so far is saved"
        number = getattr(stop, "signal", signal.SIGINT)
        raise Interrupted(f"{text}; go on with: {command_line(resume=True)}", number) from stop


def _heading(model: ImageEstimator, kind: Job, evaluation: Evaluation, title: str) -> Occasion:
    """Return the heading of the report of a fit."""
    use = "that it was trained on" if evaluation.seen else "held out from training"
    return Occasion(
        title=title,
        subtitle=f"{kind.title} of {model._stored.facts['images']}",
        measured_on=f"{evaluation.images:,} images {use}",
        command=command_line(),
        after_fit=True,
        seed=model.settings_.seed,
    )


def summarize(
    model: ImageEstimator,
    kind: Job,
    evaluation: Evaluation,
    files: dict[str, Path | None],
    voice: Voice,
) -> None:
    """Print the summary: the training, the quality of the model, and the files that were written."""
    facts, skipped = model._stored.facts, len(model.skipped_)
    seconds = sum(row["seconds"] for row in model.history_)
    voice.say(
        f"Trained on {_parts(facts)}"
        + (f", {skipped:,} skipped (see {files['skipped']})" if skipped else "")
        + f"; {_many(model.n_iter_, 'epoch')} in {duration(seconds)}, weights from epoch "
        f"{model.best_epoch_}."
    )
    voice.say()
    where = "on training images" if evaluation.seen else "on images held out"
    for line in evaluation_lines(evaluation, where, kind.notes(model)):
        voice.say(line)
    voice.say()
    for name, path in files.items():
        if path is not None:
            voice.say(f"{name + ':':9}{path}")
    voice.result(
        {
            "model": files["model"],
            "history": files["history"],
            "skipped_file": files["skipped"],
            "report": files["report"],
            "training_images": facts["training_images"],
            "validation_images": facts["validation_images"],
            "epochs": model.n_iter_,
            "best_epoch": model.best_epoch_,
            "seconds": seconds,
            "skipped": [[s.name, s.reason] for s in model.skipped_],
            **kind.values(model, evaluation),
        }
    )


def _parts(facts: dict[str, Any]) -> str:
    """Return how the images were split: ``27 images, 9 held out, 13 (4 groups) to set the threshold``."""
    text = f"{_many(facts['training_images'], 'image')}, {facts['validation_images']:,} held out"
    count, groups = facts.get("calibration_images"), facts.get("calibration_groups")
    if count is None:
        return text
    grouped = "" if groups in (None, count) else f" ({_many(groups, 'group')})"
    if facts.get("largest_fold"):
        return (
            f"{text} in the first fold; in all folds together {count:,}{grouped} set the threshold"
        )
    return f"{text}, {count:,}{grouped} to set the threshold"


def _many(count: int, what: str) -> str:
    """Return ``1 image``, ``2 images``."""
    return f"{count:,} {what}{'s' * (count != 1)}"
