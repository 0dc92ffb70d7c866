"""Codes that keep neighbours together: clusters become clusters, and nothing else changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from tests.estimators.conftest import PRESETS, blobs, held_out, weights

from convae import ConvAutoencoder, Denoiser, InputError, ModelFileError, load
from convae.estimators.autoencoders import neighbour_layout
from convae.estimators.fit import Ready, Run, make_ready
from convae.images.sources.open_source import open_source
from convae.training.checkpoint import CheckpointFolder
from convae.training.observers import Observers

Small = Callable[..., ConvAutoencoder]


def kinds(each: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of four bars, and which bar it is; three of the bars overlap."""
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(4), each)
    images = rng.integers(0, 60, (4 * each, 8, 8))
    for image, label in zip(images, labels, strict=True):
        bar = image[label + 1 : label + 4] if label < 3 else image[:, 5:]
        bar += rng.integers(80, 180)
    return images.astype(np.uint8), labels


def ready(images: np.ndarray, **changes: Any) -> Ready:
    parameters = ConvAutoencoder.from_options({**PRESETS["residual"], **changes})._config()
    return make_ready(open_source(images), parameters, Run(observers=Observers([])))


def test_clusters_of_images_are_clusters_of_codes(small: Small) -> None:
    images, labels = kinds()
    model = small(neighbourhood=1, epochs=12, widths=(8,), learning_rate=0.05).fit(images)
    codes = model.transform(images)
    out = held_out(model)
    train = np.setdiff1d(np.arange(len(images)), out)
    reader = KNeighborsClassifier(3).fit(codes[train], labels[train])
    assert reader.score(codes[train], labels[train]) > 0.95
    assert model.best_epoch_ > 0


def test_images_that_were_held_out_lie_with_their_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = kinds()
    monkeypatch.setattr(neighbour_layout, "MOST_LAID_OUT", 40)
    prepared = ready(images, validation_fraction=0.25)
    found = neighbour_layout.places_for(prepared, 2, 3.0)
    assert found.places.shape == (64, 2)
    each, counts = np.unique(found.places.numpy(), axis=0, return_counts=True)
    assert len(each) <= 40
    for place in each[counts > 1]:
        together = labels[(found.places.numpy() == place).all(axis=1)]
        assert len(set(together.tolist())) == 1
    placed = found.places.numpy()[prepared.training]
    assert 0.5 < placed.std() / 3.0 < 2


def test_large_images_are_compared_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbour_layout, "SIDE", 5)
    images = blobs(12, 9, 16, 3)
    vectors = list(neighbour_layout._vectors(ready(images), [np.arange(4)]))
    assert vectors[0].shape == (4, 3 * 5 * 5)
    points = neighbour_layout._principal_components(neighbour_layout._vectors, ready(images), 50)
    assert len(points) == 12


def test_neighbours_can_be_those_by_the_codes_of_another_model(
    small: Small, tmp_path: Path
) -> None:
    images = kinds()[0]
    other = small(latent_dim=6).fit(images)
    other.save(tmp_path / "other.convae")
    prepared = ready(images)
    vectors = neighbour_layout.codes_by(other, "other.convae", prepared)
    codes = np.concatenate(list(vectors(prepared, [np.arange(10), np.arange(10, len(images))])))
    np.testing.assert_allclose(codes, other.transform(images), atol=1e-5)
    by_codes = small(neighbourhood=1, neighbours=tmp_path / "other.convae").fit(images)
    assert weights(by_codes) != weights(small(neighbourhood=1).fit(images))
    again = small(neighbourhood=1, neighbours=str(tmp_path / "other.convae")).fit(images)
    assert weights(by_codes) == weights(again)


def test_neighbours_by_what_does_not_fit(small: Small, tmp_path: Path) -> None:
    images, path = kinds()[0], tmp_path / "other.convae"
    with pytest.raises(InputError, match="neighbours requires neighbourhood > 0"):
        small(neighbours=path).fit(images)
    with pytest.raises(ModelFileError, match="other"):
        small(neighbourhood=1, neighbours=path).fit(images)
    small().fit(blobs(20, 12, 12)).save(path)
    with pytest.raises(
        InputError, match=r"takes images of \(1, 12, 12\), uint8; these are \(1, 8, 8\)"
    ):
        small(neighbourhood=1, neighbours=path).fit(images)
    Denoiser(latent_dim=4, epochs=0, architecture={"widths": (8,), "blocks": 1}).fit(images).save(
        path
    )
    with pytest.raises(InputError, match="give the file of an autoencoder"):
        small(neighbourhood=1, neighbours=path).fit(images)


def test_the_same_call_gives_the_same_model_and_a_file_keeps_it(
    small: Small, tmp_path: Path
) -> None:
    images = kinds(5)[0]
    first, again, plain = (small(neighbourhood=weight).fit(images) for weight in (0.5, 0.5, 0.0))
    assert weights(first) == weights(again) != weights(plain)
    first.save(tmp_path / "m.convae")
    loaded = load(tmp_path / "m.convae")
    assert isinstance(loaded, ConvAutoencoder)
    assert loaded.neighbourhood == 0.5
    np.testing.assert_array_equal(loaded.transform(images), first.transform(images))


def test_a_run_is_resumed_as_it_was(small: Small, tmp_path: Path) -> None:
    images = kinds(4)[0]
    whole = small(neighbourhood=1.0).fit(images, checkpoint=CheckpointFolder(tmp_path, every=0))
    more: dict[str, Any] = {"checkpoint": tmp_path, "resume": True}
    with pytest.raises(InputError, match=r"neighbourhood was 1\.0 and is 2\.0"):
        small(neighbourhood=2.0).fit(images, **more)
    assert weights(small(neighbourhood=1.0).fit(images, **more)) == weights(whole)


@pytest.mark.parametrize("value", [-1, 101, "1", True, None, float("nan")])
def test_wrong_values(value: Any, small: Small) -> None:
    with pytest.raises(InputError, match=r"neighbourhood must be a number from 0 to 100; got"):
        small(neighbourhood=value).fit("nowhere")


@pytest.mark.parametrize("value", [-0.1, 0.3, "1", True])
def test_wrong_shifts(value: Any, small: Small) -> None:
    with pytest.raises(InputError, match=r"shift must be a number from 0 to 0\.25; got"):
        small(shift=value).fit("nowhere")


def test_shifts_change_what_is_learnt(small: Small) -> None:
    images = kinds(5)[0]
    plain, none, moved = (small(shift=shift).fit(images) for shift in (None, 0, 0.125))
    assert weights(plain) == weights(none) != weights(moved)
    near, unmoved = (small(shift=shift, neighbourhood=1).fit(images) for shift in (0.125, 0))
    assert weights(near) != weights(unmoved)


def test_what_it_cannot_be_used_with(small: Small) -> None:
    with pytest.raises(InputError, match="works with code 'dense', not 'spatial'"):
        ConvAutoencoder.from_options({**PRESETS["pooled"], "neighbourhood": 1}).fit(blobs(9, 8, 8))
    with pytest.raises(InputError, match="at least 3 images to train on; there are 1"):
        small(neighbourhood=1).fit(blobs(1, 8, 8))
