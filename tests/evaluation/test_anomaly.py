"""A detector measured by synthetic defects, compared with detectors by pixels."""

import numpy as np
import pytest
from tests.estimators.anomaly.test_detector import TINY, textured

from convae import AnomalyDetector
from convae.estimators.anomaly.defect_score_fit import KINDS
from convae.evaluation.anomaly import evaluate_detector
from convae.evaluation.results.anomaly import MEAN, NEAREST, OTHERS, OVERALL, PCA
from convae.evaluation.results.scores import MODEL
from convae.images.sources.open_source import open_source


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return textured(60)


@pytest.fixture(scope="module")
def model(images: np.ndarray) -> AnomalyDetector:
    return AnomalyDetector.from_options(TINY).fit(images)


def test_every_kind_is_compared_with_pixels(model: AnomalyDetector, images: np.ndarray) -> None:
    assert model.held_out_ is not None
    found = evaluate_detector(model, open_source(images), model.held_out_)
    assert found.images == len(model.held_out_)
    assert list(found.scores) == [*(f"{kind}: AUROC" for kind in KINDS), OVERALL]
    values = [value for row in found.scores.values() for value in row.values()]
    assert all(0 <= value <= 1 for value in values)
    kinds = [row for name, row in found.scores.items() if name != OVERALL]
    assert set(found.mean) == {MODEL, *OTHERS} == {MODEL, PCA, MEAN, NEAREST}
    assert set(found.differences) == set(OTHERS)
    assert set(found.intervals) == {MODEL, *OTHERS}
    for name, (low, high) in found.intervals.items():
        assert 0 <= low <= found.mean[name] <= high <= 1
    for name in found.mean:
        assert found.mean[name] == pytest.approx(np.mean([row[name] for row in kinds]))
    assert len(found.pictures) == 2 * len(KINDS)
    for one in found.pictures:
        assert one.normal.shape == one.damaged.shape == (1, 32, 32)
        assert one.map.shape == (32, 32)
        assert not np.array_equal(one.normal, one.damaged)


def test_the_seed_decides_the_defects(model: AnomalyDetector, images: np.ndarray) -> None:
    places = np.arange(10)
    first, again, other = (
        evaluate_detector(model, open_source(images), places, seed=seed).scores
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_the_pixel_detectors_by_hand() -> None:
    """Normal images that all are the same: any difference from them is an anomaly to pixels."""
    flat = np.full((20, 16, 16), 100, np.uint8)
    flat[:, 0, 0] = np.arange(20)
    model = AnomalyDetector.from_options(TINY).fit(flat)
    found = evaluate_detector(model, open_source(flat), np.arange(20))
    assert found.mean[NEAREST] > 0.9
    assert found.mean[PCA] > 0.9  # one component explains them
    assert found.scores[OVERALL][NEAREST] > 0.5
