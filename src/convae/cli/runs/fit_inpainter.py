"""Measurements of a fitted inpainter: synthetic holes in held-out images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convae.cli.runs.metric_tables import differences_said, fit_occasion, images_measured, table
from convae.estimators.restoration.inpainter import Inpainter
from convae.evaluation.inpainting import InpaintingEvaluation, evaluate_inpainter
from convae.images.sources.base import ImageSource
from convae.model_reports.autoencoder import advice
from convae.model_reports.inpainter import caveats, metric_rows, report_of_inpainting, verdicts
from convae.report.page.folder import write_folder


@dataclass(frozen=True)
class Fitted:
    """An inpainter and its measurements."""

    model: Inpainter
    found: InpaintingEvaluation

    def lines(self) -> list[str]:
        """Return the table, the verdict and advice."""
        where = "on images held out" if not self.found.seen else "on training images"
        told = [*verdicts(self.found), *caveats(self.found), *advice(self.model)]
        return [*table(metric_rows(self.found), where), "", *told]

    def values(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return {
            "holes": str(self.model.holes_),
            "measured_on_training_images": self.found.seen,
            "evaluation": values_of(self.found),
        }

    def write_report(self, folder: Path, title: str) -> Path:
        """Write the page and the pictures."""
        found = self.found
        occasion = fit_occasion(
            self.model,
            title,
            what="An inpainter",
            measured_on=images_measured(found.images, found.seen),
        )
        return write_folder(folder, report_of_inpainting(self.model, found, occasion))


def values_of(found: InpaintingEvaluation) -> dict[str, Any]:
    """Return a measurement as plain values."""
    return {
        "images": found.images,
        "rounds": [
            {
                "holes": done.holes,
                "missing": done.missing,
                **done.scores,
                "differences": differences_said(done.differences),
            }
            for done in found.rounds
        ],
        "verdict": " ".join(verdicts(found)),
    }


def measured(model: Inpainter, source: ImageSource) -> Fitted:
    """Measure a fitted inpainter on the held-out images, or else on training images."""
    held_out = model.held_out_
    some = held_out if held_out is not None and len(held_out) else None
    return Fitted(model, evaluate_inpainter(model, source, positions=some))
