"""What the threshold of a detector guarantees, in sentences and as values."""

from typing import Any

from convae.estimators.anomaly.detector import AnomalyDetector
from convae.metrics.proportions import Proportion


def guarantee(model: AnomalyDetector) -> str:
    """State the false-alarm rate that the threshold guarantees, and the lowest that could be guaranteed."""
    rate, calibration = model.false_alarm_rate_, model.calibration_
    count = calibration.witnesses
    if not model.promised_:
        return (
            f"About {percent(rate)} of new normal images are expected to be called anomalous. This is an "
            f"estimate without a guarantee: {count} held-out normals promise "
            f"{percent(calibration.lowest_rate)} at best, and the threshold continues the tail of their "
            "scores."
        )
    if model.bound_ is not None and model.bound_ > rate:
        return (
            f"Of new normal images about {percent(rate)} are called anomalous, and at most "
            f"{percent(model.bound_)} whatever the networks are worth: each of {count} normals was scored by "
            "a detector that had not seen it. 'convae calibrate' with other normals promises the rate itself."
        )
    return (
        f"Of new normal images at most {percent(rate)} are called anomalous. With {count} held-out normals "
        f"the lowest rate that can be promised is 1/{count + 1} = {percent(calibration.lowest_rate)}; "
        "'convae calibrate' sets another, without training."
    )


def known_defects(model: AnomalyDetector) -> list[str]:
    """State how well the given real defects are found; empty if none were given."""
    known = model.chosen_.get("defects")
    if not known:
        return []
    count, found = known["images"], Proportion(known["found"]["count"], known["found"]["of"])
    low, high = found.interval or (0.0, 1.0)
    images = "the image" if count == 1 else f"the {count} images"
    return [
        f"Of {images} with real defects {found.hits} lie above the threshold (95 % interval of the rate: "
        f"{percent(low)} to {percent(high)}), AUROC {known['auroc']:.3f}; with weights by synthetic defects "
        f"alone {known['without']:.3f}. Each was scored with weights that were found without it."
    ]


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
