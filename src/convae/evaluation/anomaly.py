"""How well a detector separates normal images from ones with synthetic defects, compared with pixels.

The images are those that set its threshold: it was neither trained nor chosen by them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from convae.errors import ImageError
from convae.estimators.anomaly.defect_score_fit import KINDS, TOGETHER
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.estimators.anomaly.method import Judged
from convae.estimators.anomaly.normal_cues import ComponentsError
from convae.evaluation.results.anomaly import (
    MEAN,
    NEAREST,
    OTHERS,
    OVERALL,
    PCA,
    DetectionEvaluation,
    Pictures,
)
from convae.evaluation.results.scores import MODEL
from convae.images.sources.base import ImageSource
from convae.metrics.difference_maps import resized, smoothed
from convae.metrics.ranking import PixelRanking, auroc
from convae.metrics.resampling import Difference, auroc_samples, between, resamples
from convae.networks.inference import batch_size

MOST = 64  # images that are measured with each kind of defect
PICTURES_OF_EACH = 2  # images with each kind of defect of which pictures are kept
SEED = 1000  # gives other defects than those by which the score was chosen
BLUR = 2.0  # pixels: blur of a difference map, whose highest value is the score


def evaluate_detector(
    model: AnomalyDetector, source: ImageSource, positions: np.ndarray, *, seed: int = 0
) -> DetectionEvaluation:
    """Measure a detector by synthetic defects.

    Args:
        model: the detector.
        source: images.
        positions: (n,) positions in the source of normal images that the model was not trained on.
        seed: of the defects.
    """
    names, images = _read(model, source.select(positions[:MOST]))
    suited = model.method != "attributes"
    if not names:
        return DetectionEvaluation(images=0, scores={}, suited=suited)
    weights = resamples(len(images))
    resampled: dict[str, list[np.ndarray]] = {}
    detectors = _Detectors(model)
    normal = detectors.judge(images)
    scores: dict[str, dict[str, float]] = {}
    pictures: list[Pictures] = []
    places = {name: PixelRanking() for name in normal}
    for i, (kind, defects) in enumerate(KINDS.items()):
        rng = torch.Generator().manual_seed(seed + SEED + i)
        parts = [defects.apply(part, rng) for part in _parts(images, TOGETHER)]
        damaged, mask = (torch.cat(side) for side in zip(*parts, strict=True))
        visible = torch.nonzero(mask.flatten(1).any(dim=1))[:, 0]  # others lie outside of the image
        if not len(visible):
            continue
        found = detectors.judge(damaged[visible])
        labels = np.repeat([False, True], [len(images), len(visible)])
        scores[f"{kind}: AUROC"] = {
            name: auroc(np.concatenate([normal[name].scores, found[name].scores]), labels)
            for name in normal
        }
        for name, one in found.items():
            samples = auroc_samples(
                normal[name].scores, one.scores, visible.numpy(force=True), weights
            )
            resampled.setdefault(name, []).append(samples)
        for name, ranking in places.items():
            for one, truth in zip(found[name].maps, mask[visible, 0], strict=True):
                ranking.update(one.numpy(), truth.cpu().numpy())
        for place, k in enumerate(visible[:PICTURES_OF_EACH].tolist()):
            parts_of_one = (images[k], damaged[k], found[MODEL].maps[place])
            arrays = (one.cpu().numpy() for one in parts_of_one)
            pictures.append(Pictures(names[k], kind, *arrays))
    if scores:
        scores[OVERALL] = {name: ranking.aupro() for name, ranking in places.items()}
    measured = DetectionEvaluation(
        images=len(images), scores=scores, pictures=pictures, suited=suited
    )
    if not scores:
        return measured
    means = {name: np.mean(samples, axis=0) for name, samples in resampled.items()}
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
