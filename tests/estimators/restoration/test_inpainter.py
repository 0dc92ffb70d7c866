"""The inpainter: known pixels stay, holes are filled better than classically, files, and refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from sklearn.base import clone
from tests.estimators.conftest import blobs, folder_of

import convae
from convae import ImageError, Inpainter, InputError
from convae.classical.filling import biharmonic_fill, harmonic_fill, tension_fill
from convae.images.sources.masks import open_masks
from convae.networks.tiling import over_tiles
from convae.training.tasks.inpainting import with_fill

TINY: dict[str, Any] = {
    "widths": (8, 16),
    "blocks": 1,
    "latent_dim": 16,
    "epochs": 1,
    "batch_size": 16,
}


def waves(count: int, side: int = 32, seed: int = 0) -> np.ndarray:
    """Images that a smooth fill cannot continue but that are easy to learn: stripes of one width."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side]
    turns = rng.choice([0, np.pi / 2], (count, 1, 1))
    phases = rng.uniform(0, 2 * np.pi, (count, 1, 1))
    along = np.cos(turns) * x + np.sin(turns) * y
    values: np.ndarray = 127 + 100 * np.sin(1.2 * along + phases)
    return values.astype(np.uint8)


def hole(side: int = 32) -> np.ndarray:
    mask = np.zeros((side, side), np.bool_)
    mask[8:16, 10:18] = True
    return mask


def filled_by(model: Inpainter, X: Any, mask: Any = None, **how: Any) -> np.ndarray:
    filled = model.inpaint(X, mask, **how)
    assert isinstance(filled, np.ndarray)
    return filled


@pytest.fixture(scope="module")
def model() -> Inpainter:
    return Inpainter.from_options({**{**TINY, "epochs": 20}, "holes": "boxes:0.2..0.3"}).fit(
        waves(60)
    )


def test_it_starts_as_the_classical_fill() -> None:
    images, mask = blobs(4, 32, 32), hole()
    start = Inpainter.from_options({**TINY, "epochs": 0}).fit(images)
    x = torch.tensor(images[:, None] / 255).float()
    holes = torch.tensor(mask)[None, None].expand(4, 1, 32, 32)
    classical = with_fill(x, holes, start.fill)[:, 0].numpy() * 255
    assert np.abs(filled_by(start, images, mask).astype(float) - classical).max() <= 0.501


def test_it_beats_the_classical_fills_where_there_is_something_to_learn(model: Inpainter) -> None:
    test, mask = waves(12, seed=1), hole()
    x = torch.tensor(test[:, None] / 255).float()
    holes = torch.tensor(mask)[None, None].expand(12, 1, 32, 32)
    ours = np.mean((filled_by(model, test, mask).astype(float) - test)[:, mask] ** 2)
    for fill in (harmonic_fill, biharmonic_fill, tension_fill):
        theirs = np.mean((fill(x, holes)[:, 0].numpy() * 255 - test)[:, mask] ** 2)
        assert ours < 0.5 * theirs
    steadier = np.mean(
        (filled_by(model, test, mask, ensemble=True).astype(float) - test)[:, mask] ** 2
    )
    assert steadier < 1.3 * ours


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [(), (3,), (5,)])
def test_known_pixels_come_back_bit_for_bit(dtype: str, channels: tuple[int, ...]) -> None:
    images = blobs(8, 24, 36, *channels, dtype=dtype)
    if dtype == "float32":
        images = images * 37 - 11  # no range that anything could round to
    fitted = Inpainter.from_options(TINY).fit(images)
    mask = np.random.default_rng(0).random((8, 24, 36)) < 0.4
    given = images.copy()
    given[mask] = 0 if dtype != "float32" else np.nan
    filled = filled_by(fitted, given, mask)
    assert filled.dtype == images.dtype
    assert filled.shape == images.shape
    assert np.array_equal(filled[~mask], images[~mask])
    assert np.isfinite(filled.astype(float)).all()
    off = np.abs(filled.astype(float) - images)[mask].mean()
    assert off < 0.1 * (float(images.max()) - float(images.min()))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    images = blobs(4, 70, 90, dtype=dtype)
    fitted = Inpainter.from_options({**TINY, "patch": 24}).fit(images)
    mask = np.random.default_rng(0).random(images.shape) < 0.3
    whole = filled_by(fitted, images, mask)

    def in_tiles(network: Any, function: Any, x: torch.Tensor) -> torch.Tensor:
        return over_tiles(network, function, x, tile=32)

    monkeypatch.setattr("convae.estimators.restoration.base.over_tiles", in_tiles)
    parts = filled_by(fitted, images, mask)
    assert np.array_equal(parts[~mask], images[~mask])
    step = 1e-5 if dtype == "float32" else 1
    assert np.abs(parts.astype(float) - whole).max() <= step


