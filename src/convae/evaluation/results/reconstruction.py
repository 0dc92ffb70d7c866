"""The results of an autoencoder, compared with PCA of the same latent dimension."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from convae.evaluation.results.scores import metric_table, omissions
from convae.evaluation.results.shown import ShownResults
from convae.images.sources.base import Skipped
from convae.metrics.codebook_use import CodebookUse
from convae.metrics.resampling import Difference, paired_difference
from convae.report.page.contents import Metric, Table
from convae.report.pictures.differences import interval_of

EXACT = 1e-10  # a squared error from rounding: 100 dB
EQUAL = 0.005  # relative difference of the squared errors below which two methods do equally well
PCA = "PCA"  # the baseline's short name
# name in an evaluation, name in the report, which direction is better
METRICS = (
    ("mse", "MSE", "lower"),
    ("mae", "MAE", "lower"),
    ("psnr_mean", "mean PSNR (dB)", "higher"),
    ("psnr_pooled", "pooled PSNR (dB)", "higher"),
    ("ssim", "SSIM", "higher"),
    ("ms_ssim", "MS-SSIM", "higher"),
)


@dataclass(frozen=True, kw_only=True, repr=False)
class ReconstructionEvaluation(ShownResults):
    """The evaluation of a model on images.

    Attributes:
        images: number of images measured.
        left_out: how many were not measured, because the model was trained on them.
        seen: how many of those measured were trained on (only if that was asked for).
        skipped: images that could not be used, with reasons.
        model, baseline: mse, mae, psnr_mean, psnr_pooled, ssim, ms_ssim in the network's units.
        baseline_name: the name of the baseline.
        loss: the training loss on these images, its floor (that of a perfect reconstruction) and the
            excess over it.
        index: (n,) positions of the measured images in the source.
        errors, baseline_errors: (n,) mean squared error of each image.
        codes: (m, code size) of some images; ``coded`` (m,) are their positions among the measured.
        codebook: how often each entry of a codebook was used; None without one.
    """

    images: int
    left_out: int
    seen: int
    skipped: list[Skipped]
    model: dict[str, float]
    baseline: dict[str, float]
    baseline_name: str
    loss: dict[str, Any]
    index: np.ndarray
    errors: np.ndarray
    baseline_errors: np.ndarray
    codes: np.ndarray
    coded: np.ndarray
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] = ()
    codebook: CodebookUse | None = None

    @property
    def gain(self) -> float:
        """Fraction by which the model's squared error is below the baseline's (negative: above).

        0 if both are exact; NaN if only the baseline is exact, because no fraction describes the excess.
        """
        ours, theirs = self.model["mse"], self.baseline["mse"]
        if theirs > EXACT:
            return 1 - ours / theirs
        return 0.0 if ours <= EXACT else math.nan

    @property
    def difference(self) -> Difference:
        """The squared error of the model minus that of the baseline; below 0 where the model is better."""
        return paired_difference(self.errors, self.baseline_errors)

    @property
    def winner(self) -> str:
        """``model``, ``baseline`` or ``neither``, in agreement with :meth:`verdict`."""
        if math.isnan(self.gain):
            return "baseline"
        if abs(self.gain) < EQUAL or not self.difference.sign:
            return "neither"
        return "model" if self.difference.sign < 0 else "baseline"

    def metrics(self) -> list[Metric]:
        """Return the model next to its baseline; metrics that cannot be computed are left out."""
        rows = []
        for key, name, better in METRICS:
            model, baseline = rounded(self.model[key]), rounded(self.baseline[key])
            if not (math.isnan(model) and math.isnan(baseline)):
                rows.append(
                    Metric(
                        name=name,
                        model=model,
                        baselines={PCA: baseline},
                        better=better,
                        differences={PCA: self.difference} if key == "mse" else {},
                    )
                )
        return rows

    def tables(self, where: str) -> list[Table]:
        """Return the table of the metrics, with a note on the loss if its floor is above zero."""
        loss = self.loss
        note = (
            f"The loss, {loss['name']}, is {loss['value']:.4g}: {loss['excess']:.4g} above the "
            f"{loss['floor']:.4g} that a perfect reconstruction has."
            if loss["floor"]
            else ""
        )
        return [metric_table(self.metrics(), where, note)]

    def verdicts(self) -> list[str]:
        """Return the verdict, and for a codebook how much of it is used."""
        use = [] if self.codebook is None else [self.codebook.summary()]
        return [self.verdict(), *use]

    def verdict(self) -> str:
        """State in one sentence which is better, if the interval of the difference excludes zero.

        The sentence names what is compared: squared errors at codes of one size.
        """
        name, gain = self.baseline_name.replace(", ", " with ", 1), self.gain
        interval = f"squared error, model minus PCA: {interval_of(self.difference)}"
        if math.isnan(gain):
            return (
                f"{name} is better: it restores these images exactly, and the model does not "
                f"({interval})."
            )
        if abs(gain) < EQUAL:
            return f"The model and {name} do equally well: their squared errors differ by less than 0.5 %."
        if self.difference.interval is None:
            return f"One image is too few to tell whether the model is better than {name} ({interval})."
        if not self.difference.sign:
            return f"The model and {name} cannot be told apart on these images ({interval})."
        times = f"{abs(gain):.0%}".replace("%", " %")
        if self.difference.sign < 0:
            by = f"its squared error is {times} below{self._exceptions()}"
            return f"The model is better than {name}: {by} ({interval})."
        by = f"whose squared error is {times} above{self._exceptions()}"
        return f"{name} is better than the model, {by} ({interval})."

    def _exceptions(self) -> str:
        """Name the metrics by which the loser by squared error is better."""
        wins = self.gain > 0
        names = []
        for metric in self.metrics():
            model, other = metric.model, metric.baselines[PCA]
            if model is None or other is None or math.isnan(model + other) or model == other:
                continue
            if ((model < other) == (metric.better == "lower")) != wins:
                names.append(metric.name)
        who = "PCA" if wins else "the model"
        return f"; by {', '.join(names)} {who} is better" if names else ""

    def caveats(self) -> list[str]:
        """Return what limits the results: training images among those measured, images that were left out."""
        sentences = []
        if self.seen:
            some = "all" if self.seen == self.images else f"{self.seen:,}"
            sentences.append(
                f"Careful: {some} of the {self.images:,} images measured were trained on, so this is "
                "not how good the model is on new images."
            )
        return sentences + omissions(self.left_out, len(self.skipped))

    def values(self) -> dict[str, Any]:
        """Return plain values for JSON; infinite values (a perfect reconstruction) become None."""
        return {
            "images": self.images,
            "left_out_because_trained_on": self.left_out,
            "measured_although_trained_on": self.seen,
            "skipped": [[s.name, s.reason] for s in self.skipped],
            "model": _finite(self.model),
            "baseline": _finite(self.baseline),
            "baseline_name": self.baseline_name,
            "loss": self.loss,
            "error_below_baseline": self.gain if math.isfinite(self.gain) else None,
            "difference": {"mse": self.difference.to_dict()},
            "winner": self.winner,
            "verdict": self.verdict(),
            **({} if self.codebook is None else {"codebook": self.codebook.values()}),
        }


def rounded(value: float) -> float:
    """Round to four digits: a model that still equals PCA differs from it only in the last bits.

    >>> rounded(0.000650339284), rounded(float("inf"))
    (0.0006503, inf)
    """
    return float(f"{value:.4g}")


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
