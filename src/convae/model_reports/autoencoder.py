"""The report of an autoencoder, from the model, its evaluation and the images.

Unlike the rest of ``report`` this depends on models, so it is not loaded with ``convae.report``.
"""

import math
from dataclasses import replace

from convae.estimators.base import ImageEstimator
from convae.evaluation.reconstruction import Evaluation
from convae.images.sources.base import ImageSource
from convae.model_reports.code_map import map_of_codes
from convae.model_reports.example_images import galleries
from convae.model_reports.network_facts import report_on
from convae.report.page.contents import Metric, Report
from convae.report.page.heading import Occasion
from convae.report.pictures.differences import interval_of

PCA = "PCA"  # the baseline's short name
# name in an Evaluation, name in the report, which direction is better
METRICS = (
    ("mse", "MSE", "lower"),
    ("mae", "MAE", "lower"),
    ("psnr_mean", "mean PSNR (dB)", "higher"),
    ("psnr_pooled", "pooled PSNR (dB)", "higher"),
    ("ssim", "SSIM", "higher"),
    ("ms_ssim", "MS-SSIM", "higher"),
)


def metric_rows(evaluation: Evaluation) -> list[Metric]:
    """Return the table of results: the model next to its baseline; what cannot be computed is left out."""
    rows = []
    for key, name, better in METRICS:
        model, baseline = (
            rounded(values[key]) for values in (evaluation.model, evaluation.baseline)
        )
        if not (math.isnan(model) and math.isnan(baseline)):
            known = {PCA: evaluation.difference} if key == "mse" else {}
            beside: dict[str, float | None] = {PCA: baseline}
            rows.append(
                Metric(name=name, model=model, baselines=beside, better=better, differences=known)
            )
    return rows


def rounded(value: float) -> float:
    """Round to four digits: a model that still equals PCA differs from it only in the last bits.

    >>> rounded(0.000650339284), rounded(float("inf"))
    (0.0006503, inf)
    """
    return float(f"{value:.4g}")


def verdict(evaluation: Evaluation) -> str:
    """State in one sentence which is better, if the interval of the difference excludes zero.

    The sentence names what is compared: squared errors at codes of one size.
    """
    name, gain = evaluation.baseline_name.replace(", ", " with ", 1), evaluation.gain
    difference = evaluation.difference
    told = f"squared error, model minus PCA: {interval_of(difference)}"
    if math.isnan(gain):
        return (
            f"{name} is better: it restores these images exactly, and the model does not ({told})."
        )
    if abs(gain) < 0.005:
        return (
            f"The model and {name} do equally well: their squared errors differ by less than 0.5 %."
        )
    if difference.interval is None:
        return f"One image is too few to tell whether the model is better than {name} ({told})."
    if not difference.sign:
        return f"The model and {name} cannot be told apart on these images ({told})."
    times = f"{abs(gain):.0%}".replace("%", " %")
    if difference.sign < 0:
        by = f"its squared error is {times} below{_but(evaluation)}"
        return f"The model is better than {name}: {by} ({told})."
    by = f"whose squared error is {times} above{_but(evaluation)}"
    return f"{name} is better than the model, {by} ({told})."


def winner(evaluation: Evaluation) -> str:
    """Return ``model``, ``baseline`` or ``neither``, in agreement with :func:`verdict`."""
    if math.isnan(evaluation.gain):
        return "baseline"
    if abs(evaluation.gain) < 0.005 or not evaluation.difference.sign:
        return "neither"
    return "model" if evaluation.difference.sign < 0 else "baseline"


def _but(evaluation: Evaluation) -> str:
    """Name the measures by which the loser by squared error is better."""
    wins = evaluation.gain > 0
    names = []
    for metric in metric_rows(evaluation):
        model, beside = metric.model, metric.baselines[PCA]
        known = model is not None and beside is not None and not math.isnan(model + beside)
        if model is not None and beside is not None and known and model != beside:
            better = (model < beside) == (metric.better == "lower")
            if better != wins:
                names.append(metric.name)
    who = "PCA" if wins else "the model"
    return f"; by {', '.join(names)} {who} is better" if names else ""


def caveats(evaluation: Evaluation) -> list[str]:
    """Return what limits the results: training images among those measured, images that were left out."""
    said = []
    if evaluation.seen:
        some = "all" if evaluation.seen == evaluation.images else f"{evaluation.seen:,}"
        said.append(
            f"Careful: {some} of the {evaluation.images:,} images measured were trained on, so this is "
            "not how good the model is on new images."
        )
    if evaluation.left_out:
        said.append(
            f"{evaluation.left_out:,} images were left out because the model was trained on them."
        )
    if evaluation.skipped:
        said.append(f"{len(evaluation.skipped):,} images could not be used.")
    return said


def advice(model: ImageEstimator) -> list[str]:
    """Return what to do after a fit without improvement."""
    if model.best_epoch_ or not model.n_iter_:
        return []
    return [
        "No epoch did better on the held-out images than the start, whose weights were kept: train longer "
        "(--epochs), or with more images, or with a smaller code (--latent-dim)."
    ]


def report_of(
    model: ImageEstimator, evaluation: Evaluation, source: ImageSource, occasion: Occasion
) -> Report:
    """Build the report of a model evaluated on images.

    Args:
        model: the fitted model.
        evaluation: of the same ``source``.
        source: the images.
        occasion: titles, commands and other words of the report.
    """
    chosen = galleries(model, evaluation, source, occasion.seed)
    beside = (PCA, evaluation.baseline["mse"])
    same_scale = occasion.after_fit and model.settings_.loss == "mse"
    return replace(
        report_on(model, occasion, evaluation.images),
        summary=[
            verdict(evaluation),
            *(advice(model) if occasion.after_fit else ()),
            *caveats(evaluation),
        ],
        metrics=metric_rows(evaluation),
        metrics_note=f"{occasion.measured_on}; the baseline is {evaluation.baseline_name}",
        baseline=beside if same_scale else None,
        examples=chosen["examples"],
        best=chosen["best"],
        worst=chosen["worst"],
        errors=evaluation.errors,
        baseline_errors=(PCA, evaluation.baseline_errors),
        codes=map_of_codes(model, evaluation, source, occasion.seed),
    )
