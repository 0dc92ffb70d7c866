"""Sizes, channels, depths and ranges through ConvAutoencoder and back."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from tests.estimators.conftest import PRESETS, blobs, held_out

import convae
from convae import ConvAutoencoder, ImageError, InputError
from convae.estimators import streaming
from convae.evaluation.reconstruction import evaluate
from convae.images.sources.open_source import open_source
from convae.networks.tiling import tiles

Small = Callable[..., ConvAutoencoder]


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
    with pytest.raises(InputError, match=r"2 sizes .* choose one, for example size="):
        small().fit(mixed)
    assert small(size=(8, 8)).fit(mixed).transform(mixed).shape == (12, 2)


def test_images_of_other_channels_are_refused_unless_channels_was_given(small: Small) -> None:
    grey, colour = blobs(12, 8, 8), blobs(12, 8, 8, 3)
    model = small().fit(grey)
    for verb in (model.transform, model.reconstruct, model.partial_fit):
        with pytest.raises(InputError, match=r"3 channels .* for a model of 1 channel"):
            verb(colour)
    with pytest.raises(InputError, match="7 channels for a model of 3 channels"):
        small().fit(colour).transform(blobs(2, 8, 8, 7))
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
    model = ConvAutoencoder.from_options({**PRESETS[preset], "latent_dim": 8}).fit(images)
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
    result = model.reconstruct(holed)
    assert np.array_equal(np.isnan(result), np.isnan(holed))  # what is missing stays missing
    assert np.isfinite(model.score_samples(holed)).all()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("value", [0, 7, 255])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_constant_images(value: int, dtype: str, preset: str) -> None:
    images = np.full((10, 8, 8), value, dtype)
    model = ConvAutoencoder.from_options(PRESETS[preset]).fit(images)
    assert np.isfinite(model.score_samples(images)).all()
    result = model.reconstruct(images)
    assert result.dtype == dtype
    if preset == "residual":
        assert np.allclose(result, images, atol=1e-3)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_a_handful_of_images(count: int, preset: str) -> None:
    images = blobs(count, 8, 8)
    model = ConvAutoencoder.from_options(PRESETS[preset]).fit(images)
    assert model.reconstruct(images).shape == images.shape
    assert len(held_out(model)) == (1 if count >= 5 else 0)
    assert np.isfinite(model.validation_mse_)


SHAPES = [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (7, 7, 13), (28, 28, 2), (5, 1, 4)]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sizes_and_channels(shape: tuple[int, ...], preset: str, tmp_path: Path) -> None:
    images = blobs(10, *shape)
    model = ConvAutoencoder.from_options(PRESETS[preset]).fit(images)
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


# -- large JPEG files ---------------------------------------------------------------------------------


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """JPEG files of 64x96 with edges."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(12):
        pixels = np.full((64, 96), 10 * number, np.uint8)
        pixels[: 5 * number + 3, 31 + number :] = 240
        PillowImage.fromarray(pixels).save(folder / f"{number:02d}.jpg", quality=90)
    return folder


@pytest.mark.parametrize("code", ["dense", "spatial"])
def test_a_model_sees_large_jpegs_later_as_it_saw_them_first(
    photographs: Path, tmp_path: Path, code: str, small: Small
) -> None:
    model = small(size=(8, 8), code=code, hidden=8 if code == "dense" else None)
    model.fit(photographs)
    assert model.plan_.coarse == (code == "dense")
    assert evaluate(model, photographs, include_seen=True).seen == len(model.seen_) > 0
    assert model.reconstruct(photographs).shape == (12, 64, 96)
    model.save(tmp_path / "model.convae")
    again = convae.load(tmp_path / "model.convae")
    assert again.plan_ == model.plan_
    assert np.array_equal(again.transform(photographs), model.transform(photographs))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_large_image_by_tiles_is_what_it_is_in_one_piece(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    scale = 255 if dtype == "uint8" else 1
    small = (rng.random((12, 24, 24, 1)) * scale).astype(dtype)
    large = (rng.random((1, 33, 1700, 1)) * scale).astype(dtype)
    model = ConvAutoencoder(
        latent_dim=3,
        epochs=1,
        device="cpu",
        architecture={"code": "spatial", "widths": (4, 8), "blocks": 1},
    ).fit(small)
    source = open_source(large)
    seen: list[int] = []
    handle = model.network_.register_forward_pre_hook(
        lambda _, given: seen.append(given[0].shape[-1])
    )
    (by_tiles,) = streaming.iter_reconstructions(model, source)
    assert len(seen) == 2  # 1024 and 676 pixels wide, with what lies around
    assert max(seen) < 1700
    handle.remove()
    monkeypatch.setattr(streaming, "tiles", lambda network, h, w: tiles(network, h, w, tile=2048))
    (whole,) = streaming.iter_reconstructions(model, source)
    assert by_tiles.pixels.dtype == whole.pixels.dtype == dtype
    np.testing.assert_allclose(
        by_tiles.pixels.astype(float), whole.pixels.astype(float), atol=1 if scale == 255 else 1e-5
    )
    assert by_tiles.error == pytest.approx(whole.error, rel=1e-5)
    assert by_tiles.baseline_error == pytest.approx(whole.baseline_error, rel=1e-5)
