"""Measure models on images: tables, verdicts and reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convae.cli.fit_options import command_line
from convae.cli.io.output_files import SKIPPED, result_folder, write_skipped
from convae.cli.runs import fit_inpainter
from convae.cli.runs.evaluate_detector import BY_FOLDER, SCORES, labels_of, lines_of, write_scores
from convae.cli.runs.fit_denoiser import values_of
from convae.cli.runs.metric_tables import said, table, told
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import Counter, counting
from convae.errors import InputError
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.base import ImageEstimator
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.inpainter import Inpainter
from convae.evaluation.denoising import evaluate_denoiser
from convae.evaluation.inpainting import evaluate_inpainter
from convae.evaluation.labelled_anomaly import evaluate_labelled
from convae.evaluation.reconstruction import evaluate
from convae.images.sources.base import ImageSource, Skipped
from convae.model_reports import denoiser, inpainter, labelled_anomaly
from convae.model_reports.autoencoder import report_of
from convae.report.page.contents import Report
from convae.report.page.folder import write_folder
from convae.report.page.heading import Occasion


@dataclass(frozen=True, kw_only=True)
class Evaluating:
    """How a model is measured.

    Attributes:
        path: the model's file.
        every: whether to measure images that it was trained on as well.
        target: what the images should look like.
        labels: ``folder``, or the CSV file that says which images are anomalous; None is ``folder``.
        masks: the masks of the defects of anomalous images.
        report: the folder of the report; None for none.
        seed: of the random choice of examples.
    """

    path: Path
    every: bool = False
    target: ImageSource | None = None
    labels: str | None = None
    masks: ImageSource | None = None
    report: Path | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The results: for people, for programs and for the report.

    Attributes:
        files: writes additional files into the folder of the report.
    """

    images: int
    skipped: Sequence[Skipped]
    lines: list[str]
    values: dict[str, Any]
    report: Callable[[Occasion], Report]
    files: Callable[[Path], None] = lambda _: None


def evaluate_model(
    model: ImageEstimator, source: ImageSource, how: Evaluating, voice: Voice
) -> None:
    """Run ``convae evaluate``."""
    if how.target is not None and not isinstance(model, Denoiser):
        raise InputError(
            f"{how.path}: this model was fitted to {model.job}; --target is for denoisers"
        )
    given = {"--labels": how.labels, "--masks": how.masks}
    unfit = next((option for option, value in given.items() if value is not None), None)
    if unfit is not None and not isinstance(model, AnomalyDetector):
        raise InputError(
            f"{how.path}: this model was fitted to {model.job}; {unfit} is for anomaly detectors"
        )
    if how.report is not None:
        result_folder(how.report, what="--report")
    with counting(voice, "measuring") as progress:
        measured = _measured(model, source, how, progress)
    page = None
    if how.report is not None:
        write_skipped(how.report / SKIPPED, measured.skipped)
        occasion = Occasion(
            title=f"{how.path.stem}, measured",
            subtitle=f"On {source.description}",
            measured_on=f"{measured.images:,} images",
            command=command_line(),
            seed=how.seed,
        )
        measured.files(how.report)
        page = write_folder(how.report, measured.report(occasion))
    for line in measured.lines:
        voice.answer(line)
    if page is not None:
        voice.say(f"report: {page}")
    voice.result(
        {"model_file": how.path, "data": source.description, **measured.values, "report": page}
    )


def _measured(
    model: ImageEstimator, source: ImageSource, how: Evaluating, progress: Counter
) -> Measured:
    """Measure with the metrics of the model's job."""
    if isinstance(model, ConvAutoencoder):
        found = evaluate(model, source, include_seen=how.every, progress=progress)
        return Measured(
            images=found.images,
            skipped=found.skipped,
            lines=told(found, f"on {found.images:,} images"),
            values=said(found),
            report=lambda occasion: report_of(model, found, source, occasion),
        )
    if isinstance(model, Denoiser):
        noise = evaluate_denoiser(model, source, target=how.target, include_seen=how.every)
        rows = table(denoiser.metric_rows(noise), f"on {noise.images:,} images")
        return Measured(
            images=noise.images,
            skipped=noise.skipped,
            lines=[*rows, "", *denoiser.verdicts(noise), *denoiser.caveats(noise)],
            values=values_of(noise),
            report=lambda occasion: denoiser.report_of_denoising(model, noise, occasion),
        )
    if isinstance(model, Inpainter):
        filled = evaluate_inpainter(model, source, include_seen=how.every)
        rows = table(inpainter.metric_rows(filled), f"on {filled.images:,} images")
        return Measured(
            images=filled.images,
            skipped=filled.skipped,
            lines=[*rows, "", *inpainter.verdicts(filled), *inpainter.caveats(filled)],
            values=fit_inpainter.values_of(filled),
            report=lambda occasion: inpainter.report_of_inpainting(model, filled, occasion),
        )
    if isinstance(model, AnomalyDetector):
        return _labelled(model, source, how, progress)
    raise InputError(
        f"{how.path}: this model was fitted to {model.job}; use it with 'convae {model.verb}'"
    )


def _labelled(
    model: AnomalyDetector, source: ImageSource, how: Evaluating, progress: Counter
) -> Measured:
    """Measure on labelled images."""
    kinds = labels_of(source, how.labels or BY_FOLDER)
    labelled = evaluate_labelled(
        model, source, kinds, masks=how.masks, include_seen=how.every, progress=progress
    )
    return Measured(
        images=len(labelled.images),
        skipped=[*labelled.skipped, *labelled.bad_masks],
        lines=lines_of(labelled, labelled_anomaly.verdicts(model, labelled)),
        values={
            **labelled.to_dict(),
            "threshold": float(-model.offset_),
            "false_alarm_rate": model.false_alarm_rate_,
        },
        report=lambda occasion: labelled_anomaly.report_of_labelled(
            model, labelled, source, occasion
        ),
        files=lambda folder: write_scores(folder / SCORES, labelled),
    )
