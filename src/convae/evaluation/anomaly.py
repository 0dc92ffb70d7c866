"""How well a detector separates normal images from images with synthetic defects, next to pixel baselines.

The images are those that set its threshold: it was neither trained nor chosen by them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from convae.errors import ImageError
from convae.estimators.anomaly.defect_score_fit import KINDS, TOGETHER
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.estimators.anomaly.method import Judged
from convae.estimators.anomaly.normal_cues import COMPONENTS, ComponentsError
from convae.images.sources.base import ImageSource
from convae.metrics.difference_maps import resized, smoothed
from convae.metrics.ranking import PixelRanking, auroc
from convae.metrics.resampling import Difference, auroc_samples, between, resamples
from convae.networks.inference import batch_size

MOST = 64  # images that are measured with each kind of defect
SHOWN_OF_EACH = 2  # pictures of each kind that are kept
SEED = 1000  # gives other defects than those by which the score was chosen
MODEL, MEAN, NEAREST = "model", "mean image", "nearest normal image"
PCA = f"PCA-{COMPONENTS} error"
OTHERS = (PCA, MEAN, NEAREST)
BLUR = 2.0  # pixels: blur of a difference map, whose highest value is the score
OVERALL = "where: AUPRO"


@dataclass(frozen=True)
class Shown:
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


@dataclass(frozen=True, kw_only=True)
class DetectionEvaluation:
    """The evaluation of a detector by synthetic defects.

    Attributes:
        images: number of normal images that were measured, and damaged by every kind of defect.
        scores: measure -> detector -> value: the AUROC for each kind of defect, and the AUPRO of the maps.
        shown: pictures of some images.
        differences: other detector -> the model's mean AUROC over the kinds minus that of the other.
        intervals: detector -> the 95 % interval of its mean AUROC; empty where it cannot be known.
    """

    images: int
    scores: dict[str, dict[str, float]]
    differences: dict[str, Difference] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)

    @property
    def mean(self) -> dict[str, float]:
        """Detector -> the mean AUROC over the kinds of defects."""
        kinds = [values for name, values in self.scores.items() if name != OVERALL]
        return {name: float(np.mean([row[name] for row in kinds])) for name in (MODEL, *OTHERS)}


def evaluate_detector(
    model: AnomalyDetector, source: ImageSource, positions: np.ndarray, *, seed: int = 0
) -> DetectionEvaluation:
    """Measure a detector by synthetic defects.

    Args:
        model: the detector.
        source: images.
        positions: positions in the source of normal images that the model was not trained on.
        seed: of the defects.
    """
    names, images = _read(model, source.select(positions[:MOST]))
    if not names:
        return DetectionEvaluation(images=0, scores={})
    weights = resamples(len(images))
    drawn: dict[str, list[np.ndarray]] = {}
    detectors = _Detectors(model)
    normal = detectors.judge(images)
    scores: dict[str, dict[str, float]] = {}
    shown: list[Shown] = []
    places = {name: PixelRanking() for name in normal}
    for i, (kind, defects) in enumerate(KINDS.items()):
        rng = torch.Generator().manual_seed(seed + SEED + i)
        parts = [defects.apply(part, rng) for part in _parts(images, TOGETHER)]
        damaged, mask = (torch.cat(side) for side in zip(*parts, strict=True))
        seen = torch.nonzero(mask.flatten(1).any(dim=1))[
            :, 0
        ]  # some defects lie outside of the image
        if not len(seen):
            continue
        found = detectors.judge(damaged[seen])
        labels = np.repeat([False, True], [len(images), len(seen)])
        scores[f"{kind}: AUROC"] = {
            name: auroc(np.concatenate([normal[name].scores, found[name].scores]), labels)
            for name in normal
        }
        for name, one in found.items():
            samples = auroc_samples(
                normal[name].scores, one.scores, seen.numpy(force=True), weights
            )
            drawn.setdefault(name, []).append(samples)
        for name, ranking in places.items():
            for one, truth in zip(found[name].maps, mask[seen, 0], strict=True):
                ranking.update(one.numpy(), truth.cpu().numpy())
        for place, k in enumerate(seen[:SHOWN_OF_EACH].tolist()):
            pictures = (images[k], damaged[k], found[MODEL].maps[place])
            shown.append(Shown(names[k], kind, *(one.cpu().numpy() for one in pictures)))
    if scores:
        scores[OVERALL] = {name: ranking.aupro() for name, ranking in places.items()}
    measured = DetectionEvaluation(images=len(images), scores=scores, shown=shown)
    if not scores:
        return measured
    means = {name: np.mean(samples, axis=0) for name, samples in drawn.items()}
    return replace(
        measured, differences=_differences(measured, means), intervals=_intervals(measured, means)
    )


def _differences(
    measured: DetectionEvaluation, means: dict[str, np.ndarray]
) -> dict[str, Difference]:
    """Compute the model's mean AUROC minus that of each other, with intervals by the same resamples.

    Args:
        means: detector -> the mean AUROC of each resample, (B,).
    """
    found = {}
    for name in OTHERS:
        samples = means[MODEL] - means[name]
        samples = samples[np.isfinite(samples)]
        enough = measured.images > 1 and len(samples) > 0
        found[name] = Difference(
            value=measured.mean[MODEL] - measured.mean[name],
            interval=between(samples) if enough else None,
            images=measured.images,
        )
    return found


def _intervals(
    measured: DetectionEvaluation, means: dict[str, np.ndarray]
) -> dict[str, tuple[float, float]]:
    """Compute the interval of each detector's mean AUROC, as :func:`_differences` does."""
    finite = {name: samples[np.isfinite(samples)] for name, samples in means.items()}
    enough = measured.images > 1
    return {name: between(samples) for name, samples in finite.items() if enough and len(samples)}


