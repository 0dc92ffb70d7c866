"""An encoder and a decoder of a user: trained as convae's own, stored as weights, loaded with the modules."""

import copy
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from tests.estimators.conftest import blobs
from torch import Tensor, nn

import convae
from convae.errors import InputError, ModelFileError
from convae.evaluation.reconstruction import evaluate
from convae.model_reports.network_facts import network_facts, network_layers
from convae.networks.summary import summarize
from convae.training.interrupt import TrainingInterrupted
from convae.training.observers import Quiet, Row

IMAGES = blobs(32, 12, 12)


class MyEncoder(nn.Module):
    """To a vector, with what depends on mode and chance, and a view that needs the plain memory order."""

    def __init__(self, latent_dim: int = 3, channels: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, 4, 3, stride=2, padding=1)
        self.norm, self.dropout = nn.BatchNorm2d(4), nn.Dropout(0.2)
        self.dense = nn.Linear(4 * 6 * 6, latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.dropout(self.norm(self.convolution(x)).relu())
        code: Tensor = self.dense(maps.view(len(maps), -1))
        return code


class MyDecoder(nn.Module):
    def __init__(self, latent_dim: int = 3, channels: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, 4 * 6 * 6),
            nn.ReLU(),
            nn.Unflatten(1, (4, 6, 6)),
            nn.ConvTranspose2d(4, channels, 2, stride=2),
        )

    def forward(self, code: Tensor) -> Tensor:
        image: Tensor = self.layers(code)
        return image


def parts(latent_dim: int = 3, channels: int = 1) -> dict[str, Any]:
    torch.manual_seed(0)
    return {"encoder": MyEncoder(latent_dim, channels), "decoder": MyDecoder(latent_dim, channels)}


def maps(channels: int = 1) -> dict[str, Any]:
    """To a map: valid convolutions, whose map of 5x5 does not divide the image of 12x12."""
    torch.manual_seed(0)
    return {
        "encoder": nn.Conv2d(channels, 2, 4, stride=2),
        "decoder": nn.ConvTranspose2d(2, channels, 4, stride=2),
    }


def model(modules: dict[str, Any] | None = None, **changes: Any) -> Any:
    training = {
        "ema": 0.0,
        "batch_size": 8,
        "learning_rate": 0.1,
    }  # so that some epoch beats the start
    given = {"epochs": 2, "training": training, **(modules or parts()), **changes}
    return convae.ConvAutoencoder(**given)


def test_it_is_trained_as_a_copy_and_twice_the_same() -> None:
    given = parts()
    before = copy.deepcopy([one.state_dict() for one in given.values()])
    first, second = (model(given, epochs=3).fit(IMAGES) for _ in range(2))
    assert first.best_epoch_ > 0
    for one, state in zip(given.values(), before, strict=True):
        assert all(torch.equal(one.state_dict()[name], value) for name, value in state.items())
    assert np.array_equal(first.transform(IMAGES), second.transform(IMAGES))
    assert not torch.equal(first.network_.encoder.dense.weight, given["encoder"].dense.weight)
    assert first.latent_dim_ == 3
    assert first.architecture_.code_shape == (3,)


def test_it_learns() -> None:
    fitted = model(parts(8), epochs=20).fit(IMAGES)
    errors = [row["validation_mse"] for row in fitted.history_]
    assert min(errors) < errors[0] / 2


@pytest.mark.parametrize("channels", [1, 3, 7])
@pytest.mark.parametrize("build", [parts, maps])
def test_every_verb_works(build: Any, channels: int) -> None:
    images = np.stack([IMAGES] * channels, axis=3) if channels > 1 else IMAGES
    fitted = model(build(channels=channels)).fit(images)
    codes = fitted.transform(images)
    assert codes.shape == (32, fitted.architecture_.code_size)
    restored = fitted.reconstruct(images)
    assert restored.shape == images.shape
    assert restored.dtype == np.uint8
    assert np.array_equal(fitted.inverse_transform(codes), restored)
    assert np.array_equal(fitted.transform(images[:1]), codes[:1])  # alone as among others
    assert fitted.score_samples(images).shape == (32,)
    measured = evaluate(fitted, images, include_seen=True)
    assert "PCA" in measured.verdicts()[0]


def test_a_map_that_does_not_divide_the_image_is_compared_with_as_many_values() -> None:
    fitted = model(maps()).fit(IMAGES)
    assert fitted.architecture_.code_shape == (2, 5, 5)
    assert fitted.latent_dim_ == 2
    # 12 pixels over 5 positions: blocks of 2 pixels, 6x6 of them, so PCA never has fewer values
    assert fitted.baseline_.name == "PCA of 2x2 blocks, 2 components each"


