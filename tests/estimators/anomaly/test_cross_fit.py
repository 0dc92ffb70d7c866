"""A set ranked by itself: each image is judged by a detector that has not seen it."""

import numpy as np
import pytest
from tests.estimators.anomaly.test_detector import TINY, spotted, textured

from convae import AnomalyDetector, InputError
from convae.estimators.anomaly.cross_fit import FOLDS, cross_fitted
from convae.images.dataset.preparation import image_hash
from convae.images.sources.open_source import open_source


def test_every_image_is_in_one_fold_that_its_detector_has_not_seen() -> None:
    images = textured(30)
    model = AnomalyDetector.from_options({**TINY, "epochs": 1})
    folds = list(cross_fitted(model, open_source(images)))
    assert len(folds) == FOLDS
    assert np.array_equal(np.sort(np.concatenate([f.positions for f in folds])), np.arange(30))
    for fold in folds:
        own = [image_hash(images[i][..., None]) for i in fold.positions]
        assert not np.isin(own, fold.model.seen_).any()
    assert not hasattr(model, "network_")


def test_the_odd_ones_come_first() -> None:
    images = textured(60)
    images[[7, 30]] = spotted(images[[7, 30]])
    scores = np.zeros(60)
    model = AnomalyDetector.from_options({**TINY, "epochs": 16, "batch_size": 8})
    for fold in cross_fitted(model, open_source(images)):
        found = -fold.model.score_samples(images[fold.positions])
        scores[fold.positions] = (found - fold.median) / fold.spread
    assert set(np.argsort(-scores)[:3].tolist()) >= {7, 30}


def test_too_few_images() -> None:
    with pytest.raises(InputError, match=r"at least 12 images are needed to rank them .* got 11"):
        next(cross_fitted(AnomalyDetector.from_options(TINY), open_source(textured(11))))
