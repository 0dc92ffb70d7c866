"""The evaluation of a detector on labelled images: in words, as tables, and as a page."""

from collections.abc import Sequence

import numpy as np

from convae.estimators.anomaly.detector import AnomalyDetector
from convae.evaluation.labelled_anomaly import (
    WORST,
    KindMeasured,
    LabelledEvaluation,
    Scored,
    finite_scores,
)
from convae.images.dataset.framing import resize
from convae.images.sources.base import ImageSource
from convae.metrics.proportions import Proportion
from convae.metrics.ranking import roc
from convae.model_reports.anomaly import percent, promise, scale_note
from convae.model_reports.detections import Pictures
from convae.report.findings import ScoreSpread
from convae.report.page.contents import DataFacts, Panel, Report, Table
from convae.report.page.heading import Occasion
from convae.report.svg.roc_chart import Roc
from convae.report.text import number

SIDE = 256  # pixels a side of a picture on the page
_SURE = "95 % interval"
KINDS = ("", "images", "detected", _SURE, "AUROC", _SURE, "AP", "pixel AUROC", "AUPRO")
VERDICTS = ("label", "called anomalous", "called normal", "rate called anomalous", _SURE)
UNKNOWN = "-"
NAMED = 3  # most masks that a sentence names


def report_of_labelled(
    model: AnomalyDetector, found: LabelledEvaluation, source: ImageSource, occasion: Occasion
) -> Report:
    """Build the page.

    Args:
        model: the detector.
        found: its evaluation.
        source: the images that were measured, to show the worst again.
        occasion: titles, commands and other words of the report.
    """
    panels = [
        ("Worst misses: anomalous, but called normal", found.misses),
        ("Worst false alarms: normal, but called anomalous", found.alarms),
    ]
    return Report(
        title=occasion.title,
        subtitle=occasion.subtitle,
        summary=verdicts(model, found),
        warnings=caveats(found),
        scores=ScoreSpread(
            scores=[one.score for one in found.images],
            anomalous=[one.anomalous for one in found.images],
            threshold=-model.offset_,
            calibration=model.calibration_.scores.tolist(),
        ),
        scores_facts={
            "images": len(found.images),
            "normal": found.false_alarms.total,
            "anomalous": found.every.detected.total,
            "threshold": number(float(-model.offset_)),
            "promised false-alarm rate": percent(model.false_alarm_rate_),
        },
        roc=_roc(found),
        tables=[
            Table(heading="Verdicts", columns=VERDICTS, rows=verdict_rows(found)),
            Table(heading="Kinds of defects", columns=KINDS, rows=kind_rows(found), note=_NOTE),
        ],
        panels=[
            panel
            for heading, worst in panels
            if (panel := _panel(model, source, heading, worst[:WORST])) is not None
        ],
        data=DataFacts(skipped=[(s.name, s.reason) for s in (*found.skipped, *found.bad_masks)]),
        versions=model._stored.facts.get("versions", {}),
        command=occasion.command,
    )


_NOTE = (
    "Each kind is compared with all normal images. Detected: called anomalous at the model's threshold, with "
    "the Clopper-Pearson interval. AUROC: the chance that an image with a defect scores higher than a "
    "normal one (0.5 is chance), with the bootstrap interval. AP: average precision. AUPRO: the overlap "
    "with the regions of the masks, up to a false-positive rate of 30 % of the pixels (0.15 is chance)."
)


def verdict_rows(found: LabelledEvaluation) -> list[list[str]]:
    """Return the confusion table: the labels in rows, the detector's verdicts in columns."""
    pairs = (("normal", found.false_alarms), ("anomalous", found.every.detected))
    return [
        [
            label,
            f"{one.hits:,}",
            f"{one.total - one.hits:,}",
            _rate(one.value),
            _rates(one),
        ]
        for label, one in pairs
    ]


def kind_rows(found: LabelledEvaluation) -> list[list[str]]:
    """Return a row for all defects together, and one for each kind."""
    kinds = found.kinds if len(found.kinds) > 1 else []
    return [_kind_row(one, one.kind) for one in (found.every, *kinds)]


def _kind_row(one: KindMeasured, name: str) -> list[str]:
    return [
        name,
        f"{one.detected.total:,}",
        _rate(one.detected.value),
        _rates(one.detected),
        _figure(one.auroc),
        UNKNOWN if one.interval is None else " to ".join(_figure(end) for end in one.interval),
        _figure(one.average_precision),
        _figure(one.pixel_auroc),
        _figure(one.aupro),
    ]


