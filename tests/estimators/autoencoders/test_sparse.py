"""The sparse autoencoder: few numbers on, and features from before they compete."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.estimators.conftest import blobs

import convae
from convae import ConvAutoencoder, SparseAutoencoder
from convae.config.bottlenecks import SPARSE
from convae.errors import InputError
from convae.metrics.sparsity import sparsity
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder

SMALL: dict[str, Any] = {
    "widths": (8, 8), "blocks": 1, "latent_dim": 32, "epochs": 20, "patience": 0, "random_state": 0,
}  # fmt: skip
IMAGES = blobs(160, 12, 12)


@pytest.fixture(scope="module")
def model() -> SparseAutoencoder:
    return SparseAutoencoder.from_options(SMALL).fit(IMAGES)


@pytest.fixture(scope="module")
def maps() -> SparseAutoencoder:
    return SparseAutoencoder.from_options(
        {"code": "spatial", "bottleneck": "winners:0.2", **SMALL}
    ).fit(IMAGES)


def test_few_numbers_are_on(model: SparseAutoencoder) -> None:
    found = sparsity(model.transform(IMAGES))
    assert found.active <= 3 / 32
    assert (
        found.hoyer
        > sparsity(ConvAutoencoder.from_options(SMALL).fit(IMAGES).transform(IMAGES)).hoyer
    )


def test_numbers_that_start_off_come_back_if_they_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = Autoencoder.__init__

    def sunk(network: Autoencoder, architecture: Architecture) -> None:
        start(network, architecture)
        with torch.no_grad():
            network.get_parameter("bottleneck.squeeze.bias").fill_(-3.0)

    monkeypatch.setattr(Autoencoder, "__init__", sunk)
    before = SparseAutoencoder.from_options({**SMALL, "bottleneck": "l1", "epochs": 0}).fit(IMAGES)
    assert not before.transform(IMAGES).any()
    after = SparseAutoencoder.from_options({**SMALL, "bottleneck": "l1"}).fit(IMAGES)
    assert sparsity(after.transform(IMAGES)).dead < 32
    assert after.score(IMAGES) > 0.3 * before.score(IMAGES)  # both are minus an error


def test_what_is_told_is_of_held_out_images(model: SparseAutoencoder) -> None:
    assert model.held_out_ is not None
    found = sparsity(model.transform(IMAGES[model.held_out_]))
    assert np.allclose(model.sparsity_.rate, found.rate)
    assert model.sparsity_.active == pytest.approx(found.active)
    assert model.sparsity_.hoyer == pytest.approx(found.hoyer, abs=1e-5)


def test_a_file_keeps_it(model: SparseAutoencoder, tmp_path: Path) -> None:
    model.save(tmp_path / "s.convae")
    loaded = convae.load(tmp_path / "s.convae")
    assert isinstance(loaded, SparseAutoencoder)
    assert loaded.sparsity_.summary() == model.sparsity_.summary()
    assert np.array_equal(loaded.transform(IMAGES[:5]), model.transform(IMAGES[:5]))


def test_the_largest_of_what_competes_are_the_code(model: SparseAutoencoder) -> None:
    codes, before = model.transform(IMAGES), model.activity(IMAGES)
    on = codes > 0
    assert np.allclose(codes[on], before[on])
    for code, all_ in zip(codes, before, strict=True):
        off = all_[code == 0]
        assert not len(off) or not code.any() or off.max() <= code[code > 0].min() + 1e-6


def test_cells_are_the_maxima_of_parts(maps: SparseAutoencoder) -> None:
    every = maps.activity(IMAGES).reshape(-1, 32, 3, 3)
    assert np.allclose(maps.activity(IMAGES, cells=1), every.max(axis=(2, 3)))
    assert maps.activity(IMAGES, cells=3).shape == (160, 32 * 9)
    codes = maps.transform(IMAGES).reshape(-1, 32, 3, 3)
    assert (codes > 0).sum(axis=(2, 3)).max() == 1


@pytest.mark.parametrize("bottleneck", SPARSE)
def test_every_sparse_bottleneck_is_sparser_than_plain_codes(bottleneck: str) -> None:
    few = {**SMALL, "epochs": 3}
    plain = ConvAutoencoder.from_options(few).fit(IMAGES).transform(IMAGES)
    assert SparseAutoencoder.from_options({"bottleneck": bottleneck, **few}).fit(
        IMAGES
    ).sparsity_.rate.shape == (32,)
    sparse = (
        SparseAutoencoder.from_options({"bottleneck": bottleneck, **few})
        .fit(IMAGES)
        .transform(IMAGES)
    )
    if bottleneck != "kl":  # whose rates are never exactly 0
        assert (sparse > 0).mean() < (plain != 0).mean()


@pytest.mark.parametrize(
    ("bottleneck", "sentence"),
    [
        ("gaussian", "for another use ConvAutoencoder"),
        ("plain", "for another use ConvAutoencoder"),
        ("top-k:2", "its level must be a number above 0, up to 1"),
        ("winner", "did you mean 'winners'?"),
    ],
)
def test_other_bottlenecks_are_refused(bottleneck: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        SparseAutoencoder(bottleneck=bottleneck).fit(IMAGES)
    assert sentence in str(caught.value)


def test_wrong_cells_and_numbers_that_do_not_compete(maps: SparseAutoencoder) -> None:
    with pytest.raises(InputError, match="cells must be a whole number"):
        maps.activity(IMAGES, cells=0)
    rates = SparseAutoencoder.from_options({**SMALL, "bottleneck": "kl", "epochs": 1}).fit(IMAGES)
    with pytest.raises(InputError, match="do not compete"):
        rates.activity(IMAGES)