def test_images_of_any_size_and_a_mask_for_each(model: Inpainter, tmp_path: Path) -> None:
    sizes = [(20, 30), (64, 17), (1, 9), (90, 91)]
    images = [blobs(1, *size)[0] for size in sizes]
    masks = [np.random.default_rng(i).random(size) < 0.5 for i, size in enumerate(sizes)]
    (tmp_path / "masks").mkdir()
    (tmp_path / "images").mkdir()
    for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
        PillowImage.fromarray(image).save(tmp_path / "images" / f"{i}.png")
        PillowImage.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "masks" / f"{i}.png")
    filled = model.inpaint(tmp_path / "images", tmp_path / "masks")
    assert isinstance(filled, list)
    for image, mask, result in zip(images, masks, filled, strict=True):
        assert np.array_equal(result[..., 0][~mask], image[~mask])
    inverted = filled_by(model, images[0][None], ~masks[0], invert=True)
    assert np.array_equal(inverted[0], filled[0][..., 0])


def test_nan_and_nodata_are_holes_of_their_own() -> None:
    images = blobs(8, 24, 24, 2, dtype="float32")
    fitted = Inpainter.from_options(TINY).fit(images)
    given = images.copy()
    given[:, 3:6, 4:9, 1] = np.nan
    filled = filled_by(fitted, given)
    gone = np.isnan(given)
    assert np.array_equal(filled[~gone], images[~gone])  # the other channel of these pixels too
    assert np.isfinite(filled).all()


def test_without_a_mask_and_holes_nothing_is_filled_and_that_is_said(model: Inpainter) -> None:
    images = waves(2, seed=2)
    with pytest.warns(UserWarning, match="no pixel is missing in these images"):
        filled = filled_by(model, images)
    assert np.array_equal(filled, images)


def test_transparent_pixels_are_filled(model: Inpainter) -> None:
    images, mask = waves(2, seed=2), hole()
    given = np.stack([images, np.broadcast_to(~mask * np.uint8(255), images.shape)], axis=3)
    filled = filled_by(model, given, "alpha")
    assert np.array_equal(filled, filled_by(model, images, mask))


def test_images_without_holes_stay(model: Inpainter) -> None:
    images = waves(3, seed=3)
    assert np.array_equal(filled_by(model, images, np.zeros((32, 32), np.bool_)), images)
    with pytest.warns(UserWarning, match="no pixel is missing"):
        assert np.array_equal(filled_by(model, images), images)


def test_what_an_image_becomes_does_not_depend_on_others(model: Inpainter) -> None:
    images = waves(3, seed=4)
    together = filled_by(model, images, hole())
    assert np.array_equal(together[1], filled_by(model, images[1:2], hole())[0])


def test_patches_of_large_images(tmp_path: Path) -> None:
    images = folder_of(blobs(3, 150, 170), tmp_path / "images")
    fitted = Inpainter.from_options(TINY).fit(images)
    assert fitted.image_shape_ == (1, 64, 64)
    mask = np.random.default_rng(0).random((150, 170)) < 0.5
    filled = filled_by(fitted, images, mask)
    assert filled[0].shape == (150, 170)


def test_saved_and_loaded_it_gives_the_same(model: Inpainter, tmp_path: Path) -> None:
    model.save(tmp_path / "m.convae")
    loaded = convae.load(tmp_path / "m.convae")
    assert isinstance(loaded, Inpainter)
    assert loaded.holes_ == model.holes_
    assert loaded.to_options() == model.to_options() | {"random_state": 0}
    images = waves(2, seed=5)
    assert np.array_equal(filled_by(loaded, images, hole()), filled_by(model, images, hole()))


def test_damage_is_found_and_filled() -> None:
    images = blobs(24, 48, 48)
    model = Inpainter.from_options(TINY).fit(images[4:])
    images = images[:4]
    damaged = images.copy()
    damaged[1:, 20:25, 16:26] ^= 128  # as far from what it was as it can be
    masks = model.find_damage(damaged)
    assert masks[0].mean() < 0.02  # a sound image
    for mask in masks[1:]:
        assert mask[20:25, 16:26].mean() > 0.6
        assert mask.mean() < 0.2
    source = convae.open_source(damaged)
    done = list(model.iter_inpaint(source, open_masks(None, source), find_damage=True))
    spoilt = np.s_[20:25, 16:26]
    for before, after in zip(images[1:].astype(float), done[1:], strict=True):
        assert np.abs(after.pixels[..., 0][spoilt] - before[spoilt]).mean() < 0.5 * 128
        assert np.array_equal(after.pixels[~after.missing], after.image.pixels[~after.missing])


