"""Evaluation of reconstructions: compared with PCA, on images the model has not seen; what is left out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from sklearn.decomposition import PCA

import convae
from convae import ConvAutoencoder, InputError, losses
from convae.estimators.base import ImageEstimator
from convae.evaluation.reconstruction import MAX_CODES, evaluate
from convae.images.sources.array_sources import ArraySource

SMALL: dict[str, Any] = {"widths": (4,), "blocks": 1, "hidden": 8, "latent_dim": 3, "epochs": 2}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def textures(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    """(count, *shape) uint8 images with a few directions of variation and some noise."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    directions = np.random.default_rng(99).normal(size=(5, size))
    values = (
        128 + 18 * rng.normal(size=(count, 5)) @ directions + 4 * rng.normal(size=(count, size))
    )
    return values.clip(0, 255).astype(np.uint8).reshape(count, *shape)


TRAIN, TEST = textures(60, 8, 8), textures(31, 8, 8, seed=1)


@pytest.fixture(scope="module")
def model() -> ConvAutoencoder:
    return ConvAutoencoder.from_options(SMALL).fit(TRAIN)


def unit(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255


def training_part(model: ConvAutoencoder, images: np.ndarray) -> np.ndarray:
    assert model.held_out_ is not None
    return np.delete(images, model.held_out_, axis=0)


# -- compared with PCA ---------------------------------------------------------------------------------------


def test_the_baseline_is_scikit_learns_pca(model: ConvAutoencoder) -> None:
    pca = PCA(3, svd_solver="full").fit(unit(training_part(model, TRAIN)))
    linear = pca.inverse_transform(pca.transform(unit(TEST))).clip(0, 1)
    expected = np.mean((linear - unit(TEST)) ** 2, axis=1)
    measured = evaluate(model, TEST)
    assert measured.baseline_name == "PCA, 3 components"
    assert np.allclose(measured.baseline_errors, expected, rtol=1e-4)
    assert measured.baseline["mse"] == pytest.approx(expected.mean(), rel=1e-4)


def test_the_baseline_of_a_loaded_model_is_the_same(model: ConvAutoencoder, tmp_path: Path) -> None:
    model.save(tmp_path / "a.convae")
    loaded = convae.load(tmp_path / "a.convae")
    assert evaluate(loaded, TEST).values() == evaluate(model, TEST).values()


def test_the_baseline_beside_a_spatial_code_is_pca_of_blocks() -> None:
    train, test = textures(40, 9, 8, 2), textures(10, 9, 8, 2, seed=1)
    spatial = ConvAutoencoder.from_options({**{**SMALL, "hidden": None}, "code": "spatial"}).fit(
        train
    )

    def blocks(images: np.ndarray) -> np.ndarray:
        padded = np.pad(images / 255, ((0, 0), (0, 1), (0, 0), (0, 0)), mode="edge")
        split = padded.reshape(len(images), 5, 2, 4, 2, 2).transpose(0, 1, 3, 5, 2, 4)
        return split.reshape(-1, 8)

    pca = PCA(3, svd_solver="full").fit(blocks(training_part(spatial, train)))
    linear = pca.inverse_transform(pca.transform(blocks(test))).clip(0, 1)
    rows = linear.reshape(10, 5, 4, 2, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(10, 10, 8, 2)
    measured = evaluate(spatial, test)
    assert measured.baseline_name == "PCA of 2x2 blocks, 3 components each"
    expected = np.mean((rows[:, :9] - test / 255) ** 2, axis=(1, 2, 3))
    assert np.allclose(measured.baseline_errors, expected, rtol=1e-4)


def test_errors_are_those_of_score_samples(model: ConvAutoencoder) -> None:
    measured = evaluate(model, TEST)
    assert np.allclose(measured.errors, -model.score_samples(TEST), rtol=1e-5)
    assert measured.model["mse"] == pytest.approx(measured.errors.mean())
    assert measured.gain == pytest.approx(1 - measured.model["mse"] / measured.baseline["mse"])
    assert set(measured.model) == set(measured.baseline)
    assert {"mse", "mae", "psnr_mean", "psnr_pooled", "ssim", "ms_ssim"} <= set(measured.model)


def test_codes_are_those_of_transform(model: ConvAutoencoder) -> None:
    measured = evaluate(model, TEST)
    assert measured.coded.tolist() == list(range(31))
    assert np.array_equal(measured.codes, model.transform(TEST))


def test_codes_of_many_images_are_spread_over_them(
    model: ConvAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_CODES == 10_000
    monkeypatch.setattr("convae.evaluation.reconstruction.MAX_CODES", 10)
    measured = evaluate(model, TEST)
    assert measured.coded.tolist() == list(range(0, 31, 4))
    assert np.array_equal(measured.codes, model.transform(TEST)[::4])


# -- held out means held out --------------------------------------------------------------------------


def test_images_trained_on_are_left_out_and_counted(model: ConvAutoencoder) -> None:
    mixed = np.concatenate([TRAIN[:20], TEST])
    assert model.held_out_ is not None
    unseen = [i for i in range(20) if i in model.held_out_] + list(range(20, 51))
    measured = evaluate(model, mixed)
    assert measured.index.tolist() == unseen
    assert (measured.images, measured.left_out, measured.seen) == (len(unseen), 51 - len(unseen), 0)
    assert np.allclose(measured.errors, -model.score_samples(mixed[unseen]), rtol=1e-5)


def test_what_was_held_out_is_measured(model: ConvAutoencoder) -> None:
    measured = evaluate(model, TRAIN)
    assert model.held_out_ is not None
    assert measured.index.tolist() == model.held_out_.tolist()
    assert measured.model["mse"] == pytest.approx(model.validation_mse_, rel=1e-4)


def test_seen_images_can_be_included(model: ConvAutoencoder) -> None:
    measured = evaluate(model, TRAIN, include_seen=True)
    assert model.held_out_ is not None
    assert (measured.images, measured.left_out) == (60, 0)
    assert measured.seen == 60 - len(model.held_out_)


def test_where_all_were_seen_all_are_measured_and_it_is_said(model: ConvAutoencoder) -> None:
    seen = training_part(model, TRAIN)
    measured = evaluate(model, seen)
    assert (measured.images, measured.seen) == (len(seen), len(seen))
    assert measured.values()["measured_although_trained_on"] == len(seen)


def test_images_of_a_partial_fit_were_seen_too() -> None:
    model = ConvAutoencoder.from_options(SMALL).fit(TRAIN).partial_fit(TEST[:11])
    assert evaluate(model, TEST).index.tolist() == list(range(11, 31))


@pytest.mark.parametrize("framing", ["resize", "crop", "random-crop", "pad"])
@pytest.mark.parametrize("code", ["dense", "spatial"])
def test_framed_images_are_recognised(framing: str, code: str) -> None:
    size = (12, 12) if framing == "pad" else (6, 6)
    hidden = 8 if code == "dense" else None
    parameters = {**SMALL, "size": size, "framing": framing, "code": code, "hidden": hidden}
    model = ConvAutoencoder.from_options(parameters).fit(TRAIN)
    mixed = np.concatenate([training_part(model, TRAIN), TEST])
    measured = evaluate(model, mixed)
    assert (measured.images, measured.left_out) == (31, len(mixed) - 31)


def test_an_image_too_large_to_pad_was_not_seen() -> None:
    parameters = {**SMALL, "size": (12, 12), "framing": "pad", "code": "spatial", "hidden": None}
    model = ConvAutoencoder.from_options(parameters).fit(TRAIN)
    assert evaluate(model, textures(5, 20, 20)).images == 5


# -- losses -------------------------------------------------------------------------------------------


def test_cross_entropy_has_a_floor_and_an_excess() -> None:
    model = ConvAutoencoder.from_options({**SMALL, "loss": "bce"}).fit(TRAIN)
    loss = evaluate(model, TEST).loss
    target = torch.from_numpy(TEST[:, None] / np.float32(255))
    assert loss["name"] == "bce"
    assert loss["floor"] == pytest.approx(float(losses.bce_floor(target).mean()), rel=1e-5)
    assert 0 < loss["excess"] == pytest.approx(loss["value"] - loss["floor"])


def test_other_losses_have_no_floor(model: ConvAutoencoder) -> None:
    measured = evaluate(model, TEST)
    assert measured.loss["floor"] == 0
    assert measured.loss["value"] == measured.loss["excess"] == pytest.approx(measured.model["mse"])


# -- what comes out, what goes in ---------------------------------------------------------------------


@pytest.mark.parametrize("images", [TEST, np.full((6, 8, 8), 128, np.uint8), TEST[:1]])
def test_the_result_is_json(images: np.ndarray, model: ConvAutoencoder) -> None:
    text = json.dumps(evaluate(model, images).values(), allow_nan=False)
    assert json.loads(text)["images"] == len(images)


def test_a_perfect_reconstruction_is_json_too() -> None:
    constant = np.zeros((12, 8, 8), np.uint8)
    measured = evaluate(ConvAutoencoder.from_options(SMALL).fit(constant), constant)
    json.dumps(measured.values(), allow_nan=False)
    assert measured.gain == 0 or np.isfinite(measured.gain)


def test_labels_follow_their_images(model: ConvAutoencoder) -> None:
    labels = np.arange(51) % 3
    source = ArraySource(np.concatenate([TRAIN[:20], TEST]), labels=labels)
    measured = evaluate(model, source)
    assert measured.labels is not None
    assert measured.labels.tolist() == labels[measured.index].tolist()
    assert measured.label_names == ("0", "1", "2")
    assert evaluate(model, TEST).labels is None


def test_unreadable_and_unfit_images_are_skipped(model: ConvAutoencoder, tmp_path: Path) -> None:
    for i, image in enumerate(TEST[:6]):
        PillowImage.fromarray(image).save(tmp_path / f"{i}.png")
    (tmp_path / "2.png").write_bytes(b"no image")
    (tmp_path / "4.png").write_bytes((tmp_path / "4.png").read_bytes()[:40])
    PillowImage.fromarray(TEST[0].repeat(2, 0)).save(tmp_path / "5.png")
    measured = evaluate(model, tmp_path)
    assert measured.images == 3
    assert [skipped.name for skipped in measured.skipped] == ["2.png", "4.png", "5.png"]
    assert "this model takes 8x8" in measured.skipped[2].reason
    assert len(measured.values()["skipped"]) == 3


def test_nothing_to_measure_is_an_error(model: ConvAutoencoder) -> None:
    with pytest.raises(InputError, match=r"no image in it can be measured: array.0.: it is 9x9"):
        evaluate(model, textures(4, 9, 9))


def test_spatial_codes_of_other_sizes() -> None:
    model: ImageEstimator = ConvAutoencoder.from_options(
        {**{**SMALL, "hidden": None}, "code": "spatial"}
    ).fit(TRAIN)
    measured = evaluate(model, [*textures(3, 8, 8, seed=2), *textures(3, 13, 9, seed=2)])
    assert measured.images == 6
    json.dumps(measured.values(), allow_nan=False)


def test_missing_pixels_and_depths() -> None:
    images = textures(20, 8, 8).astype(np.float32) * 7
    images[3, :2] = np.nan
    model = ConvAutoencoder.from_options(SMALL).fit(images)
    measured = evaluate(model, images, include_seen=True)
    assert np.isfinite(measured.errors).all()
    assert measured.images == 20


def test_progress_counts_to_the_end(model: ConvAutoencoder) -> None:
    told: list[tuple[int, int]] = []
    evaluate(model, TEST, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (31, 31)
    assert told == sorted(told)