def verdicts(model: AnomalyDetector, found: LabelledEvaluation) -> list[str]:
    """Return the results in sentences."""
    alarms, detected = found.false_alarms, found.every.detected
    parts = []
    if detected.total:
        parts.append(
            f"{detected.hits:,} of {detected.total:,} anomalous images are detected{_percents(detected)}"
        )
    if alarms.total:
        parts.append(
            f"{alarms.hits:,} of {alarms.total:,} normal images are false alarms{_percents(alarms)}"
        )
    sentences = ["; ".join(parts) + "."]
    if found.every.auroc is not None:
        ends = found.every.interval
        sure = "" if ends is None else f" (95 % interval {ends[0]:.3f} to {ends[1]:.3f})"
        sentences.append(f"Image AUROC {found.every.auroc:.3f}{sure}; 0.5 is chance.")
    return [*sentences, promise(model)]


def caveats(found: LabelledEvaluation) -> list[str]:
    """Return what limits the results."""
    told = []
    if not found.every.detected.total:
        told.append(
            "No image is labelled as anomalous, so there is no detection rate and no AUROC: put images with "
            "defects into sub-folders of their own."
        )
    if not found.false_alarms.total:
        told.append(
            "No image is labelled as normal, so there is no false-alarm rate and no AUROC: put normal images "
            "into a sub-folder good."
        )
    if found.left_out:
        told.append(
            f"{found.left_out:,} images that the model was trained on are left out; --all measures them, too."
        )
    if found.trained_on:
        told.append(
            f"{found.trained_on:,} of the images were trained on, so the figures say little of new images."
        )
    if found.unlabelled:
        every = found.unlabelled + found.left_out + len(found.images)
        told.append(f"{found.unlabelled:,} of {every:,} images have no label and are left out.")
    if found.bad_masks:
        names = "; ".join(f"{one.name}: {one.reason}" for one in found.bad_masks[:NAMED])
        more = len(found.bad_masks) - NAMED
        told.append(
            f"{len(found.bad_masks):,} masks cannot be used: {names}"
            + (f"; and {more:,} more." if more > 0 else ".")
        )
    missing = found.unmasked - len(found.bad_masks)
    if missing > 0:
        told.append(
            f"{missing:,} of {found.every.detected.total:,} anomalous images have no mask; pixels are "
            "measured without them."
        )
    return told


def _roc(found: LabelledEvaluation) -> Roc | None:
    if found.every.auroc is None:
        return None
    scores = finite_scores([one.score for one in found.images])
    across, up = roc(scores, [one.anomalous for one in found.images])
    point = (found.false_alarms.value or 0.0, found.every.detected.value or 0.0)
    return Roc(false_alarms=across, detections=up, point=point, auroc=found.every.auroc)


def _panel(
    model: AnomalyDetector, source: ImageSource, heading: str, worst: Sequence[Scored]
) -> Panel | None:
    """Return the images, their heatmaps, and the nearest normal images; None if there are none."""
    if not worst:
        return None
    _, height, width = model.image_shape_
    factor = min(1.0, SIDE / max(height, width))
    size = (max(1, round(factor * height)), max(1, round(factor * width)))
    rows: dict[str, list[np.ndarray]] = {"image": [], "found": [], "nearest normal image": []}
    seen = []
    chosen = source.select([one.index for one in worst])
    for found in model.iter_detect(chosen, on_bad=lambda _: None):
        pictures = Pictures.of(model, found)
        shown = (pictures.image, pictures.overlay, pictures.nearest)
        for name, picture in zip(rows, shown, strict=True):
            rows[name].append(resize(picture, size))
        seen.append(worst[found.index])
    if not seen:
        return None
    return Panel(
        heading=heading,
        rows={name: np.stack(pictures) for name, pictures in rows.items()},
        names=[one.name for one in seen],
        told=[f"score {number(one.score, 3)}, p {number(one.p_value, 2)}" for one in seen],
        note=scale_note(model),
    )


def _figure(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


def _rate(value: float | None) -> str:
    return UNKNOWN if value is None else percent(value)


def _rates(one: Proportion) -> str:
    ends = one.interval
    return UNKNOWN if ends is None else f"{100 * ends[0]:.3g} to {percent(ends[1])}"


def _percents(one: Proportion) -> str:
    return f" ({_rate(one.value)}, 95 % interval {_rates(one)})"
