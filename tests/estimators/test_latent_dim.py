"""``latent_dim="auto"``: decided before the training, told, and kept as a number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.estimators.conftest import blobs

import convae
from convae.errors import InputError
from convae.training.observers import Row, StepProgress

SMALL: dict[str, Any] = {
    "latent_dim": "auto",
    "epochs": 1,
    "architecture": {"widths": (4,), "blocks": 1},
}


class Messages(list[str]):
    """What a fit says."""

    def message(self, text: str) -> None:
        self.append(text)

    def step(self, progress: StepProgress) -> None:
        pass

    def epoch(self, row: Row) -> None:
        pass


def flat(dimension: int, count: int = 120, side: int = 8) -> np.ndarray:
    """(count, side, side) float32 images that differ in so many directions."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(side * side, dimension)))[0].T
    images: np.ndarray = rng.uniform(-1, 1, (count, dimension)) @ axes
    return images.reshape(count, side, side).astype(np.float32)


def fitted(images: np.ndarray, **changes: Any) -> tuple[Any, str]:
    """A model and the sentence on its latent dimension."""
    said = Messages()
    model = convae.ConvAutoencoder(**{**SMALL, **changes}).fit(images, observers=[said])
    (sentence,) = [line for line in said if line.startswith("latent_dim auto")]
    return model, sentence


def test_the_dimension_of_the_images_is_taken_told_and_kept(tmp_path: Path) -> None:
    model, sentence = fitted(flat(5))
    assert model.architecture_.latent_dim == 5
    assert sentence == (
        "latent_dim auto takes 5 numbers: PCA with 5 components explains 100 % of the variance of 12 "
        "held-out images; no further component explains anything"
    )
    assert model.get_params()["latent_dim"] == "auto"
    assert model.transform(flat(5)).shape == (120, 5)
    assert len(model.pca_.components) == 5
    model.save(tmp_path / "m.convae")
    loaded: Any = convae.load(tmp_path / "m.convae")
    assert loaded.get_params()["latent_dim"] == loaded.architecture_.latent_dim == 5
    assert loaded._stored.facts["latent_dim"] == sentence


def test_the_result_is_that_of_the_number_itself() -> None:
    model, _ = fitted(flat(3))
    other = convae.ConvAutoencoder(**{**SMALL, "latent_dim": 3}).fit(flat(3))
    assert np.array_equal(model.transform(flat(3)), other.transform(flat(3)))


@pytest.mark.parametrize(
    ("images", "most", "words"),
    [
        (blobs(3, 8, 8), 2, "no further component explains anything"),
        (np.full((20, 8, 8), 7, np.uint8), 1, "takes 1 number: the images do not differ"),
        (blobs(1, 8, 8), 1, "do not differ from their mean"),
        (
            np.arange(30, dtype=np.uint8).reshape(30, 1, 1),
            1,
            "takes 1 number: PCA with 1 component",
        ),
    ],
    ids=["3 images", "constant", "1 image", "1x1"],
)
def test_odd_images(images: np.ndarray, most: int, words: str) -> None:
    with np.errstate(all="ignore"):
        model, sentence = fitted(images)
    assert 1 <= model.architecture_.latent_dim <= most
    assert words in sentence


def test_other_estimators_codes_and_passes() -> None:
    spatial, _ = fitted(flat(5), preset="pooled", architecture={"widths": (4, 4)})
    assert spatial.architecture_.code == "spatial"
    for kind in (convae.VariationalAutoencoder, convae.StackedAutoencoder):
        model = kind(**SMALL).fit(flat(4))
        assert model.architecture_.latent_dim == 4
    assert convae.ConvAutoencoder(**SMALL).partial_fit(flat(4)).architecture_.latent_dim == 4


@pytest.mark.parametrize(
    "kind", [convae.SparseAutoencoder, convae.Denoiser, convae.AnomalyDetector]
)
def test_estimators_for_which_pca_says_nothing_refuse_it(kind: Any) -> None:
    with pytest.raises(InputError, match="latent_dim must be a whole number; got 'auto'"):
        kind(latent_dim="auto").fit(flat(3))


def test_another_word_is_refused() -> None:
    with pytest.raises(InputError, match="latent_dim must be a whole number or 'auto'; got 'many'"):
        convae.ConvAutoencoder(latent_dim="many").fit(flat(3))
