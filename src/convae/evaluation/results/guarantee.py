"""What the threshold of a detector guarantees, in sentences and as values."""

from typing import Any

from convae.estimators.anomaly.detector import AnomalyDetector
from convae.metrics.conformal import Calibration
from convae.metrics.proportions import Proportion

MOST_NAMED = 20  # missed defects that a sentence names; the output for programs names all


def guarantee(model: AnomalyDetector) -> str:
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
            f"Of new normal images about {percent(rate)} are called anomalous. On average over sets of "
            f"normal images it is at most {percent(model.bound_)}, however good or bad the networks are, "
            f"because each of {counted(calibration, 'normal image')} was scored by a detector that had not "
            "seen it. 'convae calibrate' with other normal images promises the rate itself."
        )
    return (
        f"On average over sets of calibration images, at most {percent(rate)} of new normal images are "
        f"called anomalous; one set alone can give more. With {held_out} the lowest rate that can be "
        f"promised is 1/{calibration.witnesses + 1} = {percent(calibration.lowest_rate)}; 'convae calibrate' "
        "sets another, without training."
    )


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
    text = f"{images:,} {what}{'s' * (images != 1)}"
    return text if groups == images else f"{text} in {groups:,} group{'s' * (groups != 1)}"


def calibration_values(model: AnomalyDetector) -> dict[str, Any]:
    """Return the threshold and its guarantee as plain values."""
    return {
        "false_alarm_rate": model.false_alarm_rate_,
        "bound": model.bound_,
        "threshold": -model.offset_,
        "region_level": model.level_,
        "region_level_if_anomalous": model.anomalous_level_,
        "calibration_images": len(model.calibration_.scores),
        "witnesses": model.calibration_.witnesses,
        "lowest_rate": model.calibration_.lowest_rate,
    }


def percent(rate: float) -> str:
    """Format a rate in percent."""
    return f"{100 * rate:.3g} %"