@pytest.mark.parametrize("kind", ["l1:0.1", "kl:0.1", "top-k:0.5", "winners:0.2"])
@pytest.mark.parametrize("build", [parts, maps])
def test_sparse_codes(build: Any, kind: str, tmp_path: Path) -> None:
    fitted = model(build(), bottleneck=kind, noise="gaussian:0.1", shift=0.1).fit(IMAGES)
    codes = fitted.transform(IMAGES)
    assert codes.min() >= 0
    if kind.startswith("kl"):
        assert codes.max() <= 1
    fitted.save(tmp_path / "sparse.convae")
    loaded: Any = convae.load(tmp_path / "sparse.convae", **build())
    assert np.array_equal(loaded.transform(IMAGES), codes)


class Stops(Quiet):
    def epoch(self, row: Row) -> None:
        if row["epoch"] == 1:
            signal.raise_signal(signal.SIGINT)


def test_a_resumed_run_repeats_an_uninterrupted_one_dropout_included(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 3, "noise": "gaussian:0.1"}
    whole = model(**options).fit(IMAGES)
    assert whole.best_epoch_ > 1
    torch.manual_seed(7)  # the state of the program plays no part
    with pytest.raises(TrainingInterrupted):
        model(**options).fit(IMAGES, checkpoint=tmp_path / "state", observers=[Stops()])
    rest = model(**options).fit(IMAGES, checkpoint=tmp_path / "state", resume=True)
    states = whole.network_.state_dict(), rest.network_.state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_a_checkpoint_of_other_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingInterrupted):
        model(epochs=3).fit(IMAGES, checkpoint=tmp_path / "state", observers=[Stops()])
    with pytest.raises(InputError, match=r"the checkpoint is of another run: .*encoder was"):
        model(maps(), epochs=3).fit(IMAGES, checkpoint=tmp_path / "state", resume=True)


def test_scikit_learn_copies_it() -> None:
    fitted = model().fit(IMAGES)
    copied = clone(fitted)
    assert copied.encoder is not fitted.encoder
    assert np.array_equal(copied.fit(IMAGES).transform(IMAGES), fitted.transform(IMAGES))
    search = GridSearchCV(model(), {"loss": ["mse", "l1"]}, cv=2).fit(IMAGES)
    assert search.best_estimator_.latent_dim_ == 3
    copied.set_params(encoder=MyEncoder(2), decoder=MyDecoder(2))
    assert copied.fit(IMAGES).latent_dim_ == 2


def test_frozen_weights_stay_and_shared_weights_stay_shared(tmp_path: Path) -> None:
    given = parts()
    given["encoder"].convolution.requires_grad_(False)
    fitted = model(given).fit(IMAGES).partial_fit(IMAGES)
    assert torch.equal(
        fitted.network_.encoder.convolution.weight, given["encoder"].convolution.weight
    )
    assert fitted.n_iter_ == 3

    shared = maps()
    shared["decoder"].weight = shared["encoder"].weight
    tied = model(shared).fit(IMAGES)
    assert tied.network_.decoder.weight is tied.network_.encoder.weight
    tied.save(tmp_path / "tied.convae")
    loaded: Any = convae.load(tmp_path / "tied.convae", **shared)
    assert loaded.network_.decoder.weight is loaded.network_.encoder.weight
    assert np.array_equal(loaded.transform(IMAGES), tied.transform(IMAGES))


def test_lazy_modules_get_their_size_from_the_images_and_their_weights_from_the_seed(
    tmp_path: Path,
) -> None:
    def lazy() -> dict[str, Any]:
        return {
            "encoder": nn.Sequential(nn.Flatten(), nn.LazyLinear(3)),
            "decoder": nn.Sequential(nn.Linear(3, 144), nn.Unflatten(1, (1, 12, 12))),
        }

    given = lazy()
    codes = [model(given, random_state=seed).fit(IMAGES).transform(IMAGES) for seed in (0, 0, 1)]
    assert np.array_equal(codes[0], codes[1])
    assert not np.array_equal(codes[0], codes[2])
    fitted = model(given).fit(IMAGES)
    fitted.save(tmp_path / "lazy.convae")
    loaded: Any = convae.load(tmp_path / "lazy.convae", **lazy())
    assert np.array_equal(loaded.transform(IMAGES), fitted.transform(IMAGES))


def test_reports_show_its_layers() -> None:
    fitted = model().fit(IMAGES)
    layers = {row["name"]: row for row in network_layers(fitted)}
    assert layers["encoder.dense"]["shape"] == (3,)
    assert layers["encoder.dense"]["part"] == "code"
    assert layers["decoder.layers.3"]["shape"] == (1, 12, 12)
    total = sum(p.numel() for p in fitted.network_.parameters())
    assert summarize(fitted.network_).parameters == total
    assert network_facts(fitted)["code"] == "3"
    assert fitted.features(IMAGES, "encoder.convolution").shape == (32, 4)


def test_a_loss_of_probabilities_needs_a_sigmoid_at_the_end() -> None:
    given = parts()
    with pytest.raises(InputError, match=r"decoder MyDecoder must give values from 0 to 1"):
        model(given, loss="bce").fit(IMAGES)
    given["decoder"] = nn.Sequential(given["decoder"], nn.Sigmoid())
    restored = model(given, loss="bce").fit(IMAGES)
    assert restored.architecture_.output == "clamp"


