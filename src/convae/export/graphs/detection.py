"""Anomaly detectors: from stored images to scores, p-values, decisions and heatmaps."""

import numpy as np
import torch
from torch import Tensor, nn

from convae.estimators.anomaly.detector import AnomalyDetector
from convae.export.graphs.framing import resized
from convae.export.graphs.graph import BATCH, Answers, Array, Graph, Slot
from convae.export.graphs.images import RELATIVE, batch_of, image_slot, values_of
from convae.export.graphs.reconstruction import Prepared
from convae.export.graphs.scorers import scorer_graph
from convae.metrics.conformal import Calibration

MOST_EXAMPLES = 3  # kept normal images that are compared


class Detection(nn.Module):
    """A detector, with the scores of its calibration images."""

    known: Tensor
    weights: Tensor

    def __init__(self, model: AnomalyDetector) -> None:
        super().__init__()
        values = values_of(model)
        self.prepared = Prepared(values)
        self.scorer = scorer_graph(model._scorer, values.size)
        self.register_buffer("known", torch.from_numpy(model.calibration_.scores.copy()))
        self.register_buffer("weights", torch.from_numpy(model.calibration_.weights.copy()))
        self.witnesses = model.calibration_.witnesses

    def forward(self, image: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs in the order of :func:`detection_graph`."""
        score, heatmap = self.scorer(self.prepared(image))
        above = torch.where(self.known >= score.double()[:, None], self.weights, 0.0).sum(dim=1)
        p_value = ((1 + above) / (1 + self.witnesses)).float()
        anomalous = ~(score <= threshold)  # NaN is not called normal
        shown = resized(heatmap, (image.shape[-2], image.shape[-1]), dtype="float32")
        return score, p_value, anomalous, shown[:, 0]


def detection_graph(model: AnomalyDetector) -> Graph:
    """Return the graph of a detector."""
    values = values_of(model)
    threshold = np.array(-model.offset_, np.float32)

    def answer(given: dict[str, Array]) -> Answers:
        found = list(model.iter_detect(batch_of(given["image"])))
        scores = np.array([one.score for one in found])
        return {
            "score": scores,
            "p_value": np.array([one.p_value for one in found]),
            "anomalous": np.array([one.anomalous for one in found]),
            "heatmap": np.stack([one.map for one in found]),
            **_ranges(scores, model.calibration_, float(threshold)),
        }

    return Graph(
        module=Detection(model),
        inputs=(image_slot(values), _threshold(threshold)),
        outputs=_outputs(values.axes),
        answer=answer,
        sizes=values.sizes,
        least=values.least,
        examples=_examples(model),
        facts={
            "false_alarm_rate": model.false_alarm_rate_,
            "promised": model.promised_,
            "threshold": float(threshold),
            "heatmap_threshold": model.level_,
            "calibration_images": len(model.calibration_.scores),
            "method": model.method,
        },
    )


def _threshold(value: Array) -> Slot:
    return Slot(
        name="threshold",
        dtype="float32",
        axes=(),
        meaning="an image with a score above it is anomalous",
        default=value,
    )


def _outputs(axes: tuple[int | str, int | str]) -> tuple[Slot, ...]:
    return (
        Slot(
            name="score",
            dtype="float32",
            axes=(BATCH,),
            meaning="how anomalous each image is; higher for more anomalous",
            tolerance=-RELATIVE,
        ),
        Slot(
            name="p_value",
            dtype="float32",
            axes=(BATCH,),
            meaning="the probability that a normal image has a score at least as high",
            tolerance=1e-6,
        ),
        Slot(
            name="anomalous",
            dtype="bool",
            axes=(BATCH,),
            meaning="whether the score is above the threshold",
        ),
        Slot(
            name="heatmap",
            dtype="float32",
            axes=(BATCH, *axes),
            meaning="how anomalous each pixel is, in standard deviations above normal images",
            tolerance=-RELATIVE,
        ),
    )


def _ranges(scores: Array, known: Calibration, threshold: float) -> Answers:
    """Return the p-values and decisions between which rounding of the scores decides.

    A score may equal that of a calibration image, and the threshold always does.
    """
    near = RELATIVE * np.maximum(1, np.abs(scores))
    return {
        "p_value.low": known.p_values(scores + near),
        "p_value.high": known.p_values(scores - near),
        "anomalous.low": ~(scores - near <= threshold),
        "anomalous.high": ~(scores + near <= threshold),
    }


def _examples(model: AnomalyDetector) -> list[Array]:
    """Return some of the normal images that the model keeps, as stored values (H, W, C)."""
    if model.scaling_.dtype != "uint8":
        return []
    return list(model.kept_[:MOST_EXAMPLES])
