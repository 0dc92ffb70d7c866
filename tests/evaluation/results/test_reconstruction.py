"""What the results of an autoencoder say: which is better, it or PCA, and whether that is sure."""

import math

import numpy as np
import pytest

from convae.evaluation.results.reconstruction import ReconstructionEvaluation
from convae.report.page.contents import Report
from convae.report.page.html import render_report


def measured(errors: list[float], others: list[float]) -> ReconstructionEvaluation:
    """An evaluation with these squared errors."""

    def totals(values: list[float]) -> dict[str, float]:
        mse = float(np.mean(values))
        psnr = -10 * math.log10(mse) if mse else math.inf
        names = ("mae", "psnr_mean", "psnr_pooled", "ssim", "ms_ssim")
        return {"mse": mse, **dict(zip(names, (mse, psnr, psnr, math.nan, math.nan), strict=True))}

    return ReconstructionEvaluation(
        images=len(errors), left_out=0, seen=0, skipped=[], model=totals(errors), baseline=totals(others),
        baseline_name="PCA, 4 components", loss={"floor": 0.0}, index=np.arange(len(errors)),
        errors=np.array(errors), baseline_errors=np.array(others), codes=np.zeros((0, 4)),
        coded=np.zeros(0, int),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("errors", "others", "who", "words"),
    [
        ([0.01] * 9, [0.02] * 9, "model", "The model is better than PCA with 4 components: its"),
        ([0.02] * 9, [0.01] * 9, "baseline", "PCA with 4 components is better than the model"),
        ([0.01, 0.05] * 4, [0.05, 0.011] * 4, "neither", "The model and PCA with 4 components cannot"),
        ([0.01] * 9, [0.01001] * 9, "neither", "The model and PCA with 4 components do equally well"),
        ([0.01], [0.02], "neither", "One image is too few to tell whether the model is better than PCA"),
        ([0.0] * 3, [0.0] * 3, "neither", "The model and PCA with 4 components do equally well"),
        ([0.01] * 3, [1e-17] * 3, "baseline", "PCA with 4 components is better: it restores these"),
        ([0.0] * 3, [0.01] * 3, "model", "The model is better than PCA with 4 components: its"),
    ],
)  # fmt: skip
def test_the_verdict_follows_the_interval(
    errors: list[float], others: list[float], who: str, words: str
) -> None:
    found = measured(errors, others)
    assert found.verdict().startswith(words)
    assert found.winner == who
    assert "nan" not in found.verdict()
    assert "inf " not in found.verdict()
    assert found.values()["difference"]["mse"]["images"] == len(errors)
    gain = found.values()["error_below_baseline"]
    assert gain is None or abs(gain) < 1000
    text = render_report(Report(title="t", metrics=found.metrics()))
    assert "nan" not in text.split("<table")[-1].split("</table>")[0]
