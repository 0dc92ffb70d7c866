"""Models compared: the same images, common units, verdicts that follow the intervals, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import convae
from convae import (
    AnomalyDetector,
    ConvAutoencoder,
    Denoiser,
    Inpainter,
    InputError,
    VariationalAutoencoder,
)
from convae.evaluation.comparison.compare import compare
from convae.evaluation.comparison.image_figures import units_of
from convae.evaluation.results.comparison import ModelComparison
from convae.images.dataset.scaling import Scaling

SMALL: dict[str, Any] = {"widths": (4,), "blocks": 1, "hidden": 8, "epochs": 1}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def waves(count: int, seed: int = 0, side: int = 8, dtype: str = "uint8") -> np.ndarray:
    """(count, side, side) smooth pictures."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    a, b, p = rng.uniform(0.1, 0.9, (3, count, 1, 1))
    unit = 0.5 + 0.47 * np.sin(a * x + b * y + 9 * p)
    scale = 1 if dtype == "float32" else np.iinfo(dtype).max
    return np.asarray(unit * scale).astype(dtype)


X, NEW = waves(50), waves(40, seed=1)


def fitted(**options: Any) -> ConvAutoencoder:
    return ConvAutoencoder.from_options({**SMALL, **options}).fit(X)


@pytest.fixture(scope="module")
def models() -> dict[str, ConvAutoencoder]:
    return {"small": fitted(latent_dim=1), "large": fitted(latent_dim=8)}


def test_the_order_the_means_and_a_real_difference(models: dict[str, ConvAutoencoder]) -> None:
    found = compare(models, NEW)
    assert [row.name for row in found.models] == ["large", "small"]
    # 8-bit images have the unit of files already: the mean error is that of score_samples
    for row in found.models:
        assert row.mean == pytest.approx(-models[row.name].score(NEW), rel=1e-4)
    (pair,) = found.pairs()
    assert pair.real
    assert pair.difference.value == pytest.approx(
        found.models[0].mean - found.models[1].mean, rel=1e-6
    )
    percent = -100 * pair.difference.value / found.models[1].mean
    assert pair.verdict().startswith("The squared error of large is ")
    assert f"{percent:.0f} % lower (95 % interval" in pair.verdict()
    assert pair.verdict().endswith("than that of small: a real difference on these images.")
    assert found.differing() == {"latent_dim": [8, 1]}
    assert any("codes have different sizes" in one for one in found.caveats())


def test_a_model_and_itself_cannot_be_told_apart(models: dict[str, ConvAutoencoder]) -> None:
    found = compare({"one": models["large"], "other": models["large"]}, NEW)
    (pair,) = found.pairs()
    assert (pair.real, pair.difference.value, found.differing()) == (False, 0.0, {})
    assert pair.verdict().startswith("No difference can be seen between one and other")


def test_images_of_any_training_are_left_out(models: dict[str, ConvAutoencoder]) -> None:
    held_out = models["small"].held_out_
    assert held_out is not None
    found = compare(models, np.concatenate([X, NEW]))
    assert found.images == len(NEW) + len(held_out)
    assert found.left_out == len(X) - len(held_out)
    text = f"{found.left_out} images were left out because at least one model was trained on them."
    assert text in found.caveats()
    training = np.delete(X, held_out, axis=0)
    with pytest.raises(InputError, match="each of its 45 images was used to train at least one"):
        compare(models, training)
    every = compare(models, training, include_seen=True)
    assert (every.images, every.seen, every.left_out) == (45, 45, 0)
    assert any("such a model has an advantage" in one for one in every.caveats())


def test_a_random_choice_of_many_images(models: dict[str, ConvAutoencoder]) -> None:
    assert compare(models, NEW, most=7).images == 7
    assert compare(models, NEW, most=7).values() == compare(models, NEW, most=7).values()


@pytest.mark.parametrize(
    ("scaling", "first", "expected"),
    [
        # 51 to 204 of 255: 0 of the network is 0.2 of the range, and 1 is 0.8
        (Scaling((51.0,), (204.0,), "uint8"), None, ((0.2,), (0.6,))),
        (Scaling((0.0,), (65535.0,), "uint16"), None, ((0.0,), (1.0,))),
        # floats: in the range of the first model, 2 to 12
        (Scaling((2.0,), (7.0,), "float32"), Scaling((2.0,), (12.0,), "float32"), ((0.0,), (0.5,))),
    ],
)
def test_common_units(scaling: Scaling, first: Scaling | None, expected: Any) -> None:
    units = units_of(scaling, first or scaling)
    assert np.allclose((units.low, units.span), expected)
    x = torch.rand(2, 1, 3, 3)
    assert torch.allclose(units.network(units.fraction(x)), x, atol=1e-6)


def test_another_scaling_is_compared_in_units_of_the_files() -> None:
    narrow = fitted(latent_dim=8, scaling="minmax")
    found = compare({"dtype": fitted(latent_dim=8), "minmax": narrow}, NEW)
    row = next(row for row in found.models if row.name == "minmax")
    # files hold whole numbers, so the results that a user gets differ by their rounding
    gaps = (narrow.reconstruct(NEW).astype(float) - NEW) / 255
    assert row.mean == pytest.approx(float(np.mean(gaps**2)), rel=0.01)
    # in its own units, in which 0 to 1 is a part of the range, the error is larger
    assert narrow.scaling_.high[0] - narrow.scaling_.low[0] < 255
    assert row.mean < -narrow.score(NEW)


