"""The denoiser: the ways to learn, what comes back, files, and what is refused."""

import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from tests.estimators.conftest import blobs

import convae
from convae import Denoiser, InputError
from convae.estimators.restoration import restored_images
from convae.estimators.restoration.noise_units import stretch
from convae.networks.autoencoder import Autoencoder
from convae.networks.tiling import Tile, tiles
from convae.training.observers import Row, StepProgress

TINY: dict[str, Any] = {"widths": (8, 8), "blocks": 1, "latent_dim": 8, "epochs": 2}


class Heard:
    """An observer that remembers the messages."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def message(self, text: str) -> None:
        self.told.append(text)

    def step(self, moment: StepProgress) -> None:
        pass

    def epoch(self, row: Row) -> None:
        pass


def noisy(images: np.ndarray, sigma: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 255 * sigma, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean((a.astype(float) - b) ** 2))


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return blobs(60, 32, 32)


@pytest.fixture(scope="module")
def model(clean: np.ndarray) -> Denoiser:
    return Denoiser.from_options(
        {**{**TINY, "epochs": 12, "batch_size": 8}, "sigma": "0..0.2"}
    ).fit(clean[:48])


def test_it_takes_noise_out_of_images_it_has_not_seen(model: Denoiser, clean: np.ndarray) -> None:
    test = clean[48:]
    for sigma in (0.05, 0.15):
        given = noisy(test, sigma)
        assert error(model.denoise(given), test) < 0.5 * error(given, test)


def test_a_level_that_is_told_is_used_and_reported(model: Denoiser, clean: np.ndarray) -> None:
    given = noisy(clean[48:52], 0.1)
    low, high = (list(model.iter_denoise(given, sigma=s)) for s in (0.02, 0.2))
    assert [done.level for done in low] == pytest.approx([0.02] * 4)
    assert not np.array_equal(low[0].pixels, high[0].pixels)
    estimated = next(iter(model.iter_denoise(given))).level
    assert estimated == pytest.approx(0.1, rel=0.35)


def test_an_ensemble_is_at_least_as_good(model: Denoiser, clean: np.ndarray) -> None:
    given = noisy(clean[48:], 0.1)
    one, eight = model.denoise(given, sigma=0.1), model.denoise(given, sigma=0.1, ensemble=True)
    assert error(eight, clean[48:]) < error(one, clean[48:]) * 1.02
    assert not np.array_equal(one, eight)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [(), (3,), (5,)])
def test_depth_channels_and_size_come_back(dtype: str, channels: tuple[int, ...]) -> None:
    images = blobs(6, 20, 24, *channels, dtype=dtype)
    done = Denoiser.from_options({**TINY, "sigma": 0.1}).fit(images).denoise(images[:2])
    assert isinstance(done, np.ndarray)
    assert (done.shape, done.dtype) == (images[:2].shape, images.dtype)


def test_images_of_many_sizes_in_patches_and_back_whole() -> None:
    images = [blobs(1, *size, seed=i)[0] for i, size in enumerate([(70, 90), (40, 130), (101, 20)])]
    model = Denoiser.from_options({**TINY, "sigma": 0.1}).fit(images)
    assert model.plan_.framing.mode == "random-crop"
    done = model.denoise(images)
    assert [image.shape for image in done] == [(*image.shape, 1) for image in images]


def test_large_images_are_many_patches() -> None:
    heard = Heard()
    model = Denoiser.from_options(
        {**{**TINY, "epochs": 1}, "patch": 16, "sigma": 0.1, "validation_fraction": 0}
    )
    model.fit(blobs(2, 64, 64), observers=[heard])
    assert model.image_shape_ == (1, 16, 16)
    assert model._stored.facts["training_images"] == 2


def test_pairs_teach_what_the_targets_hold(clean: np.ndarray) -> None:
    """Targets that are darker: no noise anywhere, so that only the pairs can teach it."""
    model = Denoiser.from_options({**TINY, "epochs": 12, "batch_size": 8}).fit(
        clean, target=clean // 2
    )
    assert model.learn_ == "pairs"
    assert error(model.denoise(clean[:4]), clean[:4] // 2) < 0.1 * error(clean[:4], clean[:4] // 2)


def test_grey_images_learn_colours_from_coloured_targets() -> None:
    grey = blobs(24, 16, 16)
    colours = np.stack([grey, 255 - grey, grey // 2], axis=-1)
    model = Denoiser.from_options({**TINY, "epochs": 20, "batch_size": 4}).fit(grey, target=colours)
    done = model.denoise(grey[:3])
    assert isinstance(done, np.ndarray)
    assert done.shape == (3, 16, 16, 3)
    assert error(done, colours[:3]) < 0.1 * error(np.repeat(grey[:3, ..., None], 3, 3), colours[:3])


@pytest.mark.parametrize(("noise", "way"), [("gaussian", "noisy gaussian"), (None, "noisy blind")])
def test_noisy_images_alone_teach_it(clean: np.ndarray, noise: str | None, way: str) -> None:
    given = noisy(clean, 0.1)
    model = Denoiser.from_options(
        {**{**TINY, "epochs": 20, "batch_size": 4}, "noise": noise, "learn": "noisy"}
    )
    model.fit(given)
    assert model.learn_ == way
    assert error(model.denoise(given), clean) < 0.5 * error(given, clean)


def test_it_says_how_it_learns_and_why(clean: np.ndarray) -> None:
    short = {**TINY, "epochs": 0}
    cases: list[tuple[dict[str, Any], np.ndarray, Any, str]] = [
        (
            {},
            noisy(clean, 0.15),
            None,
            "by hidden pixels, because the images look noisy. .* add --learn clean (in Python",
        ),
        (
            {},
            clean,
            None,
            "noise is added (gaussian:0..55/255), because the images look clean. .* --learn noisy (in Python",
        ),
        ({"noise": "poisson"}, noisy(clean, 0.1), None, "because the noise to add was named"),
        (
            {"noise": "gaussian", "learn": "noisy"},
            noisy(clean, 0.1),
            None,
            "split in two, as asked for",
        ),
        ({}, clean, clean, "from pairs, because there is a target"),
    ]
    for parameters, images, target, said in cases:
        said = said.replace("(", r"\(").replace(")", r"\)")
        heard = Heard()
        Denoiser.from_options({**short, **parameters}).fit(images, target=target, observers=[heard])
        assert any(re.search(said, text) for text in heard.told), (said, heard.told)


def test_a_level_is_in_the_units_of_the_file() -> None:
    """Images that use a tenth of 16 bits are stretched tenfold, and so is the noise."""
    images = (blobs(12, 16, 16, dtype="uint16") // 10).astype(np.uint16)
    model = Denoiser.from_options(
        {**{**TINY, "epochs": 0}, "noise": "gaussian", "sigma": 0.01}
    ).fit(images)
    assert model.noise_ is not None
    assert model.noise_.pieces[0].most == pytest.approx(0.01 * stretch(model.scaling_))
    assert stretch(model.scaling_) > 8
    done = next(iter(model.iter_denoise(images, sigma=0.01)))
    assert done.level == pytest.approx(0.01)


def test_a_plain_autoencoder_can_denoise_too(clean: np.ndarray) -> None:
    model = Denoiser(
        preset="tutorial", latent_dim=4, epochs=1, sigma=0.1, architecture={"widths": (4,)}
    ).fit(clean)
    assert model.architecture_.code == "dense"
    assert not model.architecture_.skips
    assert model.denoise(clean[:2]).shape == (2, 32, 32)


def test_saved_and_loaded_it_gives_the_same(
    model: Denoiser, clean: np.ndarray, tmp_path: Path
) -> None:
    model.save(tmp_path / "d.convae")
    loaded = convae.load(tmp_path / "d.convae")
    assert isinstance(loaded, Denoiser)
    assert (loaded.learn_, loaded.noise_) == (model.learn_, model.noise_)
    assert np.array_equal(loaded.denoise(clean[:3]), model.denoise(clean[:3]))
    assert loaded.to_options() == {**model.to_options(), "device": "auto", "random_state": 0}


def test_the_same_seed_gives_the_same_model(clean: np.ndarray) -> None:
    a, b, c = (
        Denoiser.from_options({**TINY, "random_state": s}).fit(clean[:16]).denoise(clean[:2])
        for s in (1, 1, 2)
    )
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("preset", ["residual", "tutorial", "pooled"])
def test_networks_without_skips_learn(clean: np.ndarray, preset: str) -> None:
    model = Denoiser(
        preset=preset,
        latent_dim=8,
        sigma=0.1,
        epochs=40,
        architecture={"widths": (8,)},
        training={"patience": 0},
    ).fit(clean)
    assert model.history_[-1]["validation_loss"] < 0.5 * model.history_[0]["validation_loss"]


def test_it_resumes_exactly(clean: np.ndarray, tmp_path: Path) -> None:
    from convae.training.checkpoint import CheckpointFolder
    from convae.training.interrupt import TrainingInterrupted

    class Stops(Heard):
        def epoch(self, row: Row) -> None:
            if row["epoch"] == 1:
                signal.raise_signal(signal.SIGINT)

    whole = Denoiser.from_options(TINY).fit(clean[:16])
    folder = CheckpointFolder(tmp_path / "state")
    with pytest.raises(TrainingInterrupted):
        Denoiser.from_options(TINY).fit(clean[:16], checkpoint=folder, observers=[Stops()])
    resumed = Denoiser.from_options(TINY).fit(clean[:16], checkpoint=folder, resume=True)
    assert np.array_equal(resumed.denoise(clean[:2]), whole.denoise(clean[:2]))


def test_it_can_be_cloned() -> None:
    model = Denoiser(noise="gaussian", sigma="0..0.1", architecture={"widths": (8,)})
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"noise": "gausian"}, "unknown noise 'gausian'.*gaussian"),
        ({"sigma": 25}, "between 0 and 1.*got 25: .* 25/255, for 16-bit images 25/65535$"),
        ({"noise": "gaussian:0..55"}, r"got 0\.\.55: for 8-bit images write 0\.\.55/255, for"),
        ({"learn": "cleen"}, "unknown learn 'cleen'.*clean"),
        ({"patch": 4}, "patch must be a whole number of pixels from 8 to 4096; got 4"),
        ({"turn": 3}, "turn must be True, False or None; got 3"),
        ({"preset": "unett"}, "unknown preset 'unett'.*unet"),
        ({"learn": "pairs"}, "learn 'pairs' needs target"),
        ({"clip_noise": "yes"}, "clip_noise must be True or False; got 'yes'"),
        ({"widths": (8,), "blocks": -1}, "blocks must be a whole number from 0"),
    ],
)
def test_wrong_parameters_end_in_one_sentence(parameters: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Denoiser.from_options(parameters).fit(blobs(6, 16, 16))


def test_wrong_data_end_in_one_sentence(model: Denoiser, clean: np.ndarray) -> None:
    with pytest.raises(InputError, match="learn 'noisy' has no use for a target"):
        Denoiser.from_options({**TINY, "learn": "noisy"}).fit(clean, target=clean)
    with pytest.raises(InputError, match="no pair can be used"):
        Denoiser.from_options(TINY).fit(clean, target=clean[:, :8])
    told = r"sigma must lie between 0 and 1.*got 25: for 25 grey levels write 25/255$"
    with pytest.raises(InputError, match=told):
        model.denoise(clean[:2], sigma=25)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("ensemble", [False, True])
def test_large_images_go_by_tiles_and_come_back_as_from_one_piece(
    dtype: str, channels: tuple[int, ...], ensemble: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = blobs(2, 90, 200, *channels, dtype=dtype)
    model = Denoiser.from_options({**TINY, "sigma": "0..0.2"}).fit(images)
    (whole, *_) = model.iter_denoise(images, ensemble=ensemble)
    pieces = []

    def small(network: Autoencoder, height: int, width: int) -> list[Tile]:
        pieces.append(tiles(network, height, width, tile=64))
        return pieces[-1]

    monkeypatch.setattr(restored_images, "tiles", small)
    (tiled, *_) = model.iter_denoise(images, ensemble=ensemble)
    assert len(pieces[0]) > 2
    assert tiled.pixels.dtype == whole.pixels.dtype
    difference = np.abs(tiled.pixels.astype(float) - whole.pixels.astype(float)).max()
    assert difference <= (1e-4 if dtype == "float32" else 1)
    assert tiled.level == pytest.approx(whole.level, rel=1e-6)
    assert tiled.removed == pytest.approx(whole.removed, rel=1e-3)
    (told, *_) = model.iter_denoise(images, sigma=0.07, ensemble=ensemble)
    assert told.level == pytest.approx(0.07)


def test_large_images_with_missing_pixels_go_in_one_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their holes are filled by the mean of the whole image."""
    images = blobs(2, 90, 200, dtype="float32")
    model = Denoiser.from_options({**TINY, "sigma": 0.1}).fit(images)
    images[0, 3, 4] = np.nan
    (whole, *_) = model.iter_denoise(images)
    monkeypatch.setattr(restored_images, "tiles", lambda n, h, w: tiles(n, h, w, tile=64))
    (again, *_) = model.iter_denoise(images)
    assert np.array_equal(whole.pixels, again.pixels, equal_nan=True)
    assert np.array_equal(np.isnan(whole.pixels[..., 0]), np.isnan(images[0]))
