"""What ConvAutoencoder takes, gives back, repeats and refuses."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image as PillowImage
from sklearn.decomposition import PCA
from tests.estimators.conftest import PRESETS, blobs

import convae
from convae import ConvAutoencoder, ImageError, InputError
from convae.images.sources import open_source

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


def folder_of(images: np.ndarray, folder: Path) -> Path:
    folder.mkdir()
    for i, image in enumerate(images):
        PillowImage.fromarray(image).save(folder / f"{i:03}.png")
    return folder


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
    if rows and dtype in ("bool", "int16", "int32", "float16"):
        back = "float32"  # scikit-learn's validation has made floats of them
    model = small(latent_dim=12, epochs=0, validation_fraction=0).fit(shaped)
    result = model.reconstruct(shaped)
    assert result.dtype == back
    assert result.shape == shaped.shape
    full = 255 if dtype == "bool" and not rows else 1
    error = np.abs(result.astype(float) - shaped.astype(float) * full).max()
    assert error <= 0.02 * (float(shaped.max()) * full)


def test_fit_transform_is_fit_then_transform(small: Small) -> None:
    images = blobs(12, 8, 8)
    assert np.array_equal(small().fit_transform(images), small().fit(images).transform(images))


# -- seeds ------------------------------------------------------------------------------------------


def held_out(model: ConvAutoencoder) -> list[int]:
    assert model.held_out_ is not None
    return [int(position) for position in model.held_out_]


def weights(model: ConvAutoencoder) -> bytes:
    values = model.network_.state_dict()
    return b"".join(values[name].numpy().tobytes() for name in sorted(values))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(preset: str) -> None:
    images = blobs(20, 8, 8)
    first = ConvAutoencoder(**PRESETS[preset]).fit(images)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global states must not matter
    assert weights(ConvAutoencoder(**PRESETS[preset], random_state=0).fit(images)) == weights(first)
    assert weights(first.fit(images)) == weights(ConvAutoencoder(**PRESETS[preset]).fit(images))
    other = ConvAutoencoder(**PRESETS[preset], random_state=1).fit(images)
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


# -- sizes --------------------------------------------------------------------------------------------


def test_a_spatial_code_takes_other_sizes_than_fitted(small: Small) -> None:
    model = small(code="spatial", hidden=None).fit(blobs(12, 8, 8))
    other = blobs(3, 11, 6)
    assert model.transform(other).shape == (3, 2 * 6 * 3)
    assert model.reconstruct(other).shape == other.shape
    assert model.score_samples(other).shape == (3,)
    mixed = [*blobs(2, 8, 8), *other]
    assert len(model.score_samples(mixed)) == 5
    for verb in (model.transform, model.reconstruct):
        with pytest.raises(InputError, match="different sizes"):
            verb(mixed)


def test_a_dense_code_refuses_other_sizes_than_fitted(small: Small) -> None:
    model = small().fit(blobs(12, 8, 8))
    for verb in (model.transform, model.reconstruct, model.score_samples):
        with pytest.raises(ImageError, match=r"array\[0\]: it is 11x6 and this model takes 8x8: "):
            verb(blobs(3, 11, 6))
    with pytest.raises(InputError, match="images of 11x6 for a model of 8x8"):
        model.partial_fit(blobs(3, 11, 6))


@pytest.mark.parametrize("code", ["dense", "spatial"])
@pytest.mark.parametrize(
    ("framing", "size", "back"),
    [
        ("resize", (8, 8), (12, 10)),
        ("resize", (16, 20), (12, 10)),
        ("pad", (16, 16), (12, 10)),
        ("crop", (8, 8), None),
        ("random-crop", (8, 8), None),
        ("crop", (16, 16), (12, 10)),
    ],
)
def test_framing_is_undone_where_it_can_be(
    framing: str, size: tuple[int, int], back: tuple[int, int] | None, code: str, small: Small
) -> None:
    images = blobs(12, 12, 10)
    hidden = 8 if code == "dense" else None
    model = small(size=size, framing=framing, code=code, hidden=hidden, epochs=2).fit(images)
    whole = (12, 10) if code == "spatial" else back or size
    assert model.architecture_.image_shape == (1, *size)
    assert model.reconstruct(images).shape == (12, *whole)


def test_mixed_sizes_need_a_size(small: Small) -> None:
    mixed = [*blobs(6, 8, 8), *blobs(6, 12, 10)]
    with pytest.raises(InputError, match=r"2 sizes .* choose one with size, for example"):
        small().fit(mixed)
    assert small(size=(8, 8)).fit(mixed).transform(mixed).shape == (12, 2)


def test_images_of_other_channels_are_refused_unless_channels_was_given(small: Small) -> None:
    grey, colour = blobs(12, 8, 8), blobs(12, 8, 8, 3)
    model = small().fit(grey)
    for verb in (model.transform, model.reconstruct, model.partial_fit):
        with pytest.raises(InputError, match=r"3 channels .* for a model of 1 channel"):
            verb(colour)
    with pytest.raises(InputError, match="8 channels for a model of 3 channels"):
        small().fit(colour).transform(blobs(2, 8, 8, 8))
    converting = small(channels=1).fit(grey)
    assert converting.transform(colour).shape == (12, 2)
    assert converting.partial_fit(colour).n_iter_ == 2


def test_images_of_another_depth(small: Small) -> None:
    eight, sixteen = blobs(12, 8, 8), blobs(12, 8, 8, dtype="uint16")
    model = small().fit(eight)
    for verb in (model.transform, model.partial_fit):
        with pytest.raises(InputError, match=r"16|common scale"):
            verb(sixteen)
    deep = small().fit(sixteen)
    assert np.array_equal(deep.transform(eight), deep.transform(eight.astype("uint16") * 257))
    assert deep.reconstruct(eight).max() <= 255


# -- values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [(1000, 4000, "uint16"), (0, 65535, "uint16"), (-5, 20, "float32"), (0, 1e6, "float32")],
)
def test_ranges_come_back(low: float, high: float, dtype: str, preset: str) -> None:
    images = (low + blobs(20, 8, 8, dtype="float64") * (high - low)).astype(dtype)
    model = ConvAutoencoder(**{**PRESETS[preset], "latent_dim": 8}).fit(images)
    result = model.reconstruct(images)
    assert (result.dtype, result.shape) == (images.dtype, images.shape)
    reach = 0.3 * (high - low)
    assert low - reach <= result.min()
    assert result.max() <= high + reach


def test_faint_floats_come_back(small: Small) -> None:
    images = 1e-6 + 2e-6 * blobs(20, 8, 8, dtype="float32")
    assert np.abs(small(latent_dim=8).fit(images).reconstruct(images) - images).max() < 1e-6


def test_missing_pixels_are_filled(small: Small) -> None:
    images = blobs(12, 8, 8, dtype="float32")
    holed = images.copy()
    holed[:, 2:4, 2:4] = np.nan
    model = small().fit(holed)
    assert "12 images hold NaN" in " ".join(model.notes_)
    assert np.isfinite(model.transform(holed)).all()
    assert np.isfinite(model.reconstruct(holed)).all()
    assert np.isfinite(model.score_samples(holed)).all()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("value", [0, 7, 255])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_constant_images(value: int, dtype: str, preset: str) -> None:
    images = np.full((10, 8, 8), value, dtype)
    model = ConvAutoencoder(**PRESETS[preset]).fit(images)
    assert np.isfinite(model.score_samples(images)).all()
    result = model.reconstruct(images)
    assert result.dtype == dtype
    if preset == "residual":
        assert np.allclose(result, images, atol=1e-3)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_a_handful_of_images(count: int, preset: str) -> None:
    images = blobs(count, 8, 8)
    model = ConvAutoencoder(**PRESETS[preset]).fit(images)
    assert model.reconstruct(images).shape == images.shape
    assert len(held_out(model)) == (1 if count >= 5 else 0)
    assert np.isfinite(model.validation_mse_)


SHAPES = [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (7, 7, 13), (28, 28, 2), (5, 1, 4)]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sizes_and_channels(shape: tuple[int, ...], preset: str, tmp_path: Path) -> None:
    images = blobs(10, *shape)
    model = ConvAutoencoder(**PRESETS[preset]).fit(images)
    model.save(tmp_path / "a.convae")
    result = convae.load(tmp_path / "a.convae").reconstruct(images)
    assert (result.dtype, result.shape) == (images.dtype, images.shape)
    assert np.array_equal(result, model.reconstruct(images))


@pytest.mark.parametrize("norm", ["batch", "group", "layer"])
def test_norms_with_maps_of_one_position(norm: str, small: Small) -> None:
    for count in (1, 5, 17):
        model = small(norm=norm, widths=(4, 4, 4)).fit(blobs(count, 8, 8))
        assert np.isfinite(model.score(blobs(3, 8, 8)))


@pytest.mark.parametrize("loss", ["bce", "ssim", "l1", "0.5*mse+0.3*ssim+0.2*charbonnier"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_losses(loss: str, dtype: str, small: Small) -> None:
    images = blobs(20, 12, 12, dtype=dtype) * (1 if dtype != "float32" else 9)
    model = small(loss=loss, epochs=3).fit(images)
    rows = [row["validation_loss"] for row in model.history_]
    assert np.isfinite(rows).all()
    assert min(rows) <= rows[0]
    assert model.architecture_.output == ("sigmoid" if loss == "bce" else
                                          "clamp" if dtype == "uint8" else "linear")  # fmt: skip
    assert model.reconstruct(images).dtype == dtype


# -- never above PCA ----------------------------------------------------------------------------------


@pytest.mark.parametrize("latent_dim", [2, 8])
def test_never_above_pca(latent_dim: int) -> None:
    from sklearn.datasets import load_digits

    images = (load_digits().images[:400] * (255 / 16)).astype(np.uint8)
    model = ConvAutoencoder(latent_dim=latent_dim, epochs=3, widths=(8, 16)).fit(images)
    out = np.isin(np.arange(400), held_out(model))
    unit = images.reshape(400, -1) / 255
    pca = PCA(latent_dim, svd_solver="full").fit(unit[~out])
    linear = pca.inverse_transform(pca.transform(unit[out])).clip(0, 1)
    assert model.validation_mse_ <= np.mean((linear - unit[out]) ** 2) * (1 + 1e-5)
    assert -model.score(images[out]) == pytest.approx(model.validation_mse_, rel=1e-4)


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
    model = ConvAutoencoder(**PRESETS[preset]).partial_fit(images)
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
    model = ConvAutoencoder(**PRESETS[preset], random_state=4).fit(images)
    model.save(tmp_path / "a.convae")
    loaded = convae.load(tmp_path / "a.convae")
    assert isinstance(loaded, ConvAutoencoder)
    assert np.array_equal(loaded.transform(images), model.transform(images))
    assert np.array_equal(loaded.reconstruct(images), model.reconstruct(images))
    assert np.array_equal(loaded.score_samples(images), model.score_samples(images))
    assert loaded.get_params() == model.get_params()


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


# -- what is refused ----------------------------------------------------------------------------------


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"preset": "residul"}, "unknown preset 'residul': did you mean 'residual'"),
    ({"preset": ["residual"]}, "preset must be a name"),
    ({"optimizer": "sgd"}, "unknown optimizer 'sgd'"),
    ({"optimizer": None}, "optimizer must be a name"),
    ({"loss": "mes"}, "unknown loss 'mes': did you mean 'mse'"),
    ({"loss": "-1*mse"}, "weight of mse must be a finite number above 0"),
    ({"loss": ""}, "loss"),
    ({"loss": "bce", "output": "linear"}, "loss 'bce' needs output 'sigmoid'; got 'linear'"),
    ({"schedule": "step"}, "unknown schedule"),
    ({"precision": "float8"}, "unknown precision"),
    ({"storage": "ram"}, "unknown storage"),
    ({"scaling": "max"}, "unknown scaling"),
    ({"framing": "stretch"}, "unknown mode 'stretch'"),
    ({"framing": "pad"}, "framing 'pad' needs a size"),
    ({"size": (0, 3)}, r"size must be \(height, width\), .* got \(0, 3\)"),
    ({"size": 8}, r"size must be \(height, width\); got 8"),
    ({"size": (8, 8, 8)}, r"size must be \(height, width\)"),
    ({"channels": 2}, r"channels must be 1 \(grey\), 3 \(RGB\) or None; got 2"),
    ({"epochs": -1}, "epochs must be a whole number of at least 0; got -1"),
    ({"epochs": 2.5}, "epochs must be a whole number"),
    ({"batch_size": 0}, "batch_size must be a whole number of at least 1; got 0"),
    ({"patience": None}, "patience must be a whole number"),
    ({"learning_rate": float("nan")}, "learning_rate must be a number from 0 to 10; got nan"),
    ({"learning_rate": "fast"}, "learning_rate must be a number"),
    ({"clip": float("inf")}, "clip must be a number"),
    ({"ema": 1.0}, "ema must be a number from 0 to 0.99999; got 1.0"),
    ({"warmup": 2}, "warmup must be a number from 0 to 1; got 2"),
    ({"validation_fraction": 2}, "validation_fraction must be a number from 0 to below 1; got 2"),
    ({"validation_fraction": -0.1}, "validation_fraction must be a number"),
    ({"validation_fraction": float("nan")}, "validation_fraction must be a number"),
    ({"random_state": -1}, r"random_state must be a whole number from 0 to 2\*\*32 - 1; got -1"),
    ({"random_state": 0.5}, "random_state must be a whole number"),
    ({"random_state": "0"}, "random_state must be a whole number"),
    ({"strict": "yes"}, "strict must be True or False; got 'yes'"),
    ({"device": "gpu"}, "unknown device 'gpu'"),
    ({"device": "cuda:x"}, "device 'cuda:x' is none"),
    ({"device": None}, "device must be a name"),
    ({"widths": 8}, "widths must be whole numbers, one a stage; got 8"),
    ({"widths": []}, "widths must name 1 to 12 stages"),
    ({"widths": (4, 0)}, "each of widths must be a whole number from 1"),
    ({"latent_dim": 0}, "latent_dim must be a whole number from 1"),
    ({"latent_dim": 2.0}, "latent_dim must be a whole number from 1"),
    ({"kernel_size": 2}, "kernel_size must be odd; got 2"),
    ({"blocks": -1}, "blocks must be a whole number from 0"),
    ({"hidden": -1}, "hidden must be a whole number from 0"),
    ({"output": "softmax"}, "output must be one of sigmoid, linear, clamp; got 'softmax'"),
    ({"down": "pool"}, "down must be one of"),
    ({"code": "flat"}, "code must be one of dense, spatial; got 'flat'"),
    ({"norm": 3}, "norm must be one of"),
    ({"widths": (4,) * 3, "padding_mode": "reflect"}, "needs maps of at least 2 pixels a side"),
    ({"hidden": 8, "code": "spatial"}, "hidden is for dense codes"),
    ({"output": "sigmoid", "bypass": "pca"}, "would bend the linear bypass"),
]


@pytest.mark.parametrize("verb", ["fit", "partial_fit"])
@pytest.mark.parametrize(("change", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_wrong_parameters_are_refused_before_an_image_is_read(
    change: dict[str, Any], sentence: str, verb: str
) -> None:
    model = ConvAutoencoder(**{**PRESETS["residual"], "hidden": None, **change})
    source = open_source(blobs(12, 8, 8))
    source.read = None  # type: ignore[assignment, method-assign]  # calling it is an error of another kind
    with pytest.raises(InputError, match=sentence) as caught:
        getattr(model, verb)(source)
    assert "\n" not in str(caught.value)
    assert not hasattr(model, "network_")


@pytest.mark.parametrize(
    "shape", [(7, 7), (2, 8, 8), (64,), 64, (8, 8.0), (0, 8, 8), (2, 2, 4, 4), "8x8"], ids=str
)
def test_an_image_shape_that_does_not_fit_is_refused(shape: Any, small: Small) -> None:
    with pytest.raises(InputError, match=r"image_shape must be \(height, width\) or .*; got "):
        small(image_shape=shape).fit(blobs(6, 8, 8).reshape(6, 64))


@pytest.mark.parametrize("groups", [[1, 2], np.zeros((12, 2)), 3])
def test_groups_of_the_wrong_length_are_refused(groups: Any, small: Small) -> None:
    with pytest.raises(InputError, match="groups must name the group of each of 12 images"):
        small().fit(blobs(12, 8, 8), groups=groups)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there(small: Small, tmp_path: Path) -> None:
    sentence = "^device 'cuda': no CUDA device is usable here"
    with pytest.raises(InputError, match=sentence):
        small(device="cuda").fit(blobs(6, 8, 8))
    small().fit(blobs(6, 8, 8)).save(tmp_path / "a.convae")
    with pytest.raises(InputError, match=sentence):
        convae.load(tmp_path / "a.convae", device="cuda")
    with pytest.raises(InputError, match=r"^unknown device 'gpu'"):
        convae.load(tmp_path / "a.convae", device="gpu")


@pytest.mark.parametrize(
    ("codes", "got"),
    [
        (np.zeros((2, 3)), r"\(2, 3\)"),
        (np.zeros(2), r"\(2,\)"),
        ([[1], [2, 3]], ""),
        ("far", "far"),
    ],
)
def test_codes_of_another_model_are_refused(codes: Any, got: str, small: Small) -> None:
    with pytest.raises(InputError, match=rf"codes must be .*\(n, 2\).*{got}"):
        small().fit(blobs(6, 8, 8)).inverse_transform(codes)


def test_no_images_are_refused(small: Small, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = np.zeros((0, 8, 8), np.uint8)
    sources: list[Any] = [empty, [], tmp_path / "empty", tmp_path / "missing", 5]
    for source in sources:
        with pytest.raises(InputError):
            small().fit(source)
