"""Fit a model of any kind from the command line: check, train, save, measure on held-out images, report."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol

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
from convae.cli.terminal.progress import counting, duration, training
from convae.config.training import TrainingSettings
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.filesystem.run_files import current_run
from convae.images.dataset.preparation import Preparation
from convae.images.sources.base import ImageSource
from convae.training.checkpoint import CheckpointFolder
from convae.training.interrupt import TrainingInterrupted


class Outcome(Protocol):
    """The measured quality of a fitted model."""

    def lines(self) -> list[str]:
        """Return the lines for people, compared with the baselines."""
        ...

    def values(self) -> dict[str, Any]:
        """Return the same results for programs."""
        ...

    def write_report(self, folder: Path, title: str) -> Path:
        """Write the page and its pictures into an existing folder; return the path of the page."""
        ...


@dataclass(frozen=True, kw_only=True)
class FitJob:
    """The parts of ``convae fit`` that depend on the estimator.

    Attributes:
        estimator: the class of the estimator.
        measure: a function that measures a fitted model, given the source that it was fitted on.
        options: further arguments of the estimator's ``fit``, such as a target.
    """

    estimator: Callable[..., Any]
    measure: Callable[[Any, ImageSource], Outcome]
    options: dict[str, Any] = field(default_factory=dict)


def fit_and_report(job: FitJob, parameters: Values, fit: Fit, voice: Voice) -> None:
    """Run ``convae fit``."""
    check_values(parameters)
    if (run := current_run()) is not None and (fit.resume or fit.restart):
        run.overwrite = True  # the interrupted run was allowed to
    out = output_file(fit.out, MODEL_SUFFIX)
    state = fit.checkpoint or Path(f"{out}.checkpoint")
    fit = replace(fit, out=out, checkpoint=state)
    planned(named_after(out, HISTORY), named_after(out, SKIPPED))
    if fit.report:
        check_report_folder(fit.report_folder)
    output_folder(state, what="--checkpoint")
    checkpoint = checkpoint_of(fit)
    source = fit.data.open(shape=parameters.get("image_shape"))
    for note in source.notes:
        voice.note(note)
    model = job.estimator(**{k: v for k, v in parameters.items() if k != "image_shape"})
    train(model, source, fit, checkpoint, voice, job.options)
    model.save(out)
    checkpoint.remove()
    with counting(voice, "measuring on held-out images"):
        outcome = job.measure(model, source)
    history = write_history(named_after(out, HISTORY), model.history_)
    skipped = write_skipped(named_after(out, SKIPPED), model.skipped_)
    page = None
    if fit.report:
        folder = result_folder(fit.report_folder, what="the report's folder")
        page = outcome.write_report(folder, out.stem)
    files = {"model": out, "history": history, "skipped": skipped, "report": page}
    account(model, outcome, files, voice)


def check_values(parameters: Values) -> None:
    """Check parameters that can be checked before any image is read.

    Raises:
        InputError: a parameter is out of its range.
    """
    training = [field.name for field in fields(TrainingSettings) if field.name != "seed"]
    TrainingSettings(**{k: parameters[k] for k in training if parameters.get(k) is not None})
    if not 0 <= (parameters.get("random_state") or 0) < 2**32:
        raise InputError(
            f"--seed must be a whole number from 0 to 2**32 - 1; got {parameters['random_state']}"
        )
    images = [field.name for field in fields(Preparation)]
    Preparation(**{k: parameters[k] for k in images if parameters.get(k) is not None})


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
                observers=observers,
                **options,
            )
    except (KeyboardInterrupt, Terminated) as stop:
        # Between two trainings, or while a score is chosen, the signal comes as itself.
        if not isinstance(stop, TrainingInterrupted) and not checkpoint.exists():
            raise
        said = str(stop) or "interrupted; the training so far is saved"
        number = getattr(stop, "signal", signal.SIGINT)
        raise Interrupted(f"{said}; go on with: {command_line(resume=True)}", number) from stop


def account(
    model: ImageEstimator,
    outcome: Outcome,
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
    for line in outcome.lines():
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
            **outcome.values(),
        }
    )


def _parts(facts: dict[str, Any]) -> str:
    """Return how the images were split: ``27 images, 9 held out, 13 (4 groups) to set the threshold``."""
    said = f"{_many(facts['training_images'], 'image')}, {facts['validation_images']:,} held out"
    count, groups = facts.get("calibration_images"), facts.get("calibration_groups")
    if count is None:
        return said
    grouped = "" if groups in (None, count) else f" ({_many(groups, 'group')})"
    if facts.get("largest_fold"):
        return (
            f"{said} in the first fold; in all folds together {count:,}{grouped} set the threshold"
        )
    return f"{said}, {count:,}{grouped} to set the threshold"


def _many(count: int, what: str) -> str:
    """Return ``1 image``, ``2 images``."""
    return f"{count:,} {what}{'s' * (count != 1)}"
