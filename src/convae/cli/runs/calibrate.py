"""Set a new detection threshold."""

from pathlib import Path

from convae.cli.fit_options import MODEL_SUFFIX
from convae.cli.io.image_tables import read_groups
from convae.cli.io.output_files import output_file
from convae.cli.terminal.output import Voice
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.evaluation.results.guarantee import calibration_values, guarantee
from convae.images.sources.base import ImageSource


def calibrate(
    model: AnomalyDetector,
    source: ImageSource,
    out: Path,
    voice: Voice,
    *,
    rate: float | None,
    groups: Path | None,
) -> None:
    """Run ``convae calibrate``."""
    out = output_file(out, MODEL_SUFFIX)
    together = None if groups is None else read_groups(groups, source)
    before = -model.offset_
    model.calibrate(source, groups=together, false_alarm_rate=rate)
    left_out = len(source) - len(model.calibration_.scores)
    if left_out:
        voice.note(f"{left_out:,} images that the model was trained on are left out")
    model.save(out)
    voice.say(guarantee(model))
    voice.say(f"threshold {-model.offset_:.4g} (before: {before:.4g}) in {out}")
    values = {**calibration_values(model), "threshold_before": before, "left_out": left_out}
    voice.result({"model": out, **values})
