"""Measurements of a fitted autoencoder: its reconstructions, compared with PCA."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convae.cli.runs.metric_tables import fit_occasion, images_measured, said, told
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.evaluation.reconstruction import Evaluation, evaluate
from convae.images.sources.base import ImageSource
from convae.model_reports.autoencoder import advice, report_of
from convae.report.page.folder import write_folder

MOST_MEASURED = 5000  # maximum number of training images, where nothing was held out


@dataclass(frozen=True)
class Fitted:
    """A model and its measurements on images."""

    model: ConvAutoencoder
    images: ImageSource
    evaluation: Evaluation

    def lines(self) -> list[str]:
        """Return the table, the verdict and advice."""
        where = "on images held out" if not self.evaluation.seen else "on training images"
        codes = [  # sentences on the codes of variational and sparse autoencoders
            getattr(self.model, name).told()
            for name in ("collapse_", "sparsity_")
            if hasattr(self.model, name)
        ]
        return [*told(self.evaluation, where), *advice(self.model), *codes]

    def values(self) -> dict[str, Any]:
        """Return the same as plain values."""
        seen = bool(self.evaluation.seen)
        return {"measured_on_training_images": seen, "evaluation": said(self.evaluation)}

    def write_report(self, folder: Path, title: str) -> Path:
        """Write the page and the pictures."""
        evaluation = self.evaluation
        occasion = fit_occasion(
            self.model,
            title,
            what="A convolutional autoencoder",
            measured_on=images_measured(evaluation.images, evaluation.seen),
        )
        return write_folder(folder, report_of(self.model, evaluation, self.images, occasion))


def measured(model: ConvAutoencoder, source: ImageSource) -> Fitted:
    """Measure the model on the held-out images; without any, on training images."""
    held_out = model.held_out_
    if held_out is None or not len(held_out):
        some = source.select(range(min(len(source), MOST_MEASURED)))
        return Fitted(model, some, evaluate(model, some, include_seen=True))
    chosen = source.select(held_out)
    # Images skipped while listing are reported once, with those skipped while reading.
    return Fitted(model, chosen, replace(evaluate(model, chosen), skipped=[]))
