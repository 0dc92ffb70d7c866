"""The report of an inpainter: how well it fills holes, next to fills that need no training, and pictures."""

import math
from dataclasses import replace

import numpy as np

from convae.estimators.restoration.inpainter import Inpainter
from convae.evaluation.inpainting import MODEL, PSNR, SEAM, SSIM, InpaintingEvaluation, Round
from convae.evaluation.reconstruction import middle
from convae.model_reports.network_facts import report_on, training_facts
from convae.report.page.contents import Metric, Panel, Report
from convae.report.page.heading import Occasion
from convae.report.pictures.differences import against
from convae.report.pictures.pictures import band_note, to_display

ALIKE = 0.05  # dB: an irrelevant difference
NAMED = {"pixels": "scattered pixels"}  # kinds of holes whose name alone is not clear


def report_of_inpainting(
    model: Inpainter, found: InpaintingEvaluation, occasion: Occasion
) -> Report:
    """Build the report of an inpainter evaluated on images."""
    return replace(
        report_on(model, occasion, found.images, found.skipped),
        summary=[*verdicts(found), *caveats(found)],
        metrics=metric_rows(found),
        metrics_note=f"{occasion.measured_on}; holes were made with a fixed seed, the missing pixels alone "
        "are measured",
        loss_name=f"{model.settings_.loss}, as a part of that of the {model.fill} fill",
        training_facts={"holes": str(model.holes_), **training_facts(model)},
        panels=[panel(found)] if found.shown else [],
    )


def metric_rows(found: InpaintingEvaluation) -> list[Metric]:
    """Return the table: the model next to the classical fills."""
    better = {PSNR: "higher", SSIM: "higher", SEAM: "lower"}
    rows = []
    for done in found.rounds:
        for measure, values in done.scores.items():
            beside: dict[str, float | None] = {n: v for n, v in values.items() if n != MODEL}
            name = f"{measure}, {_named(done)}"
            rows.append(
                Metric(
                    name=name,
                    model=values[MODEL],
                    baselines=beside,
                    better=better[measure],
                    differences=done.differences.get(measure, {}),
                )
            )
    return rows


def verdicts(found: InpaintingEvaluation) -> list[str]:
    """Return what the model does, one sentence for each kind of hole."""
    return [_verdict(done) for done in found.rounds]


def _verdict(done: Round) -> str:
    ours, (name, other) = done.scores[PSNR][MODEL], done.best_other(PSNR)
    gap = ours - other
    first = f"Holes of the kind {_named(done)} ({done.missing:.0%} missing): {ours:.2f} dB".replace(
        "%", " %"
    )
    sure = done.differences.get(PSNR, {}).get(name)
    if math.isnan(gap):  # both are perfect, or nothing was missing
        return f"{first}, as good as the {name} fill, which needs no training."
    if sure is not None and (sure.sign == 0 or gap > ALIKE):
        return f"{first}, {against(sure, f'the {name} fill, the best classical one here', ' dB')}."
    if gap > ALIKE:
        return f"{first}, {gap:.2f} dB above the best classical fill here ({name})."
    if gap >= -ALIKE:
        return f"{first}, no better than the {name} fill, which needs no training: train longer (--epochs)."
    return (
        f"{first}, {-gap:.2f} dB below the {name} fill, which needs no training: train longer (--epochs), or "
        f"on such holes alone (--holes {done.holes})."
    )


def caveats(found: InpaintingEvaluation) -> list[str]:
    """Return what limits the results."""
    if not found.seen:
        return []
    return [
        "Careful: the images measured were trained on, so this is not how good the model is on new ones."
    ]


def panel(found: InpaintingEvaluation) -> Panel:
    """Return the panel: original, with holes, filled."""
    channels = found.shown[0].original.shape[0]
    alike = [shown for shown in found.shown if shown.original.shape[0] == channels]
    side = [min(shown.original.shape[axis] for shown in alike) for axis in (1, 2)]
    rows = {
        "original": [middle(shown.original, *side) for shown in alike],
        "with holes": [
            middle(np.where(shown.mask, np.nan, shown.original), *side) for shown in alike
        ],
        "filled": [middle(shown.filled, *side) for shown in alike],
    }
    note = "Each image as it was, with holes (chequered), and with these filled. " + band_note(
        channels
    )
    return Panel(
        heading="",
        rows={name: to_display(np.stack(images)) for name, images in rows.items()},
        names=[shown.name for shown in alike],
        note=note.strip(),
    )


def _named(done: Round) -> str:
    return NAMED.get(done.holes, done.holes)
