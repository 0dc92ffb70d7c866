"""What training reaches: never above PCA, and further with every pass."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from tests.estimators.conftest import PRESETS, blobs, held_out, weights

import convae
from convae import ConvAutoencoder

Small = Callable[..., ConvAutoencoder]


# -- never above PCA ----------------------------------------------------------------------------------


@pytest.mark.parametrize("latent_dim", [2, 8])
def test_never_above_pca(latent_dim: int) -> None:
    from sklearn.datasets import load_digits

    images = (load_digits().images[:400] * (255 / 16)).astype(np.uint8)
    model = ConvAutoencoder(latent_dim=latent_dim, epochs=3, architecture={"widths": (8, 16)}).fit(
        images
    )
    out = np.isin(np.arange(400), held_out(model))
    unit = images.reshape(400, -1) / 255
    pca = PCA(latent_dim, svd_solver="full").fit(unit[~out])
    linear = pca.inverse_transform(pca.transform(unit[out])).clip(0, 1)
    assert model.validation_mse_ <= np.mean((linear - unit[out]) ** 2) * (1 + 1e-5)
    assert -model.score(images[out]) == pytest.approx(model.validation_mse_, rel=1e-4)


def test_the_tutorial_has_the_batches_of_the_tutorial() -> None:
    """1,080 images to train on make batches of 64, and of the tutorial's 32 for its preset."""
    images = blobs(1_200, 4, 4)

    def batch_of(**parameters: Any) -> int:
        fitted = ConvAutoencoder.from_options(
            {"epochs": 0, "latent_dim": 2, "widths": (2, 2), **parameters}
        ).fit(images)
        return fitted.settings_.batch_size

    assert batch_of(preset="tutorial") == 32
    assert batch_of(preset="tutorial", batch_size=100) == 100
    assert batch_of(preset="pooled") == batch_of(preset="residual") == 64


def test_the_start_is_pca(small: Small) -> None:
    images = blobs(60, 8, 8)
    model = small(epochs=0).fit(images)
    out = np.isin(np.arange(60), held_out(model))
    unit = images.reshape(60, -1) / 255
    pca = PCA(2, svd_solver="full").fit(unit[~out])
    linear = pca.inverse_transform(pca.transform(unit[out])).clip(0, 1)
    assert model.validation_mse_ == pytest.approx(np.mean((linear - unit[out]) ** 2), rel=1e-4)
    ours, theirs = model.transform(images), pca.transform(unit)
    assert np.allclose(np.abs(ours), np.abs(theirs), atol=1e-4)


# -- partial_fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_partial_fit_lowers_the_error(preset: str) -> None:
    images = blobs(60, 8, 8)
    model = ConvAutoencoder.from_options(PRESETS[preset]).partial_fit(images)
    first = model.score(images)
    for _ in range(15):
        model.partial_fit(images)
    assert model.score(images) > first
    assert (model.n_iter_, len(model.history_)) == (16, 17)
    assert [row["epoch"] for row in model.history_] == list(range(17))


def test_partial_fit_twice_gives_the_same(small: Small) -> None:
    images = blobs(20, 8, 8)
    first, second = (small().partial_fit(images).partial_fit(images[:7]) for _ in range(2))
    assert weights(first) == weights(second)


def test_partial_fit_goes_on_after_fit_and_load(small: Small, tmp_path: Path) -> None:
    images = blobs(40, 8, 8)
    model = small(epochs=2).fit(images)
    model.save(tmp_path / "a.convae")
    loaded = convae.load(tmp_path / "a.convae")
    assert isinstance(loaded, ConvAutoencoder)
    for one in (model, loaded):
        before = weights(one)
        one.partial_fit(images)
        assert weights(one) != before
        assert one.n_iter_ == 3
    assert weights(model) == weights(loaded)


def test_partial_fit_remembers_what_it_has_seen(small: Small, tmp_path: Path) -> None:
    first, second = blobs(20, 8, 8), blobs(20, 8, 8, seed=1)
    model = small().fit(first)
    assert len(model.seen_) == 18
    model.partial_fit(second)
    model.save(tmp_path / "a.convae")
    for one in (model, convae.load(tmp_path / "a.convae")):
        assert len(one.seen_) == 38
        assert one.validation_mse_ is None  # what was held out before may not be any more
        assert one.best_epoch_ == one.n_iter_ == 2


def test_partial_fit_with_random_crops_and_streams(small: Small) -> None:
    images = blobs(12, 12, 10)
    model = small(size=(8, 8), framing="random-crop", storage="streamed")
    assert np.isfinite(model.partial_fit(images).partial_fit(images).score(images))


def test_a_model_in_training_can_be_copied(small: Small) -> None:
    images = blobs(12, 8, 8)
    model = small().partial_fit(images)
    twin = copy.deepcopy(model)
    assert weights(model.partial_fit(images)) == weights(twin.partial_fit(images))
