"""The detector that scores by the likelihood bound."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.estimators.conftest import blobs

import convae
from convae import AnomalyDetector
from convae.errors import InputError
from convae.estimators.anomaly.likelihood_method import SAMPLES

SMALL: dict[str, Any] = {
    "method": "likelihood", "widths": (8, 8), "latent_dim": 4, "epochs": 30, "false_alarm_rate": 0.1,
    "patience": 0, "random_state": 0,
}  # fmt: skip
IMAGES = blobs(200, 12, 12)


@pytest.fixture(scope="module")
def model() -> AnomalyDetector:
    return AnomalyDetector.from_options(SMALL).fit(IMAGES[:160])


def test_noise_is_less_likely_than_normal_images(model: AnomalyDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 12, 12), np.uint8)
    assert model.score_samples(noise).max() < np.median(model.score_samples(IMAGES[160:]))
    assert (model.predict(noise) == -1).all()
    assert model.chosen_["samples"] == SAMPLES
    assert np.shape(model.anomaly_map(noise)) == (20, 12, 12)


def test_an_image_scores_the_same_alone_and_from_a_file(
    model: AnomalyDetector, tmp_path: Path
) -> None:
    together = model.score_samples(IMAGES[160:170])
    alone = [model.score_samples(image[None])[0] for image in IMAGES[160:170]]
    assert np.array_equal(together, alone)
    model.save(tmp_path / "m.convae")
    again = convae.load(tmp_path / "m.convae")
    assert isinstance(again, AnomalyDetector)
    assert np.array_equal(together, again.score_samples(IMAGES[160:170]))


def test_the_bound_is_at_least_the_elbo(model: AnomalyDetector) -> None:
    loose = AnomalyDetector.from_options({**SMALL, "score_by": "elbo"}).fit(IMAGES[:160])
    assert (model.score_samples(IMAGES[160:]) >= loose.score_samples(IMAGES[160:])).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bottleneck": "top-k"}, "bottleneck 'top-k' has no distribution"),
        ({"loss": "mse+0.1*ssim"}, "needs a loss that a distribution belongs to"),
        ({"tune": True}, "tune goes with method 'defects'"),
        ({"score_by": "found"}, "found"),
    ],
)
def test_what_is_no_likelihood_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        AnomalyDetector.from_options({**SMALL, **wrong}).fit(IMAGES)
