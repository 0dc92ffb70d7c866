"""The anomaly detector: what it finds, what it promises, files, and what is refused."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from tests.estimators.conftest import blobs, folder_of
from tests.estimators.restoration.test_denoiser import Heard

import convae
from convae import AnomalyDetector, InputError, ModelFileError
from convae.estimators.anomaly.detector import METHODS
from convae.estimators.anomaly.fit import LOOKS
from convae.evaluation.results.guarantee import guarantee
from convae.metrics.ranking import auroc
from convae.storage.model_file import save_model

TINY: dict[str, Any] = {"widths": (8, 8), "blocks": 1, "latent_dim": 8, "epochs": 3}


def textured(count: int, side: int = 32, seed: int = 0) -> np.ndarray:
    """(count, side, side) stripes of changing brightness, with noise."""
    rng = np.random.default_rng(seed)
    x = np.arange(side)
    phase = rng.uniform(0, 2 * np.pi, (count, 1, 1))
    stripes = 110 + 30 * np.sin(x[None, None] * 0.8 + phase) + rng.normal(0, 10, (count, 1, 1))
    noisy = stripes + rng.normal(0, 4, (count, side, side))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def maps_of(model: AnomalyDetector, images: np.ndarray) -> np.ndarray:
    maps = model.anomaly_map(images)
    assert isinstance(maps, np.ndarray)
    return maps


def spotted(images: np.ndarray) -> np.ndarray:
    """The same, each with a bright square at (row 10, column 6), 7x5."""
    odd = images.copy()
    odd[:, 10:17, 6:11] = 235
    return odd


@pytest.fixture(scope="module")
def normal() -> np.ndarray:
    return textured(180)


@pytest.fixture(scope="module")
def model(normal: np.ndarray) -> AnomalyDetector:
    parameters = {**TINY, "epochs": 8, "batch_size": 8}
    return AnomalyDetector.from_options({**parameters, "false_alarm_rate": 0.05}).fit(normal[:120])


def test_it_finds_what_it_has_never_seen_and_where(
    model: AnomalyDetector, normal: np.ndarray
) -> None:
    fresh = normal[120:]
    odd = spotted(fresh)
    scores = -model.score_samples(np.concatenate([fresh, odd]))
    assert auroc(scores, np.repeat([0, 1], len(fresh))) > 0.95
    assert (model.predict(odd) == -1).mean() > 0.8
    assert (model.predict(fresh) == 1).mean() > 0.8
    maps = maps_of(model, odd)
    assert maps.shape == odd.shape
    assert maps.dtype == np.float32
    inside, outside = maps[:, 10:17, 6:11].mean(), maps[:, 24:, 20:].mean()
    assert inside > outside + 1
    region = model.regions(odd)[0][0]
    left, top, width, height = region.box
    assert left <= 8 <= left + width
    assert top <= 13 <= top + height
    assert region.p_value <= 0.05


def test_the_verbs_agree(model: AnomalyDetector, normal: np.ndarray) -> None:
    images = np.concatenate([normal[:8], spotted(normal[8:16])])
    scores, decisions = model.score_samples(images), model.decision_function(images)
    assert np.array_equal(decisions, scores - model.offset_)
    assert np.array_equal(model.predict(images), np.where(decisions >= 0, 1, -1))
    assert np.array_equal(model.predict(images) == -1, model.p_values(images) <= 0.05 + 1e-9)
    for found, score in zip(model.iter_detect(images), scores, strict=True):
        assert found.score == -score
        assert found.anomalous == (score < model.offset_)
        assert bool(found.regions) or not found.anomalous
        assert 0 <= found.nearest < len(model.kept_)


def test_an_image_scores_the_same_alone_and_among_others(
    model: AnomalyDetector, normal: np.ndarray
) -> None:
    together = model.score_samples(normal[:9])
    assert [float(model.score_samples(image[None])[0]) for image in normal[:9]] == together.tolist()


def test_the_threshold_comes_from_images_that_nothing_else_saw(
    model: AnomalyDetector, normal: np.ndarray
) -> None:
    assert model.held_out_ is not None
    assert len(model.held_out_) == 24
    scores = np.sort(-model.score_samples(normal[model.held_out_]))
    assert model.calibration_.scores.tolist() == scores.tolist()
    assert model.false_alarm_rate_ == 0.05
    assert (scores > -model.offset_).mean() <= 0.05


def test_regions_of_normal_images_keep_the_promise_and_anomalous_ones_show_more(
    model: AnomalyDetector, normal: np.ndarray
) -> None:
    assert model.anomalous_level_ <= model.level_
    peaks = model.peaks_.scores
    assert (peaks > model.level_).mean() <= model.false_alarm_rate_
    assert (peaks > model.anomalous_level_).mean() <= 0.25
    for found in model.iter_detect(np.concatenate([normal[:20], spotted(normal[:20])])):
        if found.anomalous:
            assert found.regions
            above = found.map > model.anomalous_level_
        else:
            above = found.map > model.level_
        assert bool(found.regions) >= bool(above.any())


def test_groups_stay_on_one_side_and_count_once(normal: np.ndarray) -> None:
    groups = np.arange(120) // 4
    model = AnomalyDetector.from_options({**TINY, "false_alarm_rate": 0.1}).fit(
        normal[:120], groups=groups
    )
    assert model.held_out_ is not None
    assert len(model.held_out_) == 4 * model.calibration_.witnesses
    assert len(set(groups[model.held_out_])) == model.calibration_.witnesses == 9


def test_calibrate_changes_the_threshold_and_nothing_else(
    model: AnomalyDetector, normal: np.ndarray, tmp_path: Path
) -> None:
    model.save(tmp_path / "a.convae")
    other = convae.load(tmp_path / "a.convae")
    assert isinstance(other, AnomalyDetector)
    before = other.score_samples(normal)
    other.calibrate(normal[120:], false_alarm_rate=0.2)
    assert np.array_equal(other.score_samples(normal), before)
    assert other.false_alarm_rate_ == 0.2
    assert other.calibration_.witnesses == 60
    assert (other.predict(normal[120:]) == -1).mean() <= 0.2
    other.save(tmp_path / "b.convae")
    again = convae.load(tmp_path / "b.convae")
    assert isinstance(again, AnomalyDetector)
    assert again.offset_ == other.offset_
    assert again.level_ == other.level_


def test_another_rate_or_threshold_leaves_the_model_as_it_is(
    model: AnomalyDetector, normal: np.ndarray
) -> None:
    before = (model.offset_, model.level_, model.false_alarm_rate_, model.bound_)
    half = model.at(rate=0.5)
    assert half.offset_ == -model.calibration_.threshold(0.5)
    assert half.level_ == model.peaks_.threshold(0.5)
    assert (half.false_alarm_rate_, half.bound_, half.promised_) == (0.5, 0.5, True)
    free = model.at(threshold=-3.0)
    assert (free.offset_, free.bound_, free.promised_) == (3.0, None, False)
    assert (model.offset_, model.level_, model.false_alarm_rate_, model.bound_) == before
    images = normal[120:130]
    np.testing.assert_array_equal(half.score_samples(images), model.score_samples(images))
    assert (free.predict(images) == -1).all()
    assert model.at().offset_ == model.offset_
    with pytest.raises(InputError, match="exclude each other"):
        model.at(rate=0.5, threshold=1.0)
    for rate in (0.001, 0.0, 2.0):
        with pytest.raises(InputError, match=r"false.alarm.rate"):
            model.at(rate=rate)


def test_calibrate_leaves_out_what_was_trained_on(
    model: AnomalyDetector, normal: np.ndarray, tmp_path: Path
) -> None:
    model.save(tmp_path / "a.convae")
    other = convae.load(tmp_path / "a.convae")
    assert isinstance(other, AnomalyDetector)
    assert model.held_out_ is not None
    other.calibrate(normal[:120])
    assert other.calibration_.witnesses == len(model.held_out_)
    trained = np.setdiff1d(np.arange(120), model.held_out_)
    with pytest.raises(InputError, match="no normal image in it that the model was not trained on"):
        other.calibrate(normal[trained])
    with pytest.raises(InputError, match=r"0\.01 cannot be promised by 10 .* the lowest .* 1/11"):
        other.calibrate(normal[120:130], false_alarm_rate=0.01)
    with pytest.raises(InputError, match="groups must name the group of each of 60 images"):
        other.calibrate(normal[120:], groups=[1, 2])
    other.calibrate(normal[120:130])  # the lowest that ten can promise
    assert other.false_alarm_rate_ == pytest.approx(1 / 11)


def test_a_file_keeps_all(model: AnomalyDetector, normal: np.ndarray, tmp_path: Path) -> None:
    model.save(tmp_path / "model.convae")
    loaded = convae.load(tmp_path / "model.convae")
    assert isinstance(loaded, AnomalyDetector)
    odd = spotted(normal[:5])
    assert np.array_equal(loaded.score_samples(odd), model.score_samples(odd))
    assert np.array_equal(loaded.anomaly_map(odd), model.anomaly_map(odd))
    assert loaded.regions(odd) == model.regions(odd)
    assert np.array_equal(loaded.kept_, model.kept_)
    assert loaded.chosen_ == model.chosen_
    loaded.save(tmp_path / "again.convae")
    assert (tmp_path / "again.convae").read_bytes() == (tmp_path / "model.convae").read_bytes()


def without(model: AnomalyDetector, start: str, path: Path) -> Path:
    """A file of the model that lacks the tensors whose names start so."""
    stored = model._stored
    extras = {name: value for name, value in stored.extras.items() if not name.startswith(start)}
    assert len(extras) < len(stored.extras)
    facts = {**stored.facts, "rows": False, "channel_axis": False}
    save_model(path, replace(stored, extras=extras, facts=facts))
    return path


def test_a_damaged_file_is_refused(model: AnomalyDetector, tmp_path: Path) -> None:
    """Each tensor is missing once, and each cue and each part as a whole."""
    names = sorted(set(model._stored.extras) - {LOOKS})  # which older files do not have
    assert {"cue.places.mean", "cue.nearest.normal", "fusion.kinds", "kept"} <= set(names)
    parts = {name.rpartition(".")[0] for name in names} - {""}
    for start in (*names, *(f"{part}." for part in sorted(parts))):
        with pytest.raises(ModelFileError, match="damaged: its facts are not complete"):
            convae.load(without(model, start, tmp_path / "a.convae"))


def test_tensors_of_another_shape_are_refused(model: AnomalyDetector, tmp_path: Path) -> None:
    stored = model._stored
    for name in ("standards.mean", "fusion.middle", "cue.places.mean", "cue.nearest.normal"):
        extras = {**stored.extras, name: stored.extras[name][..., :1].contiguous()}
        save_model(tmp_path / "a.convae", replace(stored, extras=extras))
        with pytest.raises(ModelFileError, match="damaged: its facts are not complete"):
            convae.load(tmp_path / "a.convae")


def test_images_of_many_sizes_and_channels(tmp_path: Path) -> None:
    images = [blobs(1, 20 + i % 3, 30, 3, seed=i)[0] for i in range(12)]
    folder = tmp_path / "normal"
    folder_of(np.array(images, dtype=object), folder)
    model = AnomalyDetector.from_options(TINY).fit(folder)
    assert model.image_shape_ == (3, 21, 30)
    maps = model.anomaly_map(folder)
    assert [one.shape for one in maps[:3]] == [(20, 30), (21, 30), (22, 30)]
    assert model.kept_.shape[1:] == (21, 30, 3)


def test_large_images_are_trained_on_in_parts_and_shown_small() -> None:
    model = AnomalyDetector.from_options(
        {**TINY, "epochs": 1, "widths": (4,), "score_by": "found"}
    ).fit(textured(8, 850))
    assert model.image_shape_ == (1, 810, 810)  # the root of 640 · 1024
    assert model.kept_.shape[1:] == (96, 96, 1)
    assert maps_of(model, textured(1, 850)).shape == (1, 850, 850)


@pytest.mark.parametrize("score", ["found", "places", "repaired+nearest+mean+components"])
def test_a_score_can_be_named(normal: np.ndarray, score: str) -> None:
    model = AnomalyDetector.from_options({**TINY, "score_by": score}).fit(normal[:40])
    assert model.chosen_["score"] == score
    assert np.isfinite(model.score_samples(normal[:3])).all()


def test_tuning_tells_what_it_tried(normal: np.ndarray) -> None:
    heard = Heard()
    model = AnomalyDetector.from_options({**TINY, "tune": True}).fit(normal[:40], observers=[heard])
    told = [text for text in heard.told if text.startswith("tuning: ")]
    assert len(told) == len(METHODS["defects"](model._config()).candidates())
    assert all("on synthetic defects" in text for text in told)
    reached = [value for _, value in model.chosen_["tuned"]]
    changes = model.chosen_["tuned"][int(np.argmax(reached))][0]
    assert all(getattr(model.architecture_, name) == value for name, value in changes.items())


def test_mirrored_views_are_averaged(normal: np.ndarray) -> None:
    model = AnomalyDetector.from_options({**TINY, "flips": True}).fit(normal[:40])
    one = normal[60:61]
    plain, mirrored = (maps_of(model, x) for x in (one, one[:, ::-1].copy()))
    assert np.abs(plain - mirrored[:, ::-1]).mean() < 0.5
    without = AnomalyDetector.from_options(TINY).fit(normal[:40])
    assert not np.allclose(maps_of(without, one), plain)


def test_same_seed_same_model(normal: np.ndarray) -> None:
    first, again, other = (
        AnomalyDetector.from_options({**TINY, "random_state": seed})
        .fit(normal[:40])
        .score_samples(normal[:5])
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_clone_and_rows(normal: np.ndarray) -> None:
    model = clone(AnomalyDetector.from_options(TINY))
    rows = normal[:40].reshape(40, -1)
    assert model.fit_predict(rows).shape == (40,)
    assert maps_of(model, rows).shape == (40, 32, 32)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "defect"}, "unknown method 'defect': did you mean 'defects'?"),
        ({"score_by": "plases"}, "unknown score 'plases': did you mean 'places'?"),
        ({"score_by": "found+found"}, "score: each part counts once; got 'found+found'"),
        ({"score_by": 3}, "score_by must be a name; got 3"),
        ({"tune": 1}, "tune must be True or False; got 1"),
        ({"flips": None}, "flips must be True or False; got None"),
        ({"false_alarm_rate": 1.5}, "false_alarm_rate must be a fraction above 0 and at most 1"),
        ({"false_alarm_rate": 0.01}, "a false-alarm rate of 0.01 takes 99 normal images"),
        ({"loss": "bce"}, "loss 'bce' is for images made of probabilities"),
    ],
)
def test_what_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        AnomalyDetector.from_options({**TINY, **parameters}).fit(textured(20))


def test_one_image_is_too_few() -> None:
    with pytest.raises(InputError, match=r"at least 8 different normal images.* got 1 of 1 sample"):
        AnomalyDetector.from_options(TINY).fit(textured(1))


def test_a_rate_that_cannot_be_promised_is_estimated_where_that_is_asked_for() -> None:
    normal = np.random.default_rng(0).integers(90, 110, (40, 16, 16), dtype=np.uint8)
    with pytest.raises(InputError, match="or let estimate_tail estimate the threshold"):
        AnomalyDetector(epochs=0, false_alarm_rate=0.01).fit(normal)
    model = AnomalyDetector(
        epochs=0, false_alarm_rate=0.01, estimate_tail=True, random_state=0
    ).fit(normal)
    assert not model.promised_
    assert model.false_alarm_rate_ == 0.01
    assert -model.offset_ >= model.calibration_.scores[-1]
    assert "an estimate without a guarantee" in " ".join(guarantee(model).split())
    promised = AnomalyDetector(epochs=0, random_state=0).fit(normal)
    assert promised.promised_