@pytest.mark.parametrize("channels", [(), (3,)])
def test_solid_patches_are_found_whole_though_some_training_images_have_them(
    channels: tuple[int, ...], tmp_path: Path
) -> None:
    images = blobs(24, 32, 32, *channels)
    images[:5, 8:18, 8:20] = 250
    model = Inpainter.from_options(TINY).fit(images)
    model.save(tmp_path / "m.convae")
    loaded = convae.load(tmp_path / "m.convae")
    assert isinstance(loaded, Inpainter)
    assert loaded.damage_thresholds_ == model.damage_thresholds_
    mask = np.zeros((32, 32), np.bool_)
    mask[8:18, 8:20] = True
    for i, found in enumerate(loaded.find_damage(images)):
        if i < 5:
            assert (found & mask).sum() >= 0.8 * (found | mask).sum()
        else:
            assert not found.any()


def test_the_same_seed_gives_the_same_model() -> None:
    images = blobs(8, 24, 24)
    first, again = (Inpainter.from_options(TINY).fit(images) for _ in range(2))
    assert first.history_[-1]["validation_loss"] == again.history_[-1]["validation_loss"]


def test_it_can_be_cloned(model: Inpainter) -> None:
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("preset", ["residual", "pooled"])
def test_a_plain_autoencoder_can_fill_too(preset: str) -> None:
    images = blobs(20, 16, 16)
    fitted = Inpainter(preset=preset, epochs=1).fit(images)
    mask = hole(32)[:16, :16]
    filled = filled_by(fitted, images, mask)
    assert np.array_equal(filled[:, ~mask], images[:, ~mask])


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"holes": "boxs"}, "unknown holes 'boxs': did you mean 'boxes'"),
        ({"holes": "pixels:2"}, "above 0 and at most 1"),
        ({"fill": "telea"}, "unknown fill 'telea'"),
        ({"loss": "bce"}, "take l1, mse or charbonnier"),
        ({"patch": 3}, "patch must be a whole number of pixels from 8"),
        ({"preset": "unets"}, "did you mean 'unet'"),
    ],
)
def test_wrong_parameters_end_in_one_sentence(parameters: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Inpainter.from_options(parameters).fit(blobs(8, 16, 16))


def test_wrong_data_end_in_one_sentence(model: Inpainter) -> None:
    images = waves(2, seed=6)
    with pytest.raises(ImageError, match=r"it is 32x32 and its mask .* is 16x16"):
        filled_by(model, images, hole()[:16, :16])
    with pytest.raises(ImageError, match="every pixel is missing"):
        filled_by(model, images, np.ones((32, 32), np.bool_))
    with pytest.raises(InputError, match="is no mask"):
        filled_by(model, images, images[0])
    with pytest.raises(ImageError, match=r"3 channels \(RGB\) for a model of 1 channel"):
        filled_by(model, np.repeat(images[..., None], 3, axis=3), hole())


def test_bad_images_are_told_and_left_out(model: Inpainter) -> None:
    source = convae.open_source(waves(3, seed=7))
    masks = open_masks(np.stack([hole(), np.ones((32, 32), np.bool_), hole()]), source)
    bad: list[ImageError] = []
    done = list(model.iter_inpaint(source, masks, on_bad=bad.append))
    assert [item.index for item in done] == [0, 2]
    assert [error.name for error in bad] == ["array[1]"]


def test_converted_images_cannot_keep_their_pixels() -> None:
    images = blobs(8, 16, 16, 3)
    fitted = Inpainter.from_options({**TINY, "channels": 1}).fit(images)
    with pytest.raises(ImageError, match="it has 3 channels and the model fills 1"):
        filled_by(fitted, images, hole()[:16, :16])


def test_a_16_bit_model_fills_8_bit_images() -> None:
    fitted = Inpainter.from_options(TINY).fit(blobs(8, 24, 24, dtype="uint16"))
    images = blobs(2, 24, 24)
    mask = hole()[:24, :24]
    filled = filled_by(fitted, images, mask)
    assert filled.dtype == np.uint8
    assert np.array_equal(filled[:, ~mask], images[:, ~mask])
    assert np.abs(filled.astype(float) - images).mean() < 20
