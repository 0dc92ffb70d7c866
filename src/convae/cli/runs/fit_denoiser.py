"""Measurements of a fitted denoiser: synthetic noise, pairs, or estimates from noisy images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convae.cli.runs.metric_tables import differences_said, fit_occasion, images_measured, table
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.noise_units import stretch
from convae.evaluation.denoising import DenoisingEvaluation, evaluate_denoiser
from convae.images.sources.base import ImageSource
from convae.model_reports.autoencoder import advice
from convae.model_reports.denoiser import (
    caveats,
    decision,
    metric_rows,
    report_of_denoising,
    verdicts,
)
from convae.report.page.folder import write_folder


@dataclass(frozen=True)
class Fitted:
    """A denoiser and its measurements."""

    model: Denoiser
    found: DenoisingEvaluation

    def lines(self) -> list[str]:
        """Return the table, the verdict and advice."""
        where = "on images held out" if not self.found.seen else "on training images"
        told = [*verdicts(self.found), *caveats(self.found), *decision(self.model)]
        told += advice(self.model)
        return [*table(metric_rows(self.found), where), "", *told]

    def values(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return {
            "learnt_from": self.model.learn_,
            "noise_found": noise_found(self.model),
            "measured_on_training_images": self.found.seen,
            "evaluation": values_of(self.found),
        }

    def write_report(self, folder: Path, title: str) -> Path:
        """Write the page and the pictures."""
        found = self.found
        occasion = fit_occasion(
            self.model,
            title,
            what="A denoiser",
            measured_on=images_measured(found.images, found.seen),
        )
        return write_folder(folder, report_of_denoising(self.model, found, occasion))


def noise_found(model: Denoiser) -> dict[str, Any] | None:
    """Return the estimates that decided between clean and noisy, as fractions of the dtype's range."""
    found = model.noise_found_
    if found is None:
        return None
    factor = stretch(model.scaling_)
    return {"noisy": found.noisy, "fine": found.fine / factor, "coarse": found.coarse / factor}


def values_of(found: DenoisingEvaluation) -> dict[str, Any]:
    """Return a measurement as plain values."""
    return {
        "images": found.images,
        "noise_made": found.made,
        "noise_level": found.level,
        "rounds": [
            {"noise": done.noise, **done.scores, "differences": differences_said(done.differences)}
            for done in found.rounds
        ],
        "verdict": " ".join(verdicts(found)),
    }


def measuring(target: ImageSource | None) -> Callable[[Denoiser, ImageSource], Fitted]:
    """Return a function that measures a fitted denoiser on held-out images, or else on training images."""

    def measured(model: Denoiser, source: ImageSource) -> Fitted:
        held_out = model.held_out_
        some = held_out if held_out is not None and len(held_out) else None
        found = evaluate_denoiser(model, source, target=target, positions=some)
        return Fitted(model, found)

    return measured
