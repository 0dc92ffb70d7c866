"""The report of a detector: its results on synthetic defects, and the guarantee of its threshold."""

from dataclasses import replace

import numpy as np

from convae.estimators.anomaly.detector import AnomalyDetector
from convae.evaluation.anomaly import MODEL, OTHERS, PCA, DetectionEvaluation
from convae.metrics.conformal import Calibration
from convae.metrics.proportions import Proportion
from convae.model_reports.network_facts import report_on, training_facts
from convae.report.page.contents import Metric, Panel, Report
from convae.report.page.heading import Occasion
from convae.report.pictures.differences import interval_of
from convae.report.pictures.heatmaps import BRIGHT, heat
from convae.report.pictures.pictures import band_note, shown_range, to_display

MOST_NAMED = 20  # missed defects that a sentence names; the output for programs names all
BESIDE_LOSS = {
    "defects": "0.1 cross-entropy of the place",
    "attributes": "0.05 cross-entropy of the pose",
    "likelihood": "the cost of the code",
}


def report_of_detector(
    model: AnomalyDetector, found: DetectionEvaluation, occasion: Occasion
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
    return replace(
        report_on(model, occasion, found.images),
        summary=[verdict(found, model.method), *known_defects(model), promise(model)],
        metrics=metric_rows(found),
        metrics_note=f"{occasion.measured_on}. AUROC is the chance that an image with a defect scores "
        "higher than one without; AUPRO says how well the places agree.",
        loss_name=f"{model.settings_.loss} + {BESIDE_LOSS[model.method]}",
        training_facts={
            **{name: value for name, value in chosen_facts.items() if value is not None},
            **training_facts(model),
        },
        panels=[_panel(model, found)] if found.shown else [],
    )


def metric_rows(found: DetectionEvaluation) -> list[Metric]:
    """Return the table: the model next to detectors by pixels."""
    rows = [
        Metric(
            name=name,
            model=values[MODEL],
            baselines={other: values[other] for other in OTHERS},
            better="higher",
        )
        for name, values in found.scores.items()
    ]
    if found.differences:
        mean = found.mean
        others: dict[str, float | None] = {name: mean[name] for name in OTHERS}
        rows.append(
            Metric(
                name="mean of the AUROC of all kinds",
                model=mean[MODEL],
                baselines=others,
                better="higher",
                differences=found.differences,
                intervals=found.intervals,
            )
        )
    return rows


def verdict(found: DetectionEvaluation, method: str) -> str:
    """State whether a model of that method finds defects better than pixel baselines do."""
    if not found.scores:
        why = "are too small for synthetic defects" if found.images else "cannot be read any more"
        return f"The images {why}, so nothing was measured."
    means = found.mean
    other = max(OTHERS, key=lambda name: means[name])
    gap = means[MODEL] - means[other]
    first = f"Synthetic defects: AUROC {means[MODEL]:.3f}, over all kinds"
    beside = f"{means[other]:.3f} of the {other if other == PCA else f'distance to the {other}'}"
    if method == "attributes":
        return (
            f"{first}, beside {beside}. Defects are not what this method is for: it tells other kinds of "
            "objects, and normal images alone cannot say how well."
        )
    sure = found.differences.get(other)
    if sure is not None and sure.sign == 0:
        return (
            f"{first}, which cannot be told apart from {beside} (difference {interval_of(sure)}): train "
            "longer (--epochs), or on more images."
        )
    if sure is not None:
        beside = f"{beside} (difference {interval_of(sure)})"
    if gap > 0:
        return f"{first}, compared with {beside}."
    return f"{first}, below {beside}, which needs no training: train longer (--epochs)."


def known_defects(model: AnomalyDetector) -> list[str]:
    """State how well the given real defects are found, and which are missed; empty if none were given."""
    known = model.chosen_.get("defects")
    if not known:
        return []
    count, found = known["images"], Proportion(known["found"]["count"], known["found"]["of"])
    low, high = found.interval or (0.0, 1.0)
    images = "the image" if count == 1 else f"the {count} images"
    sentences = [
        f"Of {images} with real defects {found.hits} {'lies' if found.hits == 1 else 'lie'} above the "
        f"threshold (95 % interval of the rate: {percent(low)} to {percent(high)}), AUROC "
        f"{known['auroc']:.3f}; with weights by synthetic defects alone {known['without']:.3f}. Each was "
        "scored with weights that were found without it."
    ]
    if missed := known.get("missed"):  # older files name none
        more = len(missed) - MOST_NAMED
        sentences.append(
            f"Missed: {', '.join(missed[:MOST_NAMED])}"
            + (f" and {more:,} more." if more > 0 else ".")
        )
    return sentences


def counted(calibration: Calibration, what: str) -> str:
    """Return how many images set the threshold: ``1 image``, ``49 images in 7 groups``.

    Args:
        what: one of them is called, such as ``normal image``.
    """
    images, groups = len(calibration.scores), calibration.witnesses
    said = f"{images:,} {what}{'s' * (images != 1)}"
    return said if groups == images else f"{said} in {groups:,} group{'s' * (groups != 1)}"


def promise(model: AnomalyDetector) -> str:
    """State the false-alarm rate that the threshold guarantees, and the lowest that could be guaranteed."""
    rate, calibration = model.false_alarm_rate_, model.calibration_
    held_out = counted(calibration, "held-out normal image")
    if not model.promised_:
        return (
            f"About {percent(rate)} of new normal images are expected to be called anomalous. This is an "
            f"estimate without a guarantee: {held_out} can promise {percent(calibration.lowest_rate)} at "
            "best, and the threshold continues the tail of their scores."
        )
    if model.bound_ is not None and model.bound_ > rate:
        return (
            f"Of new normal images about {percent(rate)} are called anomalous, and at most "
            f"{percent(model.bound_)} whatever the networks are worth: each of "
            f"{counted(calibration, 'normal image')} was scored by a detector that had not seen it. 'convae "
            "calibrate' with other normal images promises the rate itself."
        )
    return (
        f"Of new normal images at most {percent(rate)} are called anomalous. With {held_out} the lowest rate "
        f"that can be promised is 1/{calibration.witnesses + 1} = {percent(calibration.lowest_rate)}; "
        "'convae calibrate' sets another, without training."
    )


def scale_note(model: AnomalyDetector) -> str:
    """State what the colours of heatmaps mean."""
    return (
        f"All heatmaps have one scale: bright is {BRIGHT:g} times the level that "
        f"{percent(model.false_alarm_rate_)} of normal images reach anywhere."
    )


def _panel(model: AnomalyDetector, found: DetectionEvaluation) -> Panel:
    """Return the panel: normal, with a defect, and where the model finds it."""
    normal = np.stack([shown.normal for shown in found.shown])
    damaged = np.stack([shown.damaged for shown in found.shown])
    seen = shown_range(normal)
    rows: dict[str, np.ndarray] = {
        "normal": to_display(normal, value_range=seen),
        "with a defect": to_display(damaged, value_range=seen),
        "found": heat(np.stack([shown.map for shown in found.shown]), model.level_),
    }
    note = f"{scale_note(model)} {band_note(normal.shape[1])}"
    return Panel(
        heading="",
        rows=rows,
        names=[shown.name for shown in found.shown],
        told=[shown.kind for shown in found.shown],
        note=note.strip(),
    )


def percent(rate: float) -> str:
    """Format a rate in percent."""
    return f"{100 * rate:.3g} %"