@dataclass(frozen=True)
class _Found:
    """The results of a detector for some images: scores (n,) and maps (n, H, W)."""

    scores: np.ndarray
    maps: Tensor


class _Detectors:
    """The model, and three detectors that compare pixels with the normal images that it keeps."""

    def __init__(self, model: AnomalyDetector) -> None:
        self.model = model
        self.kept = torch.from_numpy(np.moveaxis(model.kept_, 3, 1).copy()).float() / 255
        self.mean = self.kept.mean(dim=0, keepdim=True)
        self.components = ComponentsError.fit(self.kept)

    def judge(self, images: Tensor) -> dict[str, _Found]:
        """Return the result of each detector for images (n, C, H, W)."""
        size = batch_size(images[0].numel())
        with torch.inference_mode():
            judged = [self.model.judge(part) for part in _parts(images, size)]
        one = Judged(*(torch.cat(parts).cpu() for parts in zip(*judged, strict=True)))
        small = resized(images, (self.kept.shape[-2], self.kept.shape[-1])).cpu()
        nearest = torch.stack(
            [self.kept[(self.kept - x).square().mean(dim=(1, 2, 3)).argmin()] for x in small]
        )
        return {
            MODEL: _Found(one.score.double().numpy(), one.map[:, 0]),
            PCA: _by_pixels(self.components.map(small), images),
            MEAN: _by_pixels(_squares(small, self.mean), images),
            NEAREST: _by_pixels(_squares(small, nearest), images),
        }


def _squares(small: Tensor, normal: Tensor) -> Tensor:
    """Return the squared difference from the normal image, (n, 1, h, w)."""
    return (small - normal).square().mean(dim=1, keepdim=True)


def _by_pixels(difference: Tensor, images: Tensor) -> _Found:
    """Build a pixel detector from a difference (n, 1, h, w): its blurred map, and the highest value."""
    soft = smoothed(difference, BLUR)
    maps = resized(soft, (images.shape[-2], images.shape[-1]))[:, 0]
    return _Found(soft.amax(dim=(1, 2, 3)).double().numpy(), maps)


def _read(model: AnomalyDetector, source: ImageSource) -> tuple[list[str], Tensor]:
    """Read names and images (n, C, H, W) in about [0, 1], without those that cannot be read."""
    names, images = [], []
    for item in model.prepared(source):
        if not isinstance(item, ImageError):
            names.append(item[1].info.name)
            images.append(model.inference_.unit(np.moveaxis(item[2], 2, 0)[None].copy()))
    return names, torch.cat(images) if images else torch.zeros(0)


def _parts(images: Tensor, size: int) -> Iterator[Tensor]:
    return (images[i : i + size] for i in range(0, len(images), size))
