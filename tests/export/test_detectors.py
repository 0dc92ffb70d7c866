"""Exported anomaly detectors: scores, p-values, decisions, heatmaps, and a threshold that may be changed."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.export.conftest import Case, case_of
from tests.storage.make_old_models import drawn

from convae.export.export import metadata_of

FILE = Path(__file__).parent.parent / "storage" / "old_models" / "0.1.0" / "detector-defects.convae"


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The detector of a stored file, which need not be fitted."""
    return case_of(FILE, tmp_path_factory.mktemp("export"))


def mixed() -> np.ndarray:
    """Two normal images, and one with a bright patch; with grain, so that none is a calibration image."""
    images = drawn(3, 100)
    images += np.random.default_rng(0).normal(0, 0.01, images.shape).astype(np.float32)
    images[2, 4:10, 5:11] = 1
    return images


def test_the_answers_are_those_of_the_model(detector: Case) -> None:
    images = mixed()
    found = detector.run({"image": images[:, None]})
    scores = -detector.model.score_samples(images)
    np.testing.assert_allclose(found["score"], scores, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["p_value"], detector.model.p_values(images), atol=1e-6)
    assert (found["anomalous"] == (detector.model.predict(images) < 0)).all()
    heatmaps = detector.model.anomaly_map(images)
    np.testing.assert_allclose(found["heatmap"], heatmaps, rtol=1e-4, atol=1e-3)


def test_images_of_another_size_have_heatmaps_of_their_size(detector: Case) -> None:
    images = np.kron(mixed()[1:], np.ones((2, 3), np.float32))[:, 1:]
    found = detector.run({"image": images[:, None]})
    assert found["heatmap"].shape == (2, 23, 36)
    np.testing.assert_allclose(
        found["score"], -detector.model.score_samples(images), rtol=1e-4, atol=1e-4
    )


def test_the_threshold_may_be_left_out_or_given(detector: Case) -> None:
    images = mixed()[:, None]
    scores = detector.run({"image": images})["score"]
    low, high = (np.array(end, np.float32) for end in (scores.min() - 1, scores.max() + 1))
    assert detector.run({"image": images, "threshold": low})["anomalous"].all()
    assert not detector.run({"image": images, "threshold": high})["anomalous"].any()


def test_the_file_states_the_promise_and_the_comparison(detector: Case) -> None:
    made = onnx.load(detector.done.path)
    facts = metadata_of(made)
    assert facts["false_alarm_rate"] == detector.model.false_alarm_rate_
    assert facts["threshold"] == pytest.approx(-detector.model.offset_)
    assert facts["comparison"]["decisions_that_differ"] == 0
    assert facts["inputs"][1]["name"] == "threshold"
    assert [one.name for one in made.graph.input] == ["image", "threshold"]
    assert "threshold" in [one.name for one in made.graph.initializer]
