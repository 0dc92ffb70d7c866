"""Format a measurement as sentences, as a table, and for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from convae.cli.fit_options import command_line
from convae.cli.terminal.output import aligned
from convae.estimators.base import ImageEstimator
from convae.evaluation.reconstruction import Evaluation
from convae.metrics.resampling import Difference
from convae.model_reports.autoencoder import caveats, metric_rows, verdict, winner
from convae.report.page.contents import Metric
from convae.report.page.heading import Occasion
from convae.report.pictures.differences import interval_of
from convae.report.text import numbers

INTERVAL = "95 % interval"


def table(metrics: Sequence[Metric], where: str) -> list[str]:
    """Return a table of the model and the baselines, one line a metric; ``where`` is its first heading."""
    names = list(dict.fromkeys(name for metric in metrics for name in metric.baselines))
    known = any(metric.rival for metric in metrics)
    rows: list[tuple[str, ...]] = [
        (where, "model", *names, *(["model minus the best other"] if known else []))
    ]
    for metric in metrics:
        values = [metric.model, *(metric.baselines.get(name) for name in names)]
        cells = [metric.name, *numbers(values)]
        if metric.rival is not None:
            cells.append(interval_of(metric.differences[metric.rival]))
        rows.append(tuple(_ascii(text) for text in cells))
        if metric.intervals:
            ends = (_ends(metric, name) for name in ("model", *names))
            rows.append((INTERVAL, *ends))
    return aligned(rows)


def _ends(metric: Metric, name: str) -> str:
    """Return ``0.912 to 0.951``, or nothing if the interval is not known."""
    ends = metric.intervals.get(name)
    return "" if ends is None else " to ".join(_ascii(text) for text in numbers(ends))


def told(evaluation: Evaluation, where: str) -> list[str]:
    """Return the lines of the table of the model and PCA, the verdict and its caveats."""
    lines = table(metric_rows(evaluation), where)
    loss = evaluation.loss
    if loss["floor"]:
        lines += [
            "",
            f"The loss, {loss['name']}, is {loss['value']:.4g}: {loss['excess']:.4g} above the "
            f"{loss['floor']:.4g} that a perfect reconstruction has.",
        ]
    return [*lines, "", verdict(evaluation), *caveats(evaluation)]


def said(evaluation: Evaluation) -> dict[str, Any]:
    """Return the same results as plain values."""
    return {**evaluation.to_dict(), "winner": winner(evaluation), "verdict": verdict(evaluation)}


def differences_said(found: Mapping[str, Mapping[str, Difference]]) -> dict[str, Any]:
    """Return metric -> other method -> the model minus that method, as plain values."""
    return {
        measure: {name: one.to_dict() for name, one in others.items()}
        for measure, others in found.items()
    }


def fit_occasion(model: ImageEstimator, title: str, *, what: str, measured_on: str) -> Occasion:
    """Return the heading of the report of a fit; ``what`` was fitted, such as ``A denoiser``."""
    return Occasion(
        title=title,
        subtitle=f"{what} of {model._stored.facts['images']}",
        measured_on=measured_on,
        command=command_line(),
        after_fit=True,
        seed=model.settings_.seed,
    )


def images_measured(count: int, seen: int | bool) -> str:
    """Return a description of the images on which a fitted model was measured."""
    return f"{count:,} images " + ("that it was trained on" if seen else "held out from training")


def _ascii(text: str) -> str:
    """Replace characters that some terminal encodings lack."""
    return text.replace("−", "-").replace("–", "-").replace("∞", "inf")
