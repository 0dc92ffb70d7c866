"""Codes that are entries of a codebook: indices and back, the use of the codebook, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.estimators.conftest import blobs, weights

import convae
from convae.errors import InputError, ModelFileError
from convae.estimators.autoencoders import quantised_codes
from convae.evaluation.reconstruction import evaluate
from convae.storage.model_file import load_model, save_model

IMAGES = blobs(32, 12, 20)
SMALL: dict[str, Any] = {
    "bottleneck": "vq:16",
    "latent_dim": 3,
    "epochs": 2,
    "architecture": {"widths": (4, 6), "blocks": 1},
}


@pytest.fixture(scope="module")
def model() -> convae.ConvAutoencoder:
    return convae.ConvAutoencoder(**SMALL).fit(IMAGES)


def test_the_code_is_spatial_unless_it_is_chosen(model: convae.ConvAutoencoder) -> None:
    a = model.architecture_
    assert (a.code, a.bypass, a.bottleneck, a.entries) == ("spatial", "none", "vq", 16)


def test_indices_and_codes_are_the_same_codes(model: convae.ConvAutoencoder) -> None:
    indices, codes = model.indices(IMAGES), model.transform(IMAGES)
    assert indices.shape == (32, *model.architecture_.code_shape[1:])
    assert indices.dtype == np.int64
    assert 0 <= indices.min() <= indices.max() < 16
    entries = quantised_codes.codebook_of(model.network_).entries.numpy()
    assert np.array_equal(entries[indices].transpose(0, 3, 1, 2).reshape(32, -1), codes)
    made = model.decode_indices(indices)
    assert made.shape == IMAGES.shape
    assert made.dtype == np.uint8
    assert np.array_equal(made, model.reconstruct(IMAGES))
    assert np.array_equal(made, model.inverse_transform(codes))


def test_indices_of_another_size_give_images_of_another_size(
    model: convae.ConvAutoencoder,
) -> None:
    fy, fx = model.architecture_.factor
    assert model.decode_indices(np.zeros((2, 1, 3), np.int64)).shape == (2, fy, 3 * fx)
    assert model.decode_indices(np.zeros((1, 5, 2), np.uint8)).shape == (1, 5 * fy, 2 * fx)


@pytest.mark.parametrize(
    ("given", "got"),
    [
        (np.zeros((2, 3, 5)), "got float64 of shape (2, 3, 5)"),
        (np.zeros((3, 5), int), "got int64 of shape (3, 5)"),
        (np.zeros((2, 0, 5), int), "got int64 of shape (2, 0, 5)"),
        (np.full((1, 3, 5), 16), "got numbers from 16 to 16"),
        (np.full((1, 3, 5), -1), "got numbers from -1 to -1"),
        ("codes", "got <U5 of shape ()"),
    ],
)
def test_what_are_no_indices_is_refused(
    model: convae.ConvAutoencoder, given: Any, got: str
) -> None:
    with pytest.raises(InputError) as caught:
        model.decode_indices(given)
    assert "indices must be whole numbers (n, h, w) from 0 to 15, as the method" in str(
        caught.value
    )
    assert got in str(caught.value)


def test_other_codes_have_no_indices() -> None:
    plain = convae.ConvAutoencoder(epochs=0, latent_dim=2).fit(IMAGES)
    for ask in (lambda: plain.indices(IMAGES), lambda: plain.decode_indices(IMAGES)):
        with pytest.raises(InputError, match="bottleneck 'plain' has none: fit with bottleneck"):
            ask()


def test_the_use_of_the_codebook_is_that_of_the_images_held_out(
    model: convae.ConvAutoencoder,
) -> None:
    use = model.codebook_use_
    wanted = np.bincount(model.indices(IMAGES[model.held_out_]).ravel(), minlength=16)
    assert np.array_equal(use.counts, wanted)
    assert use.positions == model.indices(IMAGES[:1]).size
    row = model.history_[model.best_epoch_]
    assert row["used_entries"] == use.used
    assert row["perplexity"] == pytest.approx(use.perplexity)


def test_an_evaluation_says_how_much_of_the_codebook_is_used(
    model: convae.ConvAutoencoder,
) -> None:
    found = evaluate(model, IMAGES, include_seen=True)
    assert found.codebook is not None
    wanted = np.bincount(model.indices(IMAGES).ravel(), minlength=16)
    assert np.array_equal(found.codebook.counts, wanted)
    assert found.verdicts()[1] == found.codebook.summary()
    assert json.loads(json.dumps(found.values()))["codebook"]["entries"] == 16
    plain = convae.ConvAutoencoder(epochs=0, latent_dim=2).fit(IMAGES)
    assert evaluate(plain, IMAGES, include_seen=True).codebook is None


def test_a_file_gives_it_back(model: convae.ConvAutoencoder, tmp_path: Path) -> None:
    model.save(tmp_path / "m.convae")
    loaded: Any = convae.load(tmp_path / "m.convae")
    assert weights(loaded) == weights(model)
    assert np.array_equal(loaded.indices(IMAGES), model.indices(IMAGES))
    assert np.array_equal(loaded.codebook_use_.counts, model.codebook_use_.counts)


@pytest.mark.parametrize("counts", [[1] * 15, [1] * 15 + [-1]])
def test_a_file_with_counts_of_other_entries_is_refused(
    model: convae.ConvAutoencoder, tmp_path: Path, counts: list[int]
) -> None:
    import torch

    path = tmp_path / "m.convae"
    model.save(path)
    stored = load_model(path)
    stored.extras[quantised_codes.COUNTS] = torch.tensor(counts)
    save_model(path, stored)
    with pytest.raises(ModelFileError, match="the use of the codebook is not that of its entries"):
        convae.load(path)


def test_the_same_seed_gives_the_same(model: convae.ConvAutoencoder) -> None:
    assert weights(convae.ConvAutoencoder(**SMALL).fit(IMAGES)) == weights(model)


def test_images_of_many_kinds_have_codes() -> None:
    rng = np.random.default_rng(0)
    few = {**SMALL, "epochs": 1}
    for images in (
        rng.integers(0, 65536, (9, 9, 11, 4), dtype=np.uint16),
        rng.random((3, 16, 8, 7), dtype=np.float32),
        rng.integers(0, 256, (1, 5, 6), dtype=np.uint8),
    ):
        found = convae.ConvAutoencoder(**few).fit(images)
        assert found.decode_indices(found.indices(images)).shape == images.shape


def test_one_more_pass_keeps_the_codebook_finite(model: convae.ConvAutoencoder) -> None:
    more = convae.ConvAutoencoder(**SMALL).fit(IMAGES)
    more.partial_fit(IMAGES)
    assert np.isfinite(more.transform(IMAGES)).all()
