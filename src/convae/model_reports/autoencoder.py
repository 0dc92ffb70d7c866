"""How an autoencoder is evaluated and reported: its reconstructions, compared with PCA."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from convae.estimators.base import ImageEstimator
from convae.evaluation.reconstruction import evaluate
from convae.evaluation.results.reconstruction import PCA, ReconstructionEvaluation
from convae.images.sources.base import ImageSource
from convae.images.sources.masks import Masks
from convae.model_reports.code_map import map_of_codes
from convae.model_reports.example_images import (
    galleries,
    reconstruction_panel,
    refuse_masks,
    usable_samples,
)
from convae.model_reports.job import Job, Measurement, Request, advice, values_after_fit
from convae.model_reports.network_facts import report_on
from convae.report.page.contents import Panel, Report
from convae.report.page.heading import Occasion

MOST_MEASURED = 5000  # training images that are measured where none were held out


def measure(model: ImageEstimator, request: Request) -> ReconstructionEvaluation:
    """Evaluate a model; after a fit that held out no images, on training images."""
    positions = request.positions(model)
    if request.after_fit and positions is None:
        positions = np.arange(min(len(request.source), MOST_MEASURED))
    return evaluate(
        model,
        request.source,
        positions=positions,
        include_seen=request.include_seen,
        progress=request.progress,
    )


def report_of(
    model: ImageEstimator,
    evaluation: ReconstructionEvaluation,
    source: ImageSource,
    occasion: Occasion,
) -> Report:
    """Build the report of a model evaluated on images.

    Args:
        model: the fitted model.
        evaluation: of the same ``source``.
        source: the images.
        occasion: titles, commands and other words of the report.
    """
    chosen = galleries(model, evaluation, source, occasion.seed)
    same_scale = occasion.after_fit and str(model.settings_.loss) == "mse"
    return replace(
        report_on(model, evaluation, occasion),
        summary=[
            *evaluation.verdicts(),
            *(advice(model) if occasion.after_fit else ()),
            *evaluation.caveats(),
        ],
        metrics=evaluation.metrics(),
        metrics_note=f"{occasion.measured_on}; the baseline is {evaluation.baseline_name}",
        baseline=(PCA, evaluation.baseline["mse"]) if same_scale else None,
        examples=chosen["examples"],
        best=chosen["best"],
        worst=chosen["worst"],
        errors=evaluation.errors,
        baseline_errors=(PCA, evaluation.baseline_errors),
        codes=map_of_codes(model, evaluation, source, occasion.seed),
    )


def examples(model: ImageEstimator, source: ImageSource, masks: Masks | None) -> Panel:
    """Return pictures of images, their reconstructions, and the errors.

    Raises:
        InputError: there are masks, or no image can be used.
    """
    refuse_masks(model, masks)
    shown = usable_samples(model, source)
    with torch.inference_mode():
        made = [model.network_(one.image).reconstruction for one in shown.samples]
    return shown.noted(
        reconstruction_panel([one.name for one in shown.samples], shown.images(), made)
    )


def notes(model: Any) -> list[str]:
    """Return advice, and the summary of variational, sparse or vector-quantised codes."""
    summaries = [
        getattr(model, name).summary()
        for name in ("collapse_", "sparsity_", "codebook_use_")
        if hasattr(model, name)
    ]
    return [*advice(model), *summaries]


RECONSTRUCTION = Measurement(measure=measure, page=report_of)
JOB = Job(
    title="A convolutional autoencoder",
    after_fit=RECONSTRUCTION,
    on_images=RECONSTRUCTION,
    notes=notes,
    values=lambda model, evaluation: values_after_fit(evaluation),
    examples=examples,
)
