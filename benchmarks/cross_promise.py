"""The promise of false alarms with few normal images, in three parts and in folds, over many splits.

What is split, calibrated and joined is convae's; the detector is the error of PCA, so that 200 splits take
minutes. The promise does not depend on the detector.
"""

import numpy as np
import torch

import convae
from convae.embedding.pca import fit_pca
from convae.estimators.anomaly.split import cross_normals, split_normals
from convae.metrics.conformal import Calibration, cross_bound
from record import Section

SPLITS, COUNTS, FOLDS, NEW = 200, (10, 20, 40, 80, 200), 4, 200
COMPONENTS = 8
Score = np.ndarray


def cross_promise() -> None:
    """The table."""
    section = Section(
        "cross_promise",
        f"False alarms with few normal images, over {SPLITS} splits",
        ("normals", "way", "rate", "cannot exceed", "false alarms", "95 % interval of the mean",
         "worst tenth of the splits", "found", "kept"),
    )  # fmt: skip
    shirts, others = _images(0), _images(1)
    for count in COUNTS:
        for way in (_three_parts, _folds):
            drawn = np.random.default_rng(count)
            rows = []
            for seed in range(SPLITS):
                chosen = drawn.choice(len(shirts), count + NEW, replace=False)
                normal, new = shirts[chosen[:count]], shirts[chosen[count:]]
                odd = others[drawn.choice(len(others), NEW, replace=False)]
                rate, bound, calibration, (good, bad) = way(normal, (new, odd), seed)
                threshold = calibration.threshold(rate)
                rows.append((float((good > threshold).mean()), float((bad > threshold).mean())))
            alarms, found = np.array(rows).T
            half = 1.96 * alarms.std() / SPLITS**0.5
            section.row(
                count, way.__name__.strip("_").replace("_", " "), rate, bound, float(alarms.mean()),
                f"{max(0.0, alarms.mean() - half):.4f} to {alarms.mean() + half:.4f}",
                float(np.quantile(alarms, 0.9)), float(found.mean()),
                "yes" if alarms.mean() - half <= rate else "no",
            )  # fmt: skip
    section.remarks += [
        "T-shirts of Fashion-MNIST are normal, trousers are not; the score is the error of PCA with "
        f"{COMPONENTS} components. Each split draws the normals anew, and {NEW} further images of both kinds "
        f"to test on. Three parts: a fifth calibrates. Folds: {FOLDS}, and the lowest score counts. *kept*: "
        "whether the mean over the splits can be the rate or less.",
    ]
    section.write()


def _three_parts(
    normal: np.ndarray, tested: tuple[np.ndarray, ...], seed: int
) -> tuple[float, float, Calibration, list[Score]]:
    parts = split_normals(np.arange(len(normal)), None, seed)
    inside = np.concatenate([parts.training, parts.choosing])
    calibration, *scores = _errors(normal[inside], (normal[parts.calibrating], *tested))
    return parts.rate, parts.rate, Calibration.of(calibration), scores


def _folds(
    normal: np.ndarray, tested: tuple[np.ndarray, ...], seed: int
) -> tuple[float, float, Calibration, list[Score]]:
    parts = cross_normals(np.arange(len(normal)), None, seed, FOLDS)
    own, each = [], []
    for part in parts:
        inside = np.concatenate([part.training, part.choosing])
        calibration, *scores = _errors(normal[inside], (normal[part.calibrating], *tested))
        own.append(calibration)
        each.append(scores)
    lowest = [np.min(scores, axis=0) for scores in zip(*each, strict=True)]
    largest = max(len(part.calibrating) for part in parts)
    bound = cross_bound(parts[0].rate, len(normal), largest)
    return parts[0].rate, bound, Calibration.of(np.concatenate(own)), lowest


def _errors(fitted: np.ndarray, tested: tuple[np.ndarray, ...]) -> list[Score]:
    rows = torch.from_numpy(fitted)
    pca = fit_pca([rows], min(COMPONENTS, len(rows) - 1))
    found = []
    for images in tested:
        centred = torch.from_numpy(images) - pca.mean
        left = centred - centred @ pca.components.T @ pca.components
        found.append(left.square().mean(dim=1).double().numpy())
    return found


def _images(label: int) -> np.ndarray:
    source = convae.open_source("fashion-mnist", split="train")
    assert source.labels is not None
    chosen = np.flatnonzero(source.labels == label)[:4000]
    rows = [source.read(int(i)).pixels.ravel() for i in chosen]
    return np.stack(rows).astype(np.float32) / 255