class Gives(nn.Module):
    """Gives what a function makes of its input."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": MyEncoder}, r"encoder must be a module, not its class: write encoder=MyEncoder"),
        ({"decoder": None}, "decoder is missing: encoder and decoder must be given together"),
        ({"decoder": "cnn"}, "decoder must be a torch.nn.Module; got 'cnn'"),
        ({"encoder": MyEncoder(3, 2)}, r"encoder MyEncoder fails on a tensor \(2, 1, 12, 12\): Runtime"),
        ({"encoder": nn.Flatten(0)}, r"must give codes \(B, n\) .* it gave \(288,\)"),
        ({"encoder": nn.Flatten(1, 2)}, r"must give codes .* it gave \(2, 12, 12\)"),
        ({"encoder": Gives(lambda x: (x, x))}, "encoder Gives must give one tensor; it gave a tuple"),
        ({"encoder": Gives(lambda x: x / 0)}, r"encoder Gives gives values that are not finite"),
        ({"encoder": Gives(lambda x: x.long())}, "must give floating-point values"),
        ({"encoder": MyEncoder(4)}, r"decoder MyDecoder fails on a tensor \(2, 4\)"),
        ({"decoder": MyDecoder(3, 3)}, r"images \(2, 1, 12, 12\) for codes \(2, 3\); it gave \(2, 3, 12"),
        ({"encoder": nn.Identity(), "decoder": nn.Identity()}, "no weights that can be trained"),
        ({"latent_dim": 3}, "latent_dim 3 follows from the encoder"),
        ({"preset": "pooled"}, "preset 'pooled' is a network of convae"),
        ({"architecture": {"widths": (4,), "code": "dense"}}, r"\(1\) architecture: widths.*\(2\)"),
        ({"bottleneck": "gaussian"}, "VariationalAutoencoder without encoder and decoder"),
        ({"bottleneck": "vq"}, "a codebook replaces the vectors of convae's own encoders"),
        ({"neighbourhood": 1.0, "shift": 0.0}, "leave out neighbourhood, or encoder and decoder"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        model(**changes).fit(IMAGES)


def test_a_tensor_that_a_file_cannot_hold_is_refused_before_training() -> None:
    given = parts()
    given["encoder"].register_buffer("mask", torch.ones(2, dtype=torch.bool))
    with pytest.raises(InputError, match=r"encoder MyEncoder: its tensor 'mask' is of torch.bool"):
        model(given).fit(IMAGES)


def test_images_of_another_size_are_refused() -> None:
    fitted = model(maps()).fit(IMAGES)
    with pytest.raises(InputError, match=r"it is 16x16 and this model takes 12x12: fit with size"):
        fitted.transform(blobs(4, 16, 16))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("custom") / "my.convae"
    model().fit(IMAGES).save(path)
    return path


def test_a_file_gives_the_same_model_with_the_modules(file: Path, tmp_path: Path) -> None:
    given = parts()
    loaded: Any = convae.load(file, **given)
    fitted = model().fit(IMAGES)
    assert np.array_equal(loaded.transform(IMAGES), fitted.transform(IMAGES))
    assert loaded.encoder is given["encoder"]
    assert np.array_equal(clone(loaded).fit(IMAGES).transform(IMAGES), fitted.transform(IMAGES))
    loaded.save(tmp_path / "again.convae")
    assert (tmp_path / "again.convae").read_bytes() == file.read_bytes()


def test_without_the_modules_the_error_names_the_classes_and_the_call(file: Path) -> None:
    path = f"{MyEncoder.__module__}.MyEncoder"
    with pytest.raises(ModelFileError) as error:
        convae.load(file)
    assert f"encoder {path}" in str(error.value)
    assert "convae.load(path, encoder=..., decoder=...)" in str(error.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            parts(4),
            r"encoder.dense.weight is float32 \(3, 144\) in the file and float32 \(4, 144\)",
        ),
        (maps(), "and .* more differ"),
    ],
)
def test_other_modules_are_refused(file: Path, given: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        convae.load(file, **given)


def test_modules_for_a_network_of_convae_are_refused(tmp_path: Path) -> None:
    convae.ConvAutoencoder(latent_dim=2, epochs=0, architecture={"widths": (4,)}).fit(IMAGES).save(
        tmp_path / "own.convae"
    )
    with pytest.raises(ModelFileError, match="a network of convae's own: leave out encoder and"):
        convae.load(tmp_path / "own.convae", **parts())
    with pytest.raises(InputError, match="decoder is missing"):
        convae.load(tmp_path / "own.convae", encoder=MyEncoder())


def test_nothing_that_a_file_names_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The description names classes as text; a module of that name is never looked for."""
    (tmp_path / "trap_of_custom.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(MyEncoder, "__module__", "trap_of_custom")
    model(epochs=0).fit(IMAGES).save(tmp_path / "my.convae")
    with pytest.raises(ModelFileError, match=r"encoder trap_of_custom.MyEncoder"):
        convae.load(tmp_path / "my.convae")
    convae.load(tmp_path / "my.convae", **parts())
    assert "trap_of_custom" not in sys.modules
