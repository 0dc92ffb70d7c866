"""The page of a detector on labelled images, and the table of its scores."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from convae.estimators.anomaly.detector import AnomalyDetector
from convae.evaluation.labelled_anomaly import finite_scores
from convae.evaluation.results.guarantee import percent
from convae.evaluation.results.labelled_anomaly import LabelledEvaluation, Scored
from convae.filesystem.tables import write_table
from convae.images.sources.base import ImageSource
from convae.metrics.ranking import roc
from convae.model_reports.detections import pictures_of, scale_note
from convae.report.findings import ScoreSpread
from convae.report.page.contents import DataFacts, Panel, Report
from convae.report.page.heading import Occasion
from convae.report.svg.roc_chart import Roc
from convae.report.text import number

WORST = 6  # number of misses, and of false alarms, that are shown
SCORES = "scores.csv"
COLUMNS = ("name", "label", "kind", "score", "p_value", "called_anomalous", "pixel_auroc")


def report_of_labelled(
    model: AnomalyDetector, evaluation: LabelledEvaluation, source: ImageSource, occasion: Occasion
) -> Report:
    """Build the page.

    Args:
        model: the detector.
        evaluation: of the same ``source``.
        source: the images that were measured, to show the worst again.
        occasion: titles, commands and other words of the report.
    """
    panels = [
        ("Worst misses: anomalous, but called normal", evaluation.misses),
        ("Worst false alarms: normal, but called anomalous", evaluation.alarms),
    ]
    verdicts, kinds = evaluation.tables()
    return Report(
        title=occasion.title,
        subtitle=occasion.subtitle,
        summary=evaluation.verdicts(),
        warnings=evaluation.caveats(),
        scores=ScoreSpread(
            scores=[one.score for one in evaluation.scored],
            anomalous=[one.anomalous for one in evaluation.scored],
            threshold=evaluation.threshold,
            calibration=model.calibration_.scores.tolist(),
        ),
        scores_facts={
            "images": len(evaluation.scored),
            "normal": evaluation.false_alarms.total,
            "anomalous": evaluation.every.detected.total,
            "threshold": number(evaluation.threshold),
            "promised false-alarm rate": percent(evaluation.false_alarm_rate),
        },
        roc=_roc(evaluation),
        tables=[
            verdicts,
            replace(kinds, note=_NOTE),
        ],
        panels=[
            panel
            for heading, worst in panels
            if (panel := _panel(model, source, heading, worst[:WORST])) is not None
        ],
        data=DataFacts(skipped=[(s.name, s.reason) for s in evaluation.skipped]),
        versions=model._stored.facts.get("versions", {}),
        command=occasion.command,
    )


_NOTE = (
    "Each kind is compared with all normal images. Detected: called anomalous at the model's threshold, with "
    "the Clopper-Pearson interval. AUROC: the chance that an image with a defect scores higher than a "
    "normal one (0.5 is chance), with the bootstrap interval. AP: average precision. AUPRO: the overlap "
    "with the regions of the masks, up to a false-positive rate of 30 % of the pixels (0.15 is chance)."
)


def _roc(evaluation: LabelledEvaluation) -> Roc | None:
    if evaluation.every.auroc is None:
        return None
    scores = finite_scores([one.score for one in evaluation.scored])
    across, up = roc(scores, [one.anomalous for one in evaluation.scored])
    point = (evaluation.false_alarms.value or 0.0, evaluation.every.detected.value or 0.0)
    return Roc(false_alarms=across, detections=up, point=point, auroc=evaluation.every.auroc)


def _panel(
    model: AnomalyDetector, source: ImageSource, heading: str, worst: Sequence[Scored]
) -> Panel | None:
    """Return the images, their heatmaps, and the nearest normal images; None if there are none."""
    if not worst:
        return None
    chosen = source.select([one.index for one in worst])
    found = list(model.iter_detect(chosen, on_bad=lambda _: None))
    if not found:
        return None
    pictured = [worst[one.index] for one in found]
    return Panel(
        heading=heading,
        rows=pictures_of(model, found, boxes=False),
        names=[one.name for one in pictured],
        texts=[f"score {number(one.score, 3)}, p {number(one.p_value, 2)}" for one in pictured],
        note=scale_note(model),
    )


def write_scores(folder: Path, evaluation: LabelledEvaluation) -> None:
    """Write ``scores.csv`` into a folder: one row for each image; unknown values are empty cells."""
    with write_table(folder / SCORES, COLUMNS) as table:
        for one in evaluation.scored:
            label = "anomalous" if one.anomalous else "normal"
            score = one.score if math.isfinite(one.score) else None
            cells = (score, one.p_value, int(one.called), one.pixel_auroc)
            table.row([one.name, label, one.kind or "normal", *cells])
