"""A measurement in words, as a table, and for programs."""

import math
from typing import Any

from convae.cli.voice import aligned
from convae.evaluation import Evaluation
from convae.report.of_model import PCA, caveats, metric_rows, verdict
from convae.report.text import numbers


def told(evaluation: Evaluation, where: str) -> list[str]:
    """The table of the model beside PCA, who wins, and what to be careful about."""
    rows: list[tuple[str, ...]] = [(where, "model", PCA)]
    for metric in metric_rows(evaluation):
        values = [metric.model, metric.baselines[PCA]]
        rows.append((metric.name, *(_ascii(text) for text in numbers(values))))
    loss = evaluation.loss
    lines = aligned(rows)
    if loss["floor"]:
        lines += [
            "",
            f"The loss, {loss['name']}, is {loss['value']:.4g}: {loss['excess']:.4g} above the "
            f"{loss['floor']:.4g} that a perfect reconstruction has.",
        ]
    return [*lines, "", verdict(evaluation), *caveats(evaluation)]


def said(evaluation: Evaluation) -> dict[str, Any]:
    """The same as plain values."""
    winner = "neither"
    if math.isfinite(evaluation.gain) and abs(evaluation.gain) >= 0.005:
        winner = "model" if evaluation.gain > 0 else "baseline"
    return {**evaluation.to_dict(), "winner": winner, "verdict": verdict(evaluation)}


def _ascii(text: str) -> str:
    """Digits as a terminal of any encoding shows them."""
    return text.replace("−", "-").replace("–", "-").replace("∞", "inf")
