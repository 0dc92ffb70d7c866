"""Measure a fitted autoencoder: its reconstructions, compared with PCA."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convae.cli.runs.metric_tables import fit_occasion, images_measured, said, told
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.evaluation.reconstruction import Evaluation, evaluate
from convae.images.sources.base import ImageSource
from convae.model_reports.autoencoder import advice, report_of
from convae.report.page.folder import write_folder

MOST_MEASURED = 5000  # training images that are measured where none were held out


@dataclass(frozen=True)
class Fitted:
    """A fitted model and its results on images."""

    model: ConvAutoencoder
    images: ImageSource
    evaluation: Evaluation

    def lines(self) -> list[str]:
        """Return the lines of the table, the verdict and advice."""
        where = "on images held out" if not self.evaluation.seen else "on training images"
        codes = [  # summaries of the codes of variational and sparse autoencoders
            getattr(self.model, name).told()
            for name in ("collapse_", "sparsity_")
            if hasattr(self.model, name)
        ]
        return [*told(self.evaluation, where), *advice(self.model), *codes]

    def values(self) -> dict[str, Any]:
        """Return the results for programs."""
        seen = bool(self.evaluation.seen)
        return {"measured_on_training_images": seen, "evaluation": said(self.evaluation)}

    def write_report(self, folder: Path, title: str) -> Path:
        """Write the page and its pictures into ``folder``; return the path of the page."""
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
