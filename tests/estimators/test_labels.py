"""The y of fit(X, y): labels are ignored, images are the target or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tests.estimators.conftest import blobs

from convae import (
    AnomalyDetector,
    ConvAutoencoder,
    Denoiser,
    Inpainter,
    InputError,
    SparseAutoencoder,
    StackedAutoencoder,
    VariationalAutoencoder,
)
from convae.estimators.labels import holds_images
from convae.images.files.writing import write_image
from convae.images.sources.open_source import open_source

IMAGES = blobs(20, 8, 8)
TINY: dict[str, Any] = {"widths": (8,), "blocks": 1, "latent_dim": 4, "epochs": 1}
OTHERS = (
    ConvAutoencoder,
    VariationalAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
    Inpainter,
    AnomalyDetector,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clean images as files whose names sort as their numbers."""
    path = tmp_path_factory.mktemp("clean")
    for i, image in enumerate(IMAGES):
        write_image(path / f"{i:02}.png", image[..., None])
    return path


def spellings(folder: Path) -> dict[str, Any]:
    """The same images in every way in which y can hold them."""
    files = sorted(folder.iterdir())
    return {
        "array": IMAGES,
        "array with a channel axis": IMAGES[..., None],
        "float array": IMAGES.astype(np.float64),
        "tensor": torch.from_numpy(IMAGES),
        "list of arrays": list(IMAGES),
        "list of tensors": list(torch.from_numpy(IMAGES)),
        "nested lists": IMAGES.tolist(),
        "rows": IMAGES.reshape(20, 64),
        "nested rows": IMAGES.reshape(20, 64).tolist(),
        "dataset": torch.utils.data.TensorDataset(torch.from_numpy(IMAGES)[:, None]),
        "folder": folder,
        "text": str(folder),
        "paths": files,
        "texts": [str(file) for file in files],
        "source": open_source(IMAGES),
    }


@pytest.mark.parametrize("name", spellings(Path(__file__).parent))
def test_images_are_told_from_labels_in_every_spelling(name: str, folder: Path) -> None:
    assert holds_images(spellings(folder)[name], IMAGES)


@pytest.mark.parametrize(
    "labels",
    [
        None,
        np.arange(20),
        np.arange(20).tolist(),
        np.arange(20)[:, None],
        np.eye(20),
        np.eye(20).tolist(),
        np.array(["a", "b"] * 10),
        ["a", "b"] * 10,
        np.array(["a", 1] * 10, dtype=object),
        torch.arange(20),
        [],
        0,
    ],
)
def test_labels_of_every_spelling_are_none(labels: Any) -> None:
    assert not holds_images(labels, IMAGES)
    assert not holds_images(labels, IMAGES.reshape(20, 64))


def test_one_feature_and_a_column_of_labels() -> None:
    """(n, 1) is how scikit-learn spells labels as columns, also where X has one feature."""
    assert not holds_images(np.zeros((20, 1)), np.zeros((20, 1)))


@pytest.mark.parametrize("form", ["array", "tensor", "list of arrays", "rows", "folder", "source"])
def test_images_as_y_are_the_target_of_a_denoiser(form: str, folder: Path) -> None:
    given: Any = IMAGES.reshape(20, 64) if form == "rows" else IMAGES
    darker = {"y": spellings(folder)[form]}
    if form == "folder":  # files are matched with numbered images by neither name
        given = [str(file) for file in sorted(folder.iterdir())]
    model, same = (
        Denoiser.from_options(TINY).fit(given, **darker),
        Denoiser.from_options(TINY).fit(given, target=darker["y"]),
    )
    assert model.learn_ == same.learn_ == "pairs"
    np.testing.assert_array_equal(model.denoise(given), same.denoise(given))


def test_the_target_in_its_place_teaches_what_it_holds() -> None:
    """Twice as dark targets: nothing else than y can have taught that."""
    images = blobs(60, 32, 32)
    wide = {"widths": (8, 8), "epochs": 12, "batch_size": 8}
    done = Denoiser.from_options({**TINY, **wide}).fit(images, images // 2).denoise(images)
    assert (
        np.abs(done.astype(float) - images // 2).mean() < 0.5 * np.abs(done - images * 1.0).mean()
    )


def test_a_pipeline_hands_the_target_to_its_denoiser() -> None:
    model = make_pipeline(Denoiser.from_options(TINY)).fit(IMAGES, IMAGES // 2)
    assert model[0].learn_ == "pairs"
    labels = np.arange(20) % 2
    steps = make_pipeline(
        Denoiser.from_options(TINY), ConvAutoencoder.from_options(TINY), LogisticRegression()
    )
    assert steps.fit(IMAGES, labels)[0].learn_ != "pairs"


def test_a_denoiser_refuses_two_targets_and_a_target_that_it_must_not_use() -> None:
    with pytest.raises(InputError, match="y and target both hold images: give the target once"):
        Denoiser.from_options(TINY).fit(IMAGES, IMAGES, target=IMAGES)
    with pytest.raises(InputError, match="learn 'noisy' has no use for a target"):
        Denoiser.from_options({**TINY, "learn": "noisy"}).fit(IMAGES, IMAGES)


@pytest.mark.parametrize("estimator", OTHERS)
@pytest.mark.parametrize("y", [IMAGES, IMAGES[..., None], list(IMAGES), "clean/", Path("clean")])
def test_all_others_refuse_images_before_they_look_at_x(estimator: Any, y: Any) -> None:
    with pytest.raises(
        InputError, match=f"^y holds images, and {estimator.__name__} .*leave y out"
    ):
        estimator().fit(IMAGES, y)
    assert estimator.no_target


def test_further_passes_and_scores_refuse_images_too() -> None:
    model = ConvAutoencoder.from_options(TINY)
    for verb in (model.partial_fit, model.score, model.fit_transform):
        with pytest.raises(InputError, match="y holds images, and ConvAutoencoder gives X itself"):
            verb(IMAGES, IMAGES)
    model.partial_fit(IMAGES, np.arange(20))
    assert model.score(IMAGES, np.arange(20)) < 0
