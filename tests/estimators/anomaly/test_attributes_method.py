"""The detector of other kinds of objects: what it finds, files, shapes, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convae
from convae import AnomalyDetector, InputError
from convae.estimators.anomaly.attributes_method import RestoreAttributes
from convae.metrics.ranking import auroc

TINY: dict[str, Any] = {"method": "attributes", "widths": (8, 8), "latent_dim": 12}


def objects(count: int, kind: str, seed: int = 0, shape: tuple[int, ...] = (16, 16)) -> np.ndarray:
    """(count, *shape) bright objects on black, of varied size, place and brightness: an L or a disc."""
    rng = np.random.default_rng(seed)
    found = np.zeros((count, *shape), np.uint8)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    for image in found:
        top, left = rng.integers(2, 5, 2)
        length, value = rng.integers(8, 11), rng.integers(150, 250)
        if kind == "L":
            image[top : top + length, left : left + 3] = value
            image[top + length - 3 : top + length, left : left + length - 2] = value
        else:
            away = (rows - top - 4) ** 2 + (columns - left - 4) ** 2
            image[away < (length / 2) ** 2] = value
    return found


@pytest.fixture(scope="module")
def model() -> AnomalyDetector:
    return AnomalyDetector.from_options({**TINY, "epochs": 8, "batch_size": 16}).fit(
        objects(120, "L")
    )


def test_it_tells_another_kind_of_object(model: AnomalyDetector) -> None:
    normal, other = objects(40, "L", 1), objects(40, "disc", 2)
    scores = -model.score_samples(np.concatenate([normal, other]))
    assert auroc(scores, np.repeat([0, 1], 40)) > 0.95
    assert (model.predict(normal) == 1).mean() > 0.8
    assert (model.predict(other) == -1).mean() > 0.8


def test_files_hold_all_of_it(model: AnomalyDetector, tmp_path: Path) -> None:
    images = objects(10, "disc", 3)
    model.save(tmp_path / "a.convae")
    again = convae.load(tmp_path / "a.convae")
    assert isinstance(again, AnomalyDetector)
    assert np.array_equal(again.score_samples(images), model.score_samples(images))
    assert np.array_equal(again.anomaly_map(images), model.anomaly_map(images))
    assert again.chosen_["score"] == "restored+pose+code+near+alike"


def test_an_image_scores_the_same_alone_and_among_others(model: AnomalyDetector) -> None:
    images = objects(7, "disc", 4)
    together = model.score_samples(images)
    assert [float(model.score_samples(one[None])[0]) for one in images] == together.tolist()


def test_the_nearest_normal_image_is_one_that_was_kept(model: AnomalyDetector) -> None:
    found = list(model.iter_detect(objects(5, "L", 5)))
    for one in found:
        kept = model.kept_[one.nearest][..., 0].astype(float)
        others = np.abs(model.kept_[..., 0].astype(float) - one.image.pixels[..., 0]).mean((1, 2))
        assert np.abs(kept - one.image.pixels[..., 0]).mean() < np.median(others)


def test_the_same_seed_gives_the_same_model() -> None:
    images = objects(30, "L")
    first, again = (
        AnomalyDetector.from_options({**TINY, "epochs": 1}).fit(images) for _ in range(2)
    )
    assert np.array_equal(first.score_samples(images), again.score_samples(images))


@pytest.mark.parametrize("shape", [(8, 8), (10, 14), (12, 12, 3)])
def test_other_shapes(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (24, *shape), dtype=np.uint8)
    model = AnomalyDetector(method="attributes", latent_dim=8, epochs=1).fit(images)
    assert np.isfinite(model.score_samples(images)).all()
    assert np.shape(model.anomaly_map(images[:2])) == (2, *shape[:2])
    blank = np.stack([np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)])
    assert np.isfinite(model.score_samples(blank)).all()


def test_part_of_the_score() -> None:
    images = objects(30, "L")
    model = AnomalyDetector.from_options({**TINY, "epochs": 1, "score_by": "near+alike"}).fit(
        images
    )
    whole = AnomalyDetector.from_options({**TINY, "epochs": 1}).fit(images)
    assert model.chosen_["score"] == "near+alike"
    assert not np.array_equal(model.score_samples(images), whole.score_samples(images))


def test_fewer_passes_over_more_images() -> None:
    method = RestoreAttributes(AnomalyDetector(method="attributes")._config())
    passes = [method.defaults(count, (1, 28, 28)) for count in (50, 1000, 5000, 60_000)]
    assert [one.epochs for one in passes] == [40, 5, 4, 3]
    assert [one.batch_size for one in passes] == [16, 32, 128, 128]
    widths = [method.architecture((1, side, side), None, {}).widths for side in (4, 8, 28, 64)]
    assert widths == [(16,), (16,), (16, 32, 64), (16, 32, 64, 64)]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tune": True}, "tune goes with method 'defects'"),
        ({"flips": True}, "flips goes with method 'defects'"),
        ({"latent_dim": 4}, "latent_dim must be at least 8; got 4"),
        ({"loss": "bce"}, "loss 'bce' is for images made of probabilities"),
        ({"score_by": "gradient"}, "gradient"),
    ],
)
def test_what_does_not_go_with_it_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        AnomalyDetector.from_options({"method": "attributes", **parameters}).fit(objects(30, "L"))


def test_large_normal_images_are_kept_in_smaller_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convae.estimators.anomaly.fit.KEPT_BYTES", 5 * 16 * 16)
    model = AnomalyDetector.from_options({**TINY, "epochs": 1}).fit(objects(30, "L"))
    assert model.kept_.shape == (5, 16, 16, 1)
    assert {one.nearest for one in model.iter_detect(objects(9, "L", 6))} <= set(range(5))
