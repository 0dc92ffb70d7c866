"""How a denoiser chooses between learning from clean and from noisy images, and what it says of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.estimators.conftest import blobs
from tests.estimators.restoration.test_denoiser import TINY, Heard

import convae
from convae import Denoiser, InputError
from convae.classical.noise_presence import NoisePresence
from convae.config.parameters import DenoiserParameters
from convae.estimators.restoration.noise_decision import asked_way, decision_text
from convae.images.dataset.scaling import Scaling

START: dict[str, Any] = {**TINY, "epochs": 0}


def frames(
    dtype: str, top: float, noise: float, count: int = 16, offset: float = 0.1
) -> np.ndarray:
    """Smooth images in a part of what their type holds, with noise as a fraction of that part."""
    smooth = blobs(count, 48, 48, dtype="float32") / blobs(count, 48, 48, dtype="float32").max()
    rng = np.random.default_rng(0)
    values = top * (offset + 0.8 * smooth + rng.normal(0, noise, smooth.shape))
    if dtype == "float32":
        return np.asarray(values, dtype=np.float32)
    return np.asarray(np.clip(np.rint(values), 0, np.iinfo(dtype).max), dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "top"),
    [
        ("uint8", 255),
        ("uint16", 1000),
        ("uint16", 4095),
        ("uint16", 16383),
        ("uint16", 65535),
        ("float32", 1.0),
        ("float32", 4000.0),
    ],
)
def test_noise_counts_in_what_the_network_sees(dtype: str, top: float) -> None:
    """A camera of 12 bits fills a sixteenth of its uint16 files; its noise is no smaller for that."""
    for noise, way in ((0.0, "clean"), (0.05, "noisy blind")):
        model = Denoiser.from_options(START).fit(frames(dtype, top, noise))
        assert model.learn_ == way
        assert model.noise_found_ is not None
        assert model.noise_found_.noisy is (noise > 0)
    assert model.noise_found_ is not None
    assert model.noise_found_.fine == pytest.approx(0.05 / 0.85, rel=0.25)  # of the values in use


def test_patches_of_large_images_are_looked_at() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:180, :200]
    clean = [127 + 60 * np.sin(x / 9 + i) * np.cos(y / 7) for i in range(3)]
    noisy = [image + rng.normal(0, 4, image.shape) for image in clean]
    for images, way in ((clean, "clean"), (noisy, "noisy blind")):
        model = Denoiser.from_options(START).fit(
            [np.rint(image).astype(np.uint8) for image in images]
        )
        assert model.plan_.framing.mode == "random-crop"
        assert model.learn_ == way


@pytest.mark.parametrize("storage", ["resident", "cached", "streamed"])
def test_it_is_the_same_wherever_the_pixels_are_kept(storage: str) -> None:
    model = Denoiser.from_options({**START, "storage": storage}).fit(frames("uint8", 255, 0.05))
    assert model.learn_ == "noisy blind"


@pytest.mark.parametrize(
    ("parameters", "way"),
    [
        ({"learn": "clean"}, "clean"),
        ({"learn": "noisy"}, "noisy blind"),
        ({"learn": "noisy", "noise": "gaussian"}, "noisy gaussian"),
        ({"learn": "noisy", "noise": "gaussian:0.1"}, "noisy gaussian"),
        ({"learn": "noisy", "noise": "gaussian:5/255+poisson:30"}, "noisy blind"),
        ({"learn": "noisy", "noise": "gaussian+poisson"}, "noisy blind"),
        ({"sigma": 0.1}, "clean"),
        ({"noise": "poisson"}, "clean"),
    ],
)
def test_parameters_overrule_it(parameters: dict[str, Any], way: str) -> None:
    for noise in (0.0, 0.05):
        model = Denoiser.from_options({**START, **parameters}).fit(
            frames("uint8", 255, noise, count=8)
        )
        assert model.learn_ == way
        assert model.noise_found_ is None
    assert asked_way(DenoiserParameters(**parameters)) is not None


def test_what_decided_is_kept_with_the_model(tmp_path: Path) -> None:
    model = Denoiser.from_options(START).fit(frames("uint8", 255, 0.05, count=8))
    model.save(tmp_path / "m.convae")
    loaded = convae.load(tmp_path / "m.convae")
    assert isinstance(loaded, Denoiser)
    assert loaded.noise_found_ == model.noise_found_


@pytest.mark.parametrize(
    ("found", "scaling", "told"),
    [
        (
            NoisePresence(noisy=True, fine=0.01, coarse=0.011),
            Scaling((200.0,), (3000.0,), "uint16"),
            "the images look noisy. Nearly all of their values lie in the range 200 to 3000. Where they are "
            "flattest, their finest detail has a standard deviation of 28/65535, and the next coarser detail "
            "30.8/65535. This is taken for noise: white noise is about equally strong at both scales, "
            "texture is weaker at the finer one. If the images are clean, add --learn clean (in Python "
            'learn="clean")',
        ),
        (
            NoisePresence(noisy=False, fine=0.04, coarse=0.2),
            Scaling((0.0,), (255.0,), "uint8"),
            "the images look clean. Where they are flattest, their finest detail has a standard deviation of "
            "10.2/255, and the next coarser detail 51/255. This is taken for texture: white noise is about "
            "equally strong at both scales, and repeats no pattern. If the images are noisy, add --learn "
            'noisy (in Python learn="noisy")',
        ),
        (
            NoisePresence(noisy=False, fine=0.002, coarse=0.002),
            Scaling((0.0,), (1.0,), "float32"),
            "the images look clean. Where they are flattest, their finest detail has a standard deviation of "
            "0.002. Less than 0.00647 does not count as noise. If the images are noisy, add --learn noisy "
            '(in Python learn="noisy")',
        ),
    ],
)
def test_the_decision_shows_its_evidence(found: NoisePresence, scaling: Scaling, told: str) -> None:
    assert decision_text(found, scaling) == told


def test_made_noise_is_told_in_the_unit_of_the_files() -> None:
    """The default is a part of the values in use: 55/255 of about 2700 in a file of 65536."""
    heard = Heard()
    images = frames("uint16", 3400, 0.0)
    model = Denoiser.from_options(START).fit(images, observers=[heard])
    span = model.scaling_.high[0] - model.scaling_.low[0]
    (text,) = [text for text in heard.told if "noise is added" in text]
    assert f"noise is added (gaussian:0..{55 / 255 * span:.3g}/65535)" in text


def test_floats_have_their_own_values_as_the_unit_of_their_noise() -> None:
    """Hounsfield units: noise of 40 is told and given as 40."""
    images = frames("float32", 4000, 0.0) - 1000
    model = Denoiser.from_options({**START, "sigma": 40}).fit(images)
    assert model.noise_ is not None
    span = model.scaling_.high[0] - model.scaling_.low[0]
    assert model.noise_.pieces[0].most == pytest.approx(40 / span)
    assert next(iter(model.iter_denoise(images, sigma=40))).level == pytest.approx(40)
    with pytest.raises(InputError, match="sigma must be a number from 0 up; got -1"):
        model.denoise(images, sigma=-1)
    with pytest.raises(InputError, match="the level of gaussian must lie between 0 and 1"):
        Denoiser.from_options({**START, "sigma": 40}).fit(frames("uint16", 4000, 0.0))


def test_what_was_removed_is_in_the_same_unit_as_the_noise() -> None:
    """Black images of one value with noise of 20 levels: nearly all of it is removed, or nothing."""
    images = frames("uint16", 4000, 0.05, count=24)
    model = Denoiser.from_options({**{**TINY, "epochs": 6, "batch_size": 4}, "learn": "noisy"}).fit(
        images
    )
    done = next(iter(model.iter_denoise(images)))
    difference = images[0].astype(float) - done.pixels[..., 0]
    assert done.removed * 65535 == pytest.approx(difference.std(), rel=0.02)
