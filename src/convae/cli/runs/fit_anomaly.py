"""Measure a fitted detector: synthetic defects, and the guarantee of its threshold."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convae.cli.runs.metric_tables import differences_said, fit_occasion, table
from convae.cli.terminal.output import printable
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.evaluation.anomaly import DetectionEvaluation, evaluate_detector
from convae.images.sources.base import ImageSource
from convae.model_reports.anomaly import (
    known_defects,
    metric_rows,
    promise,
    report_of_detector,
    verdict,
)
from convae.model_reports.autoencoder import advice
from convae.report.page.folder import write_folder


@dataclass(frozen=True)
class Fitted:
    """A fitted detector and its results."""

    model: AnomalyDetector
    found: DetectionEvaluation

    def lines(self) -> list[str]:
        """Return the lines of the table, the verdict, the guarantee and advice."""
        rows = table(metric_rows(self.found), "synthetic defects, on images held out")
        said = verdict(self.found, self.model.method)
        return [
            *rows,
            "",
            said,
            *map(printable, known_defects(self.model)),
            promise(self.model),
            *advice(self.model),
        ]

    def values(self) -> dict[str, Any]:
        """Return the results for programs."""
        return {**calibration_values(self.model), "synthetic_defects": self.found.scores,
                "differences": differences_said({"mean AUROC": self.found.differences}),
                "intervals": {"mean AUROC": self.found.intervals},
                "real_defects": self.model.chosen_.get("defects"),
                "score_by": self.model.chosen_.get("score"),
                "verdict": verdict(self.found, self.model.method)}  # fmt: skip

    def write_report(self, folder: Path, title: str) -> Path:
        """Write the page and the pictures."""
        use = (
            "set the threshold and nothing else"
            if not self.model.calibrated_by_folds_
            else "the first of the detectors has not seen"
        )
        occasion = fit_occasion(
            self.model,
            title,
            what="An anomaly detector",
            measured_on=f"{self.found.images:,} normal images that {use}, and the same with one synthetic "
            "defect each",
        )
        return write_folder(folder, report_of_detector(self.model, self.found, occasion))


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


def measured(model: AnomalyDetector, source: ImageSource) -> Fitted:
    """Measure the model on the normal images that set its threshold."""
    assert model.held_out_ is not None
    found = evaluate_detector(model.of_fold(), source, model.held_out_, seed=model.settings_.seed)
    return Fitted(model, found)
