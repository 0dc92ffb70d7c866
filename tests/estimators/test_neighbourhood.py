"""Codes that keep neighbours together: clusters become clusters, and nothing else changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from tests.estimators.conftest import PRESETS, blobs, held_out, weights

from convae import ConvAutoencoder, InputError, load
from convae.estimators import neighbourhood
from convae.estimators.fitting import Ready, Run, make_ready
from convae.images.sources import open_source
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
    parameters = ConvAutoencoder(**{**PRESETS["residual"], **changes})._parameters()
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
    monkeypatch.setattr(neighbourhood, "MOST_LAID_OUT", 40)
    prepared = ready(images, validation_fraction=0.25)
    found = neighbourhood.places_for(prepared, 2, 3.0)
    assert found.places.shape == (64, 2)
    each, counts = np.unique(found.places.numpy(), axis=0, return_counts=True)
    assert len(each) <= 40
    for place in each[counts > 1]:
        together = labels[(found.places.numpy() == place).all(axis=1)]
        assert len(set(together.tolist())) == 1
    placed = found.places.numpy()[prepared.training]
    assert 0.5 < placed.std() / 3.0 < 2


def test_large_images_are_compared_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbourhood, "SIDE", 5)
    images = blobs(12, 9, 16, 3)
    vectors = list(neighbourhood._vectors(ready(images), [np.arange(4)]))
    assert vectors[0].shape == (4, 3 * 5 * 5)
    assert len(neighbourhood._principal_components(ready(images), 50)) == 12


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
    with pytest.raises(
        InputError, match=r"neighbourhood must be a number from 0 \(off\) to 100; got"
    ):
        small(neighbourhood=value).fit("nowhere")


@pytest.mark.parametrize("value", [-0.1, 0.3, "1", True])
def test_wrong_shifts(value: Any, small: Small) -> None:
    with pytest.raises(InputError, match=r"shift must be a number from 0 \(off\) to 0\.25; got"):
        small(shift=value).fit("nowhere")


def test_shifts_change_what_is_learnt(small: Small) -> None:
    images = kinds(5)[0]
    plain, none, moved = (small(shift=shift).fit(images) for shift in (None, 0, 0.125))
    assert weights(plain) == weights(none) != weights(moved)
    near, unmoved = (small(shift=shift, neighbourhood=1).fit(images) for shift in (0.125, 0))
    assert weights(near) != weights(unmoved)


def test_what_it_cannot_be_used_with(small: Small) -> None:
    with pytest.raises(InputError, match="works with code 'dense', not 'spatial'"):
        ConvAutoencoder(**PRESETS["pooled"], neighbourhood=1).fit(blobs(9, 8, 8))
    with pytest.raises(InputError, match="at least 3 images to train on; there are 1"):
        small(neighbourhood=1).fit(blobs(1, 8, 8))
