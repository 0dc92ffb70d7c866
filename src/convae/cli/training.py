"""A fit from the command line: check, train, save, measure on what was held out, report."""

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from convae.cli.fitting import MODEL_SUFFIX, Fit, command_line
from convae.cli.measured import said, told
from convae.cli.outputs import (
    HISTORY,
    SKIPPED,
    output_file,
    output_folder,
    read_groups,
    write_history,
    write_skipped,
)
from convae.cli.progress import duration, training
from convae.cli.running import Interrupted
from convae.cli.settings import Values
from convae.cli.voice import Voice
from convae.errors import InputError
from convae.evaluation import Evaluation, evaluate
from convae.images.image_source import ImageSource
from convae.images.preparing import Preparation
from convae.report.of_model import Occasion, advice, report_of, write_folder
from convae.training.checkpoint import CheckpointFolder
from convae.training.interrupt import TrainingInterrupted
from convae.training.settings import TrainingSettings

if TYPE_CHECKING:
    from convae.estimators.autoencoder import ConvAutoencoder

MOST_MEASURED = 5000  # where nothing was held out: so many training images


def fit_and_report(
    estimator: "type[ConvAutoencoder]", parameters: Values, fit: Fit, voice: Voice
) -> None:
    """Everything that ``convae fit`` does."""
    check_values(parameters)
    out = output_file(fit.out, MODEL_SUFFIX)
    fit = replace(fit, out=out, checkpoint=fit.checkpoint or Path(f"{out}.checkpoint"))
    if fit.report_folder.exists() and not fit.report_folder.is_dir():
        raise InputError(f"{fit.report_folder}: is a file where the folder of the report must go")
    checkpoint = checkpoint_of(fit)
    source = fit.data.open(shape=parameters.get("image_shape"))
    for note in source.notes:
        voice.note(note)
    model = estimator(**{k: v for k, v in parameters.items() if k != "image_shape"})
    train(model, source, fit, checkpoint, voice)
    model.save(out)
    checkpoint.remove()
    measured, evaluation = measure_held_out(model, source)
    write_history(out.with_name(HISTORY), model.history_)
    skipped = write_skipped(out.with_name(SKIPPED), model.skipped_)
    page = None
    if fit.report:
        folder = output_folder(fit.report_folder, what="the folder of the report")
        page = report_fit(model, evaluation, measured, folder, title=out.stem)
    files = {"model": out, "history": out.with_name(HISTORY), "skipped": skipped, "report": page}
    account(model, evaluation, files, voice)


def check_values(parameters: Values) -> None:
    """Refuse what can be refused before any image is looked at."""
    training = [field.name for field in fields(TrainingSettings) if field.name != "seed"]
    TrainingSettings(**{k: parameters[k] for k in training if parameters.get(k) is not None})
    if not 0 <= (parameters.get("random_state") or 0) < 2**32:
        raise InputError(
            f"--seed must be a whole number from 0 to 2**32 - 1; got {parameters['random_state']}"
        )
    images = [field.name for field in fields(Preparation)]
    Preparation(**{k: parameters[k] for k in images if parameters.get(k) is not None})


def checkpoint_of(fit: Fit) -> CheckpointFolder:
    """The folder of the run's state, once it is clear what to do with what is in it."""
    assert fit.checkpoint is not None
    folder = CheckpointFolder(fit.checkpoint)
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
    model: "ConvAutoencoder",
    source: ImageSource,
    fit: Fit,
    checkpoint: CheckpointFolder,
    voice: Voice,
) -> None:
    """Train, and turn an interruption into the sentence that says how to go on."""
    groups = None if fit.groups is None else read_groups(fit.groups, source)
    voice.note(f"training on {source.description}: {len(source):,} images")
    try:
        with training(voice) as observers:
            model.fit(
                source, groups=groups, checkpoint=checkpoint, resume=fit.resume, observers=observers
            )
    except TrainingInterrupted as stop:
        raise Interrupted(f"{stop}; go on with: {command_line(resume=True)}", stop.signal) from stop


def measure_held_out(
    model: "ConvAutoencoder", source: ImageSource
) -> tuple[ImageSource, Evaluation]:
    """The images held out and the model's measure on them; without any, on training images."""
    held_out = model.held_out_
    if held_out is None or not len(held_out):
        some = source.select(range(min(len(source), MOST_MEASURED)))
        return some, evaluate(model, some, include_seen=True)
    chosen = source.select(held_out)
    # What was skipped while listing is told once, with what was skipped while reading.
    return chosen, replace(evaluate(model, chosen), skipped=[])


def report_fit(
    model: "ConvAutoencoder",
    evaluation: Evaluation,
    measured: ImageSource,
    folder: Path,
    *,
    title: str,
) -> Path:
    """Write the report of a fit into a folder that exists; gives the path of the page."""
    facts = model._stored.facts
    held_out = "held out from training" if not evaluation.seen else "that it was trained on"
    occasion = Occasion(
        title=title,
        subtitle=f"A convolutional autoencoder of {facts['images']}",
        measured_on=f"{evaluation.images:,} images {held_out}",
        command=command_line(),
        after_fit=True,
        seed=model.settings_.seed,
    )
    return write_folder(folder, report_of(model, evaluation, measured, occasion))


def account(
    model: "ConvAutoencoder",
    evaluation: Evaluation,
    files: dict[str, Path | None],
    voice: Voice,
) -> None:
    """Say what was done, how good it is, and where everything lies."""
    facts, skipped = model._stored.facts, len(model.skipped_)
    seconds = sum(row["seconds"] for row in model.history_)
    voice.say(
        f"Trained on {facts['training_images']:,} images, {facts['validation_images']:,} held out"
        + (f", {skipped:,} skipped (see {files['skipped']})" if skipped else "")
        + f"; {model.n_iter_} epochs in {duration(seconds)}, weights from epoch {model.best_epoch_}."
    )
    voice.say()
    where = "on images held out" if not evaluation.seen else "on training images"
    for line in told(evaluation, where):
        voice.say(line)
    for line in advice(model):
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
            "measured_on_training_images": bool(evaluation.seen),
            "evaluation": said(evaluation),
        }
    )
