"""How a detector is evaluated and reported: on synthetic defects after a fit, else on labelled images."""

from dataclasses import replace
from typing import Any

import numpy as np

from convae.estimators.anomaly.detector import AnomalyDetector, Detection
from convae.evaluation.anomaly import evaluate_detector
from convae.evaluation.labelled_anomaly import evaluate_labelled
from convae.evaluation.results.anomaly import DetectionEvaluation
from convae.evaluation.results.guarantee import (
    calibration_values,
    counted,
    guarantee,
    known_defects,
)
from convae.evaluation.results.labelled_anomaly import LabelledEvaluation
from convae.images.sources.base import ImageSource, Skipped
from convae.images.sources.masks import Masks
from convae.model_reports.detections import pictures_of, scale_note
from convae.model_reports.example_images import Usable, refuse_masks
from convae.model_reports.job import Job, Measurement, Request, advice
from convae.model_reports.labelled_anomaly import report_of_labelled, write_scores
from convae.model_reports.network_facts import report_on, training_facts
from convae.report.page.contents import Panel, Report
from convae.report.page.heading import Occasion
from convae.report.pictures.heatmaps import heat
from convae.report.pictures.pictures import band_note, shown_range, to_display
from convae.report.text import number

PENALTIES = {  # the name of what a method adds to the loss
    "defects": "0.1 cross-entropy of the place",
    "attributes": "0.05 cross-entropy of the pose",
    "likelihood": "the cost of the code",
}


def evaluate_after_fit(model: AnomalyDetector, request: Request) -> DetectionEvaluation:
    """Evaluate a detector on the normal images that set its threshold."""
    assert model.held_out_ is not None
    seed = model.settings_.seed
    return evaluate_detector(model.of_fold(), request.source, model.held_out_, seed=seed)


def evaluate_on_images(model: AnomalyDetector, request: Request) -> LabelledEvaluation:
    """Evaluate a detector on labelled images."""
    return evaluate_labelled(
        model,
        request.source,
        request.kinds,
        masks=request.masks,
        include_seen=request.include_seen,
        progress=request.progress,
    )


def report_of_detector(
    model: AnomalyDetector, evaluation: DetectionEvaluation, source: ImageSource, occasion: Occasion
) -> Report:
    """Build the report of a detector after its fit."""
    chosen_facts = {
        "method": model.method,
        "score": model.chosen_.get("score"),
        "flips": "averaged over mirrored views" if model.flips else None,
        "threshold": -model.offset_,
        "level of regions": model.level_,
        "images that set them": counted(model.calibration_, "image"),
    }
    use = (
        "the first of the detectors has not seen"
        if model.calibrated_by_folds_
        else "set the threshold and nothing else"
    )
    return replace(
        report_on(model, evaluation, occasion),
        summary=[*evaluation.verdicts(), *known_defects(model), guarantee(model)],
        metrics=evaluation.metrics(),
        metrics_note=f"{evaluation.images:,} normal images that {use}, and the same with one synthetic "
        "defect each. AUROC is the chance that an image with a defect scores higher than one without; AUPRO "
        "says how well the places agree.",
        loss_name=JOB.loss_name(model),
        training_facts={
            **{name: value for name, value in chosen_facts.items() if value is not None},
            **training_facts(model),
        },
        panels=[_panel(model, evaluation)] if evaluation.pictures else [],
    )


def values(model: AnomalyDetector, evaluation: DetectionEvaluation) -> dict[str, Any]:
    """Return the results after a fit as plain values."""
    return {
        **calibration_values(model),
        **evaluation.values(),
        "real_defects": model.chosen_.get("defects"),
        "score_by": model.chosen_.get("score"),
    }


def examples(model: AnomalyDetector, source: ImageSource, masks: Masks | None) -> Panel:
    """Return pictures of images with their regions, their heatmaps, and the nearest normal images.

    Raises:
        InputError: there are masks, or no image can be used.
    """
    refuse_masks(model, masks)
    skipped, found = list[Skipped](), list[Detection]()
    for one in model.iter_detect(
        source, on_bad=lambda e: skipped.append(Skipped(e.name, e.reason))
    ):
        found.append(one)
    usable = Usable(source, found, skipped)
    texts = [
        f"{'anomalous' if one.anomalous else 'normal'}, score {number(one.score, 3)}"
        for one in found
    ]
    rows = pictures_of(model, found)
    names = [one.image.info.name for one in found]
    return usable.noted(
        Panel(heading="", rows=rows, names=names, texts=texts, note=scale_note(model))
    )


def _panel(model: AnomalyDetector, evaluation: DetectionEvaluation) -> Panel:
    """Return the panel: normal, with a defect, and where the model finds it."""
    normal = np.stack([one.normal for one in evaluation.pictures])
    damaged = np.stack([one.damaged for one in evaluation.pictures])
    span = shown_range(normal)
    rows: dict[str, np.ndarray] = {
        "normal": to_display(normal, value_range=span),
        "with a defect": to_display(damaged, value_range=span),
        "found": heat(np.stack([one.map for one in evaluation.pictures]), model.level_),
    }
    note = f"{scale_note(model)} {band_note(normal.shape[1])}"
    return Panel(
        heading="",
        rows=rows,
        names=[one.name for one in evaluation.pictures],
        texts=[one.kind for one in evaluation.pictures],
        note=note.strip(),
    )


JOB = Job(
    title="An anomaly detector",
    after_fit=Measurement(measure=evaluate_after_fit, page=report_of_detector),
    on_images=Measurement(
        measure=evaluate_on_images, page=report_of_labelled, write_files=write_scores
    ),
    notes=lambda model: [*known_defects(model), guarantee(model), *advice(model)],
    values=values,
    examples=examples,
    loss_name=lambda model: f"{model.settings_.loss} + {PENALTIES[model.method]}",
    takes=frozenset({"labels", "masks"}),
)
