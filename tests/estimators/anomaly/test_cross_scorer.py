"""Detectors of folds together: the lowest score counts, files keep all of them, and what was seen by whom."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.estimators.anomaly.test_detector import TINY, spotted, textured

import convae
from convae import AnomalyDetector
from convae.errors import InputError, ModelFileError
from convae.evaluation.results.guarantee import guarantee
from convae.storage.model_file import load_model, save_model
from convae.training.checkpoint import CheckpointFolder
from convae.training.observers import Quiet, Row

FOLDS: dict[str, Any] = {**TINY, "epochs": 2, "folds": 3, "random_state": 0}


@pytest.fixture(scope="module")
def normal() -> np.ndarray:
    return textured(24)


@pytest.fixture(scope="module")
def model(normal: np.ndarray) -> AnomalyDetector:
    return AnomalyDetector.from_options(FOLDS).fit(normal, groups=np.arange(24))


def test_the_lowest_score_and_the_lowest_map_count(model: AnomalyDetector) -> None:
    images = np.concatenate([textured(3, seed=5), spotted(textured(3, seed=6))])
    alone = [model.of_fold(i) for i in range(3)]
    scores = np.stack([-one.score_samples(images) for one in alone])
    assert np.array_equal(-model.score_samples(images), scores.min(axis=0))
    assert len({tuple(row) for row in scores}) == 3  # three detectors
    maps = np.stack([one.anomaly_map(images) for one in alone])
    assert np.allclose(model.anomaly_map(images), maps.min(axis=0), atol=1e-5)


def test_all_images_calibrate_each_by_a_detector_that_has_not_seen_it(
    model: AnomalyDetector, normal: np.ndarray
) -> None:
    assert model.calibration_.witnesses == 24
    assert model.false_alarm_rate_ == pytest.approx(2 / 25)
    assert model.bound_ == pytest.approx((2 + 7) / 32)
    assert model.held_out_ is not None
    own = -model.of_fold().score_samples(normal[model.held_out_])
    assert len(own) == 8
    assert all(np.isclose(model.calibration_.scores, score, atol=1e-5).any() for score in own)
    assert all(found.trained_on for found in model.iter_detect(normal))
    assert "about 8 % are called anomalous. On average" in guarantee(model)
    assert "it is at most 28.1 %, however good or bad" in guarantee(model)


def test_a_fold_decides_nothing_but_the_calibration(
    normal: np.ndarray, model: AnomalyDetector
) -> None:
    """With other images in the first fold its detector is the same."""
    assert model.held_out_ is not None
    other = normal.copy()
    other[model.held_out_] = textured(8, seed=77)
    again = AnomalyDetector.from_options(FOLDS).fit(other, groups=np.arange(24))
    new = textured(4, seed=8)
    assert np.array_equal(model.of_fold().score_samples(new), again.of_fold().score_samples(new))
    assert not np.array_equal(
        model.of_fold(1).score_samples(new), again.of_fold(1).score_samples(new)
    )


@pytest.mark.parametrize("method", ["attributes", "likelihood"])
def test_other_methods_have_folds_too(normal: np.ndarray, tmp_path: Path, method: str) -> None:
    preset = {"preset": "residual"} if method == "attributes" else {}
    model = AnomalyDetector.from_options(
        FOLDS | {"folds": 2, "epochs": 1, "method": method} | preset
    ).fit(normal)
    model.save(tmp_path / "m.convae")
    new = textured(3, seed=5)
    assert np.array_equal(
        convae.load(tmp_path / "m.convae").score_samples(new), model.score_samples(new)
    )


def test_a_file_keeps_all_detectors(model: AnomalyDetector, tmp_path: Path) -> None:
    model.save(tmp_path / "m.convae")
    again = convae.load(tmp_path / "m.convae")
    new = textured(4, seed=5)
    assert np.array_equal(again.score_samples(new), model.score_samples(new))
    assert again.bound_ == model.bound_
    again.save(tmp_path / "again.convae")
    assert (tmp_path / "again.convae").read_bytes() == (tmp_path / "m.convae").read_bytes()


def test_a_file_without_one_of_them_is_refused(model: AnomalyDetector, tmp_path: Path) -> None:
    model.save(tmp_path / "m.convae")
    stored = load_model(tmp_path / "m.convae")
    name = next(name for name in sorted(stored.extras) if name.startswith("fold2.network."))
    del stored.extras[name]
    save_model(tmp_path / "m.convae", stored)
    with pytest.raises(ModelFileError, match="damaged"):
        convae.load(tmp_path / "m.convae")


def test_calibration_by_others_promises_the_rate_itself(
    model: AnomalyDetector, tmp_path: Path
) -> None:
    model.save(tmp_path / "m.convae")
    again = convae.load(tmp_path / "m.convae").calibrate(
        textured(30, seed=50), false_alarm_rate=0.1
    )
    assert again.bound_ == again.false_alarm_rate_ == 0.1
    assert "at most 10 %" in guarantee(again)


def test_real_defects_are_scored_by_all_detectors(normal: np.ndarray) -> None:
    model = AnomalyDetector.from_options(FOLDS).fit(normal, defects=spotted(textured(3, seed=9)))
    told = model.chosen_["defects"]
    assert (told["images"], told["found"]["of"]) == (3, 3)
    assert 0 <= told["auroc"] <= 1


class StoppedError(Exception):
    """What ends a fit in the middle."""


class Stopping(Quiet):
    """Ends a fit with the first epoch of the second fold."""

    fold = 0

    def message(self, text: str) -> None:
        self.fold += text.startswith("fold ")

    def epoch(self, row: Row) -> None:
        if self.fold == 2:
            raise StoppedError


def test_a_run_goes_on_with_the_fold_it_was_in(normal: np.ndarray, tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "state", every=0)
    with pytest.raises(StoppedError):
        AnomalyDetector.from_options(FOLDS).fit(normal, checkpoint=folder, observers=[Stopping()])
    assert folder.part("fold-1").has_state()
    assert folder.exists()
    resumed = AnomalyDetector.from_options(FOLDS).fit(normal, checkpoint=folder, resume=True)
    plain = AnomalyDetector.from_options(FOLDS).fit(normal)
    new = textured(4, seed=5)
    assert np.array_equal(resumed.score_samples(new), plain.score_samples(new))


@pytest.mark.parametrize(
    ("folds", "wanted"),
    [*((n, "None or 2 to 10") for n in (1, 0, 11, True, 2.5)), ("3", "a whole number")],
)
def test_what_is_no_number_of_folds(folds: Any, wanted: str) -> None:
    with pytest.raises(InputError, match=f"folds must be {wanted}; got"):
        AnomalyDetector(folds=folds).fit(textured(12))


def test_folds_are_not_tuned() -> None:
    with pytest.raises(InputError, match="folds and tune exclude each other"):
        AnomalyDetector(folds=2, tune=True).fit(textured(12))


def test_the_threshold_of_three_parts_comes_from_images_that_decide_nothing_else() -> None:
    """With other images in their place the network, the cues and the score are the same."""
    images = textured(40)
    first = AnomalyDetector.from_options({**TINY, "random_state": 0}).fit(
        images, groups=np.arange(40)
    )
    assert first.held_out_ is not None
    images[first.held_out_] = textured(len(first.held_out_), seed=77)
    second = AnomalyDetector.from_options({**TINY, "random_state": 0}).fit(
        images, groups=np.arange(40)
    )
    assert second.held_out_ is not None
    assert np.array_equal(first.held_out_, second.held_out_)
    states = (one.network_.state_dict().values() for one in (first, second))
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))
    new = textured(5, seed=8)
    assert np.array_equal(first.score_samples(new), second.score_samples(new))
    assert not np.array_equal(first.calibration_.scores, second.calibration_.scores)
