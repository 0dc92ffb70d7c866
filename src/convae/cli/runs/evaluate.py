"""Measure models on images: print the results and write the report."""

from dataclasses import dataclass
from pathlib import Path

from convae.cli.fit_options import command_line
from convae.cli.io.output_files import SKIPPED, result_folder, write_skipped
from convae.cli.runs.defect_labels import BY_FOLDER, labels_of
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.evaluation.results.protocol import Evaluation
from convae.evaluation.results.shown import evaluation_lines
from convae.images.sources.base import ImageSource
from convae.model_reports.job import Measurement, Request
from convae.model_reports.jobs import job_of
from convae.report.page.folder import write_folder
from convae.report.page.heading import Occasion

FOR = {"target": "denoisers", "labels": "anomaly detectors", "masks": "anomaly detectors"}


@dataclass(frozen=True, kw_only=True)
class Evaluating:
    """How a model is measured.

    Attributes:
        path: the model file.
        every: whether to measure on images that the model was trained on, too.
        target: the clean images; None for none.
        labels: ``folder``, or a CSV file that states which images are anomalous; None means ``folder``.
        masks: the masks of the defects of anomalous images; None for none.
        report: the folder of the report; None for none.
        seed: the seed of the choice of examples.
    """

    path: Path
    every: bool = False
    target: ImageSource | None = None
    labels: str | None = None
    masks: ImageSource | None = None
    report: Path | None = None
    seed: int = 0


def evaluate_model(
    model: ImageEstimator, source: ImageSource, how: Evaluating, voice: Voice
) -> None:
    """Run ``convae evaluate``.

    Raises:
        InputError: an option is for other kinds of models, or no image can be used.
    """
    job = job_of(model)
    for option, users in FOR.items():
        if getattr(how, option) is not None and option not in job.takes:
            raise InputError(
                f"{how.path}: this model was fitted to {model.job}; --{option} is for {users}"
            )
    if how.report is not None:
        result_folder(how.report, what="--report")
    with counting(voice, "measuring") as progress:
        request = Request(
            source=source,
            target=how.target,
            kinds=labels_of(source, how.labels or BY_FOLDER) if "labels" in job.takes else (),
            masks=how.masks,
            include_seen=how.every,
            progress=progress,
        )
        evaluation = job.on_images.measure(model, request)
    page = None
    if how.report is not None:
        page = _write_report(how, how.report, job.on_images, model, source, evaluation)
    for line in evaluation_lines(evaluation, f"on {evaluation.images:,} images"):
        voice.answer(line)
    if page is not None:
        voice.say(f"report: {page}")
    voice.result(
        {
            "model_file": how.path,
            "data": source.description,
            **evaluation.values(),
            "report": page,
        }
    )


def _write_report(
    how: Evaluating,
    folder: Path,
    measurement: Measurement,
    model: ImageEstimator,
    source: ImageSource,
    evaluation: Evaluation,
) -> Path:
    """Write the page and the files next to it into a folder; return the path of the page."""
    occasion = Occasion(
        title=f"{how.path.stem}, measured",
        subtitle=f"On {source.description}",
        measured_on=f"{evaluation.images:,} images",
        command=command_line(),
        seed=how.seed,
    )
    write_skipped(folder / SKIPPED, evaluation.skipped)
    if measurement.write_files is not None:
        measurement.write_files(folder, evaluation)
    return write_folder(folder, measurement.page(model, evaluation, source, occasion))
