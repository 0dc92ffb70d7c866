"""Codes in two dimensions and their spectrum, by principal components."""

import numpy as np

from convae.estimators.base import ImageEstimator
from convae.evaluation.results.reconstruction import ReconstructionEvaluation
from convae.images.sources.base import ImageSource
from convae.model_reports.example_images import thumbnails
from convae.report.page.contents import CodeMap

MOST_CODES, PICTURED = 4000, 160
MOST_SIDE = 1500  # largest side of the matrix for eigenvalues, which take a second or two


def map_of_codes(
    model: ImageEstimator, evaluation: ReconstructionEvaluation, source: ImageSource, seed: int
) -> CodeMap | None:
    """Return the map and the spectrum; None if there are too few codes for either."""
    count = len(evaluation.codes)
    if count < 3:
        return None
    order = np.random.default_rng(seed).permutation(count)[:MOST_CODES]
    codes = evaluation.codes[order].astype(np.float64)
    if min(codes.shape) > MOST_SIDE:
        order, codes = order[:MOST_SIDE], codes[:MOST_SIDE]
    points, variances = principal_plane(codes)
    if not variances[:2].sum() > 0:
        return None
    measured = evaluation.coded[order]
    labels = None if evaluation.labels is None else evaluation.labels[measured]
    return CodeMap(
        points=points,
        shares=shares(variances),
        labels=labels,
        label_names=evaluation.label_names,
        thumbnails=thumbnails(model, source, evaluation.index[measured[:PICTURED]]),
        variances=variances,
        pca_variances=_pca_variances(model, len(variances)),
    )


def principal_plane(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project codes (n, k) on their first two principal directions (n, 2); return the variances as well.

    The signs are chosen so that the same codes give the same map.

    >>> points, variances = principal_plane(np.array([[0.0, 0.0], [2.0, 0.0], [7.0, 0.0]]))
    >>> points[:, 0].tolist(), variances.tolist()
    ([-3.0, -1.0, 4.0], [13.0, 0.0])
    """
    centred = codes - codes.mean(axis=0)
    if centred.shape[0] >= centred.shape[1]:
        values, vectors = np.linalg.eigh(centred.T @ centred)
        plane = vectors[:, ::-1][:, :2]
        points = centred @ plane
    else:  # fewer codes than values in each
        values, vectors = np.linalg.eigh(centred @ centred.T)
        points = vectors[:, ::-1][:, :2] * np.sqrt(np.clip(values[::-1][:2], 0, None))
    values = np.clip(values[::-1], 0, None)
    if points.shape[1] < 2:
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    signs = np.sign(points[np.abs(points).argmax(axis=0), [0, 1]])
    return points * np.where(signs == 0, 1, signs), values / max(1, len(codes) - 1)


def shares(variances: np.ndarray) -> tuple[float, float]:
    """Return the fractions of all variance (k,) along the first two directions."""
    padded = np.pad(variances, (0, max(0, 2 - len(variances))))
    total = float(padded.sum())
    return (float(padded[0]) / total, float(padded[1]) / total) if total else (0.0, 0.0)


def _pca_variances(model: ImageEstimator, length: int) -> np.ndarray:
    """Return the variances of PCA's codes on the training images, if comparable: for dense codes."""
    if model.architecture_.code != "dense":
        return np.zeros(0)
    variances: np.ndarray = model.pca_.variances.cpu().numpy()
    return variances[:length]
