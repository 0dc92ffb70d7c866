"""How an inpainter is evaluated and reported: compared with fills that need no training, and pictures."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from convae.estimators.restoration.inpainter import Inpainter
from convae.evaluation.inpainting import evaluate_inpainter, pictures_of, with_holes
from convae.evaluation.reconstruction import middle
from convae.evaluation.results.inpainting import InpaintingEvaluation, Pictures
from convae.images.sources.base import ImageSource, Skipped
from convae.images.sources.masks import Masks
from convae.model_reports.example_images import Usable, usable_samples
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
        loss_name=JOB.loss_name(model),
        training_facts={"holes": str(model.holes_), **training_facts(model)},
        panels=[panel(evaluation.pictures)] if evaluation.pictures else [],
    )


def examples(model: Inpainter, source: ImageSource, masks: Masks | None) -> Panel:
    """Return pictures of images with holes, and filled: those of the masks, or holes made with a fixed seed.

    Raises:
        InputError: no image can be used.
    """
    if masks is None:
        shown = usable_samples(model, source)
        made = with_holes([one.image for one in shown.samples], model.holes_)
        pairs = zip(shown.samples, made, strict=True)
        pictures = [pictures_of(model, one.name, *pair) for one, pair in pairs]
        return shown.noted(panel(pictures))
    skipped = list[Skipped]()
    pictures = []
    for done in model.iter_inpaint(
        source, masks, on_bad=lambda e: skipped.append(Skipped(e.name, e.reason))
    ):
        framed = np.moveaxis(model._framed(done.image), 2, 0)[None].copy()
        original, filled = (one[0].cpu().numpy() for one in (model._unit(framed), done.filled))
        kept = np.where(done.missing, filled, original)
        pictures.append(
            Pictures(name=done.image.info.name, original=original, mask=done.missing, filled=kept)
        )
    return Usable(source, pictures, skipped).noted(panel(pictures))


def panel(pictures: Sequence[Pictures]) -> Panel:
    """Return the panel of at least one image: original, with holes, filled."""
    channels = pictures[0].original.shape[0]
    alike = [one for one in pictures if one.original.shape[0] == channels]
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
    examples=examples,
    loss_name=lambda model: f"{model.settings_.loss}, as a part of that of the {model.fill} fill",
    values=lambda model, evaluation: {
        "holes": str(model.holes_),
        **values_after_fit(evaluation),
    },
)
