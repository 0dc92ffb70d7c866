"""Scores of a model and of other methods on the same images: differences, tables, plain values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convae.metrics.resampling import Difference, paired_difference
from convae.report.page.contents import Metric, Table
from convae.report.pictures.differences import interval_of
from convae.report.text import ascii_text, numbers

MODEL, GIVEN = "model", "noisy"  # the names of the model, and of the images as they were given
ON_TRAINING_IMAGES = (
    "Careful: the images measured were trained on, so this is not how good the model is on new "
    "ones."
)

INTERVAL = "95 % interval"  # the first cell of the row below a metric


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scores of several methods on the same images.

    Attributes:
        scores: measure -> method -> the mean over the images; NaN for what cannot be computed.
        differences: measure -> other method -> the model minus it, over the images.
    """

    scores: dict[str, dict[str, float]]
    differences: dict[str, dict[str, Difference]] = field(default_factory=dict)

    def best_other(self, measure: str) -> tuple[str, float]:
        """Return the best of the classical methods by a measure of which more is better."""
        values = {n: v for n, v in self.scores[measure].items() if n not in (GIVEN, MODEL)}
        name = max(values, key=lambda n: -math.inf if math.isnan(values[n]) else values[n])
        return name, values[name]

    def metrics(self, better: Mapping[str, str], suffix: str = "") -> list[Metric]:
        """Return a row for each measure: the model next to the other methods.

        Args:
            better: measure -> ``higher``, ``lower``, or empty if neither is better.
            suffix: the end of each row's name.
        """
        return [
            Metric(
                name=f"{measure}{suffix}",
                model=values[MODEL],
                baselines={name: value for name, value in values.items() if name != MODEL},
                better=better[measure],
                differences=self.differences.get(measure, {}),
            )
            for measure, values in self.scores.items()
        ]

    def values(self) -> dict[str, Any]:
        """Return measure -> method -> score, and the differences, as plain values."""
        return {**self.scores, "differences": difference_values(self.differences)}


def omissions(left_out: int, skipped: int) -> list[str]:
    """Return sentences on images that were left out, and on images that could not be used."""
    sentences = []
    if left_out:
        sentences.append(
            f"{left_out:,} images were left out because the model was trained on them."
        )
    if skipped:
        sentences.append(f"{skipped:,} images could not be used.")
    return sentences


def differences_of(
    values: Mapping[str, Mapping[str, np.ndarray | Sequence[float]]],
) -> dict[str, dict[str, Difference]]:
    """Return the model minus each other method, paired by image.

    Args:
        values: measure -> method -> (n,) one value for each image.
    """
    return {
        measure: {
            name: paired_difference(methods[MODEL], other)
            for name, other in methods.items()
            if name != MODEL
        }
        for measure, methods in values.items()
    }


def difference_values(differences: Mapping[str, Mapping[str, Difference]]) -> dict[str, Any]:
    """Return measure -> other method -> the model minus that method, as plain values."""
    return {
        measure: {name: one.to_dict() for name, one in others.items()}
        for measure, others in differences.items()
    }


def _ends(metric: Metric, name: str) -> str:
    """Return ``0.912 to 0.951``, or nothing if the interval is not known."""
    ends = metric.intervals.get(name)
    return "" if ends is None else " to ".join(ascii_text(text) for text in numbers(ends))


def metric_table(metrics: Sequence[Metric], where: str, note: str = "") -> Table:
    """Return a table of the model and the baselines as plain text, one row for each metric.

    Args:
        metrics: the rows.
        where: the heading of the first column: which images were measured.
        note: a sentence below the table.
    """
    names = list(dict.fromkeys(name for metric in metrics for name in metric.baselines))
    compared = ["model minus the best other"] if any(metric.rival for metric in metrics) else []
    rows = []
    for metric in metrics:
        values = [metric.model, *(metric.baselines.get(name) for name in names)]
        rival = metric.rival
        interval = interval_of(metric.differences[rival]) if rival is not None else ""
        cells = [metric.name, *numbers(values), *([interval] if compared else [])]
        rows.append([ascii_text(cell) for cell in cells])
        if metric.intervals:
            ends = [_ends(metric, name) for name in ("model", *names)]
            rows.append([INTERVAL, *ends, *("" for _ in compared)])
    return Table(heading="", columns=[where, "model", *names, *compared], rows=rows, note=note)
