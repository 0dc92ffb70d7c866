"""How an inpainter is evaluated and reported: compared with fills that need no training, and pictures."""

from dataclasses import replace

import numpy as np

from convae.estimators.restoration.inpainter import Inpainter
from convae.evaluation.inpainting import evaluate_inpainter
from convae.evaluation.reconstruction import middle
from convae.evaluation.results.inpainting import InpaintingEvaluation
from convae.images.sources.base import ImageSource
from convae.model_reports.job import Job, Measurement, Request, advice, values_after_fit
from convae.model_reports.network_facts import report_on, training_facts
from convae.report.page.contents import Panel, Report
from convae.report.page.heading import Occasion
from convae.report.pictures.pictures import band_note, to_display


def measure(model: Inpainter, request: Request) -> InpaintingEvaluation:
    """Evaluate an inpainter."""
    positions = request.positions(model)
    return evaluate_inpainter(
        model, request.source, positions=positions, include_seen=request.include_seen
    )


def report_of_inpainting(
    model: Inpainter, evaluation: InpaintingEvaluation, source: ImageSource, occasion: Occasion
) -> Report:
    """Build the report of an inpainter evaluated on images."""
    return replace(
        report_on(model, evaluation, occasion),
        metrics=evaluation.metrics(),
        metrics_note=f"{occasion.measured_on}; holes were made with a fixed seed, the missing pixels alone "
        "are measured",
        loss_name=f"{model.settings_.loss}, as a part of that of the {model.fill} fill",
        training_facts={"holes": str(model.holes_), **training_facts(model)},
        panels=[panel(evaluation)] if evaluation.pictures else [],
    )


def panel(evaluation: InpaintingEvaluation) -> Panel:
    """Return the panel: original, with holes, filled."""
    channels = evaluation.pictures[0].original.shape[0]
    alike = [one for one in evaluation.pictures if one.original.shape[0] == channels]
    side = [min(one.original.shape[axis] for one in alike) for axis in (1, 2)]
    rows = {
        "original": [middle(one.original, *side) for one in alike],
        "with holes": [middle(np.where(one.mask, np.nan, one.original), *side) for one in alike],
        "filled": [middle(one.filled, *side) for one in alike],
    }
    note = "Each image as it was, with holes (chequered), and with these filled. " + band_note(
        channels
    )
    return Panel(
        heading="",
        rows={name: to_display(np.stack(images)) for name, images in rows.items()},
        names=[one.name for one in alike],
        note=note.strip(),
    )


INPAINTING = Measurement(measure=measure, page=report_of_inpainting)
JOB = Job(
    title="An inpainter",
    after_fit=INPAINTING,
    on_images=INPAINTING,
    notes=advice,
    values=lambda model, evaluation: {
        "holes": str(model.holes_),
        **values_after_fit(evaluation),
    },
)