def test_another_size_is_compared_in_the_size_of_the_files() -> None:
    enlarged = fitted(latent_dim=8, size=(12, 12))
    found = compare({"eight": fitted(latent_dim=8), "twelve": enlarged}, NEW)
    assert found.as_files
    assert any("results are compared in the size of the files" in one for one in found.caveats())
    gaps = (enlarged.reconstruct(NEW).astype(float) - NEW) / 255
    row = next(row for row in found.models if row.name == "twelve")
    assert row.mean == pytest.approx(float(np.mean(gaps**2)), rel=1e-6)


def test_crops_of_different_sizes_are_refused() -> None:
    cut = fitted(latent_dim=4, size=(6, 6), framing="crop")
    with pytest.raises(InputError, match="cut different parts out of an image"):
        compare({"whole": fitted(latent_dim=4), "cut": cut}, NEW)


def test_kinds_of_autoencoders_compare_and_other_jobs_do_not(
    models: dict[str, ConvAutoencoder],
) -> None:
    variational = VariationalAutoencoder.from_options({**SMALL, "latent_dim": 4}).fit(X)
    found = compare({**models, "vae": variational}, NEW)
    assert len(found.pairs()) == 3
    assert found.differing()["kind"].count("ConvAutoencoder") == 2
    assert any("3 pairs are compared" in one for one in found.caveats())
    inpainter = Inpainter.from_options({"widths": (4, 8), "blocks": 1, "epochs": 0}).fit(X)
    with pytest.raises(InputError, match="models of different jobs cannot be compared") as error:
        compare({"a": models["small"], "b": inpainter}, NEW)
    assert "a was fitted to reconstruct and encode, b was fitted to fill holes" in str(error.value)
    with pytest.raises(InputError, match="noise is for models that denoise"):
        compare(models, NEW, noise="gaussian:0.1")
    with pytest.raises(InputError, match="two models at least"):
        compare({"a": models["small"]}, NEW)
    for wrong in ([models["small"], models["small"]], models["small"], "a.convae"):
        with pytest.raises(InputError, match="models must be a dict of fitted models"):
            compare(wrong, NEW)
    with pytest.raises(InputError, match="give X"):
        compare(models, noise="gaussian:0.1")


def test_stored_figures_have_no_interval_and_cautions(
    models: dict[str, ConvAutoencoder], tmp_path: Path
) -> None:
    for name, model in models.items():
        model.save(tmp_path / f"{name}.convae")
    found = compare([tmp_path / "small.convae", tmp_path / "large.convae"])
    assert not found.measured
    assert found.models[0].mean == pytest.approx(models["large"].validation_mse_)
    assert "stored figures have no interval" in found.verdicts()[0]
    assert not any("Careful" in one for one in found.caveats())
    other = ConvAutoencoder.from_options({**SMALL, "latent_dim": 2}).fit(NEW)
    careful = compare({**models, "other": other}).caveats()
    assert any("validated on different images" in one for one in careful)


def test_denoisers_get_the_same_noise_and_inpainters_the_same_holes() -> None:
    small: dict[str, Any] = {"widths": (4, 8), "blocks": 1, "epochs": 0}
    images = waves(24, side=16)
    denoisers = {
        name: Denoiser.from_options({**small, "sigma": sigma}).fit(images)
        for name, sigma in (("a", 0.1), ("b", 0.3))
    }
    found = compare(denoisers, waves(6, seed=2, side=16))
    assert found.figure.title == "PSNR (dB)"
    assert found.conditions == "noise gaussian:0.1 is added, the same for each model"
    assert compare(denoisers, NEW, noise="gaussian:0.2").conditions.startswith("noise gaussian:0.2")
    clean = waves(6, seed=2, side=16)
    noisy = (clean * 0.9).astype(np.uint8)
    assert "compared with" in compare(denoisers, noisy, target=clean).conditions
    holes = {
        name: Inpainter.from_options({**small, "holes": kind}).fit(images)
        for name, kind in (("a", "boxes"), ("b", "pixels"))
    }
    found = compare(holes, clean)
    # untrained, both are the classical fill: equal on the same holes
    assert found.models[0].mean == pytest.approx(found.models[1].mean)
    assert found.conditions == "holes boxes are made, the same for each model"


def test_detectors_are_refused() -> None:
    detector = AnomalyDetector.from_options({"epochs": 0, "widths": (4, 8), "blocks": 1})
    one = detector.fit(waves(30, side=16))
    for images in (NEW, None):
        with pytest.raises(InputError, match="anomaly detectors are not compared by an error"):
            compare({"a": one, "b": one}, images)


@pytest.mark.parametrize("shape", [(9, 7, 3), (8, 8, 7)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_channels_and_depths(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    scale = 1 if dtype == "float32" else np.iinfo(dtype).max
    images = (rng.random((24, *shape)) * scale).astype(dtype)
    pair = {
        name: ConvAutoencoder.from_options({**SMALL, "latent_dim": n}).fit(images)
        for name, n in (("a", 1), ("b", 3))
    }
    found: ModelComparison = convae.compare(pair, (rng.random((8, *shape)) * scale).astype(dtype))
    assert found.images == 8
    assert all(0 < row.mean < 1 for row in found.models)
