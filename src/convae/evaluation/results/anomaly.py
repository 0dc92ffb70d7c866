"""The results of a detector on synthetic defects, compared with detectors that compare pixels."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from convae.estimators.anomaly.normal_cues import COMPONENTS
from convae.evaluation.results.scores import MODEL, difference_values, metric_table
from convae.evaluation.results.shown import ShownResults
from convae.images.sources.base import Skipped
from convae.metrics.resampling import Difference
from convae.report.page.contents import Metric, Table
from convae.report.pictures.differences import interval_of

MEAN, NEAREST = "mean image", "nearest normal image"
PCA = f"PCA-{COMPONENTS} error"
OTHERS = (PCA, MEAN, NEAREST)
OVERALL = "where: AUPRO"
_TRAIN_LONGER = "train longer (--epochs)"


@dataclass(frozen=True)
class Pictures:
    """An image, the same with a defect, and where the model finds it anomalous.

    Attributes:
        name: of the image.
        kind: of the defect.
        normal, damaged: (C, H, W) in about [0, 1].
        map: (H, W).
    """

    name: str
    kind: str
    normal: np.ndarray
    damaged: np.ndarray
    map: np.ndarray


@dataclass(frozen=True, kw_only=True, repr=False)
class DetectionEvaluation(ShownResults):
    """The evaluation of a detector by synthetic defects, on images that it was not trained on.

    Attributes:
        images: number of normal images that were measured, and damaged by every kind of defect.
        scores: measure -> detector -> value: the AUROC for each kind of defect, and the AUPRO of the maps.
        differences: other detector -> the model's mean AUROC over the kinds minus that of the other.
        intervals: detector -> the 95 % interval of its mean AUROC; empty where it cannot be known.
        pictures: pictures of some images.
        suited: whether the model's method is for defects; that of attributes is for other kinds of objects.
        skipped: images that could not be used, with reasons.
    """

    images: int
    scores: dict[str, dict[str, float]]
    differences: dict[str, Difference] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    pictures: list[Pictures] = field(default_factory=list)
    suited: bool = True
    seen: bool = False
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def mean(self) -> dict[str, float]:
        """Detector -> the mean AUROC over the kinds of defects."""
        kinds = [values for name, values in self.scores.items() if name != OVERALL]
        return {name: float(np.mean([row[name] for row in kinds])) for name in (MODEL, *OTHERS)}

    def metrics(self) -> list[Metric]:
        """Return the model next to the detectors that compare pixels."""
        rows = [_metric(name, values) for name, values in self.scores.items()]
        if self.differences:
            mean = _metric("mean of the AUROC of all kinds", self.mean)
            rows.append(replace(mean, differences=self.differences, intervals=self.intervals))
        return rows

    def tables(self, where: str) -> list[Table]:
        """Return the table of the metrics."""
        return [metric_table(self.metrics(), f"synthetic defects, {where}")]

    def verdicts(self) -> list[str]:
        """Return the verdict as the only sentence."""
        return [self.verdict()]

    def verdict(self) -> str:
        """State whether the model finds defects better than the detectors that compare pixels."""
        if not self.scores:
            why = (
                "are too small for synthetic defects" if self.images else "cannot be read any more"
            )
            return f"The images {why}, so nothing was measured."
        means = self.mean
        other = max(OTHERS, key=lambda name: means[name])
        result = f"Synthetic defects: AUROC {means[MODEL]:.3f}, over all kinds"
        rival = f"{means[other]:.3f} of the {other if other == PCA else f'distance to the {other}'}"
        if not self.suited:
            return (
                f"{result}, compared with {rival}. Defects are not what this method is for: it detects other "
                "kinds of objects, and normal images alone cannot say how well."
            )
        difference = self.differences.get(other)
        if difference is not None:
            rival = f"{rival} (difference {interval_of(difference)})"
            if not difference.sign:
                return (
                    f"{result}, which cannot be told apart from {rival}: {_TRAIN_LONGER}, or on more "
                    "images."
                )
        if means[MODEL] > means[other]:
            return f"{result}, compared with {rival}."
        return f"{result}, below {rival}, which needs no training: {_TRAIN_LONGER}."

    def caveats(self) -> list[str]:
        """Return nothing: the model was neither trained on these images nor chosen by them."""
        return []

    def values(self) -> dict[str, Any]:
        """Return the results as plain values."""
        return {
            "synthetic_defects": self.scores,
            "differences": difference_values({"mean AUROC": self.differences}),
            "intervals": {"mean AUROC": self.intervals},
            "verdict": self.verdict(),
        }


def _metric(name: str, values: dict[str, float]) -> Metric:
    return Metric(
        name=name,
        model=values[MODEL],
        baselines={other: values[other] for other in OTHERS},
        better="higher",
    )
