"""What ConvAutoencoder takes, gives back and repeats."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from tests.estimators.conftest import PRESETS, blobs, folder_of, held_out, weights

import convae
from convae import ConvAutoencoder, ImageError, InputError
from convae.images.sources.open_source import open_source

Small = Callable[..., ConvAutoencoder]


DTYPES = {
    "bool": "uint8", "uint8": "uint8", "uint16": "uint16", "int16": "float32", "int32": "float32",
    "float16": "float32", "float32": "float32", "float64": "float32",
}  # fmt: skip


class Dataset(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    def __init__(self, images: np.ndarray) -> None:
        self.images = torch.from_numpy(images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.images[index][None], index % 2


def make_source(kind: str, images: np.ndarray, folder: Path) -> Any:
    pngs = folder_of(images, folder / "pngs")
    np.save(folder / "a.npy", images)
    np.savez(folder / "a.npz", images=images)
    tifffile.imwrite(folder / "a.tif", images, photometric="minisblack")
    return {
        "folder": str(pngs),
        "path": pngs,
        "glob": f"{pngs}/*.png",
        "paths": sorted(pngs.iterdir()),
        "stack": images,
        "stack with channel": images[..., None],
        "list of arrays": list(images),
        "tensor": torch.from_numpy(images),
        "npy": folder / "a.npy",
        "npz": folder / "a.npz",
        "tiff": folder / "a.tif",
        "dataset": Dataset(images),
        "rows": images.reshape(len(images), -1),
        "tensor of rows": torch.from_numpy(images.reshape(len(images), -1)),
        "source": open_source(images),
    }[kind]


SOURCES = (
    "folder", "path", "glob", "paths", "stack", "stack with channel", "list of arrays", "tensor", "npy",
    "npz", "tiff", "dataset", "rows", "tensor of rows", "source",
)  # fmt: skip


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same_model_and_numbers(
    kind: str, small: Small, tmp_path: Path
) -> None:
    images = blobs(12, 8, 8)
    source = make_source(kind, images, tmp_path)
    model, plain = small().fit(source), small().fit(images)
    codes = model.transform(source)
    assert np.array_equal(codes, plain.transform(images))
    assert np.array_equal(model.score_samples(source), plain.score_samples(images))
    shape = {"rows": (12, 64), "tensor of rows": (12, 64), "stack with channel": (12, 8, 8, 1)}
    shape["dataset"] = (12, 1, 8, 8)  # its items have their channels first
    for result in (model.reconstruct(source), model.inverse_transform(codes)):
        assert result.shape == shape.get(kind, (12, 8, 8))
        assert np.array_equal(result.reshape(12, 8, 8), plain.reconstruct(images))
    assert model.partial_fit(source).n_iter_ == 2


@pytest.mark.parametrize(("dtype", "back"), DTYPES.items())
@pytest.mark.parametrize("rows", [False, True])
def test_every_dtype(dtype: str, back: str, rows: bool, small: Small) -> None:
    images = blobs(12, 8, 8, dtype="int16" if dtype == "int16" else "float64")
    if dtype not in ("int16", "bool"):
        images = images * {"uint8": 255, "uint16": 60000, "int32": 10**5}.get(dtype, 3.0) - 0.0
    images = images > 0.5 if dtype == "bool" else images.astype(dtype)
    shaped = images.reshape(12, 64) if rows else images
    # scikit-learn's validation makes floats of rows; images come back as they were given
    back = back if rows else dtype
    if rows and dtype in ("bool", "int16", "int32", "float16"):
        back = "float32"
    model = small(latent_dim=12, epochs=0, validation_fraction=0).fit(shaped)
    result = model.reconstruct(shaped)
    assert result.dtype == back
    assert result.shape == shaped.shape
    error = np.abs(result.astype(float) - shaped.astype(float)).max()
    assert error <= 0.02 * float(shaped.max())


def test_fit_transform_is_fit_then_transform(small: Small) -> None:
    images = blobs(12, 8, 8)
    assert np.array_equal(small().fit_transform(images), small().fit(images).transform(images))


# -- seeds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(preset: str) -> None:
    images = blobs(20, 8, 8)
    first = ConvAutoencoder.from_options(PRESETS[preset]).fit(images)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global states must not matter
    assert weights(
        ConvAutoencoder.from_options({**PRESETS[preset], "random_state": 0}).fit(images)
    ) == weights(first)
    assert weights(first.fit(images)) == weights(
        ConvAutoencoder.from_options(PRESETS[preset]).fit(images)
    )
    other = ConvAutoencoder.from_options({**PRESETS[preset], "random_state": 1}).fit(images)
    assert weights(other) != weights(first)


def test_a_fit_leaves_the_global_random_states_alone(small: Small) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    small().fit(blobs(10, 8, 8))
    assert torch.rand(1) == expected


def test_random_state_may_be_a_generator_of_numpy(small: Small) -> None:
    images = blobs(10, 8, 8)
    state = np.random.RandomState(5)
    first, second = (small(random_state=state).fit(images) for _ in range(2))
    again = small(random_state=np.random.RandomState(5)).fit(images)
    assert first.settings_.seed != second.settings_.seed
    assert weights(first) == weights(again)
    assert weights(small(random_state=np.int64(7)).fit(images)) == weights(
        small(random_state=7).fit(images)
    )


# -- held out -----------------------------------------------------------------------------------------


def test_groups_are_held_out_together(small: Small) -> None:
    images, groups = blobs(24, 8, 8), np.repeat(np.arange(6), 4)
    model = small(validation_fraction=0.3).fit(images, groups=groups)
    out = {int(groups[i]) for i in held_out(model)}
    assert 1 <= len(out) < 6
    assert held_out(model) == np.flatnonzero(np.isin(groups, list(out))).tolist()
    assert len(model.seen_) == 24 - len(held_out(model))


def test_exact_duplicates_are_held_out_together(small: Small) -> None:
    images = np.tile(blobs(10, 8, 8), (2, 1, 1))
    out = set(held_out(small(validation_fraction=0.2).fit(images)))
    assert out
    assert out == {(i + 10) % 20 for i in out}


# -- what is learnt -----------------------------------------------------------------------------------


def test_history_and_iterations(small: Small) -> None:
    model = small(epochs=3).fit(blobs(20, 8, 8))
    assert model.n_iter_ == 3
    assert [row["epoch"] for row in model.history_] == [0, 1, 2, 3]
    assert model.history_[0]["train_loss"] is None
    assert model.validation_mse_ == min(row["validation_mse"] for row in model.history_)
    assert model.history_[model.best_epoch_]["validation_mse"] == model.validation_mse_


def test_early_stopping_counts_what_was_run(small: Small) -> None:
    model = small(epochs=50, patience=1, learning_rate=0.0).fit(blobs(20, 8, 8))
    assert model.n_iter_ == 1


@pytest.mark.parametrize("after", ["fit", "partial_fit", "load"])
def test_the_network_serves_ones_own_loop(after: str, small: Small, tmp_path: Path) -> None:
    images = blobs(20, 8, 8)
    model = small().fit(images)
    if after == "partial_fit":
        model.partial_fit(images)
    if after == "load":
        model.save(tmp_path / "a.convae")
        model = convae.load(tmp_path / "a.convae")
    assert isinstance(model.network_, torch.nn.Module)
    x = torch.from_numpy(images[:, None] / np.float32(255))
    optimizer = torch.optim.Adam(model.network_.parameters(), 1e-2)
    losses = []
    for _ in range(20):
        loss = (model.network_(x).reconstruction - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert -model.score(images) == pytest.approx(losses[-1], rel=0.2)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_loaded_model_gives_the_same_bits(preset: str, tmp_path: Path) -> None:
    images = blobs(30, 9, 7, 3)
    model = ConvAutoencoder.from_options({**PRESETS[preset], "random_state": 4}).fit(images)
    model.save(tmp_path / "a.convae")
    loaded = convae.load(tmp_path / "a.convae")
    assert isinstance(loaded, ConvAutoencoder)
    assert np.array_equal(loaded.transform(images), model.transform(images))
    assert np.array_equal(loaded.reconstruct(images), model.reconstruct(images))
    assert np.array_equal(loaded.score_samples(images), model.score_samples(images))
    assert loaded.to_options() == model.to_options()


def test_rows_stay_rows_in_a_file(small: Small, tmp_path: Path) -> None:
    rows = blobs(12, 6, 8, 3).reshape(12, -1)
    model = small(image_shape=(3, 6, 8)).fit(rows)
    model.save(tmp_path / "a.convae")
    loaded = convae.load(tmp_path / "a.convae")
    assert np.array_equal(loaded.reconstruct(rows), model.reconstruct(rows))
    with pytest.raises(ValueError, match="X has 3 features, but ConvAutoencoder is expecting 144"):
        loaded.transform(rows[:, :3])


def test_unreadable_images_are_skipped_and_listed(small: Small, tmp_path: Path) -> None:
    folder = folder_of(blobs(12, 8, 8), tmp_path / "pngs")
    (folder / "005.png").write_bytes((folder / "005.png").read_bytes()[:50])
    model = small().fit(folder)
    assert [skipped.name for skipped in model.skipped_] == ["005.png"]
    with pytest.raises(InputError, match=r"005\.png"):
        small(strict=True).fit(folder)
    with pytest.raises(ImageError, match=r"005\.png"):
        model.transform(folder)
