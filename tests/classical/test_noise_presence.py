"""Whether images are noisy: textures, patterns, small pictures and photographs, with noise and without."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import torch
from sklearn.datasets import load_digits, load_sample_images

from convae.classical.noise_presence import LEAST, NoisePresence, find_noise

SIDE = 64
Y, X = np.mgrid[:SIDE, :SIDE].astype(float)
Make = Callable[[np.random.Generator], np.ndarray]


def found(images: Iterable[np.ndarray]) -> NoisePresence:
    """What is found in 8-bit images (h, w), as the network sees them."""
    return find_noise(torch.from_numpy(i)[None, None].float() / 255 for i in images)


def stored(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def gaussian(images: Iterable[np.ndarray], sigma: float, seed: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [stored(i + rng.normal(0, sigma, i.shape)) for i in images]


def poisson(images: Iterable[np.ndarray], photons: float, seed: int = 1) -> list[np.ndarray]:
    """``photons`` where an image is white."""
    rng = np.random.default_rng(seed)
    return [stored(rng.poisson(i / 255 * photons) / photons * 255) for i in images]


def several(make: Make, count: int = 12) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [stored(make(rng)) for _ in range(count)]


def spectrum(exponent: float) -> Make:
    """Random phases below an amplitude of 1 / frequency ** exponent: the texture of natural images is 1."""

    def make(rng: np.random.Generator) -> np.ndarray:
        radius = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
        radius[0, 0] = 1
        phases = np.exp(2j * np.pi * rng.random((SIDE, SIDE)))
        image = np.fft.ifft2(phases / radius**exponent).real
        return np.asarray(127 + 40 * (image - image.mean()) / image.std())

    return make


def blurred(sigma: float) -> Make:
    def make(rng: np.random.Generator) -> np.ndarray:
        image = scipy.ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), sigma)
        return np.asarray(127 + 20 * image / image.std())

    return make


def dots(rng: np.random.Generator) -> np.ndarray:
    image = np.full((SIDE, SIDE), 40.0)
    image[rng.integers(0, SIDE, 150), rng.integers(0, SIDE, 150)] = 200
    return image


def disks(rng: np.random.Generator) -> np.ndarray:
    """Dark on black, with sharp edges, as fluorescence is."""
    image = np.zeros((SIDE, SIDE))
    for x, y, radius in rng.uniform(8, 56, (6, 3)):
        image[np.hypot(X - x, Y - y) < radius / 4] = rng.uniform(60, 220)
    return image


def dithered(rng: np.random.Generator) -> np.ndarray:
    """Ordered dithering: the finest detail that there is, and no chance in it."""
    order = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 + 1 / 32
    grey = 0.5 + 0.3 * np.sin(X / 9 + rng.uniform(0, 6)) * np.cos(Y / 7)
    return np.asarray(255.0 * (grey > np.tile(order, (SIDE // 4, SIDE // 4))))


def page(rng: np.random.Generator) -> np.ndarray:
    """Letters of black strokes, two pixels wide, on white."""
    image = np.full((SIDE, SIDE), 255.0)
    for y, x in rng.integers(0, SIDE - 8, (20, 2)):
        image[y : y + 8, x : x + 2] = 0
        image[y : y + 2, x : x + 6] = 0
    return image


FLAT = {
    "smooth": lambda rng: 127 + 60 * np.sin(X / 9 + rng.uniform(0, 6)) * np.cos(Y / 7),
    "ramp": lambda rng: 40 + 2 * X + Y * rng.uniform(0, 1),
    "disks": lambda rng: 20 + 0.8 * disks(rng),
    "dots": dots,
    "bricks": lambda rng: 120 + 60 * ((Y + rng.integers(8)) % 8 == 0),
    "page": lambda rng: 20 + 0.8 * page(rng),
}
TEXTURED = {
    "1/f": spectrum(1),
    "1/f^1.5": spectrum(1.5),
    "1/f^2": spectrum(2),
    "fine blur": blurred(0.7),
    "blur": blurred(1.2),
    "chequers of 1": lambda rng: 60 + 100 * ((X + Y + rng.integers(2)) % 2),
    "chequers of 3": lambda rng: 60 + 100 * ((X // 3 + Y // 3 + rng.integers(2)) % 2),
    "stripes": lambda rng: 60 + 100 * ((X + rng.integers(2)) % 2),
    "hatched": lambda rng: 60 + 100 * ((X + Y + rng.integers(3)) % 3 == 0),
    "waves": lambda rng: 127 + 50 * np.sin(1.3 * X + rng.uniform(0, 6)) * np.cos(1.2 * Y),
    "fine waves": lambda rng: 127 + 50 * np.sin(2.5 * X + rng.uniform(0, 6)) * np.cos(2.3 * Y),
    "finer waves": lambda rng: 127 + 50 * np.sin(1.9 * X + rng.uniform(0, 6)) * np.cos(1.7 * Y),
    "grid waves": lambda rng: (
        127 + 50 * np.sin(2.5 * X + rng.integers(9)) * np.cos(2.25 * Y + rng.integers(9))
    ),
    "diagonal waves": lambda rng: 127 + 50 * np.sin(1.7 * X + 1.1 * Y + rng.uniform(0, 6)),
    "dithered": dithered,
}


@pytest.mark.parametrize("name", [*FLAT, *TEXTURED])
def test_clean_images_are_clean_whatever_their_texture(name: str) -> None:
    assert not found(several((FLAT | TEXTURED)[name])).noisy


@pytest.mark.parametrize("sigma", [2, 3, 5, 10, 25, 50])
@pytest.mark.parametrize("name", FLAT)
def test_noise_is_found_from_two_grey_levels_on_and_its_level_told(name: str, sigma: float) -> None:
    """Up to what the noise of 128 cells of a band may deviate by chance, and what ends at black."""
    seen = found(gaussian(several(FLAT[name]), sigma))
    assert seen.noisy
    assert 255 * seen.fine == pytest.approx(sigma, rel=0.3)
    assert 0.67 <= seen.fine / seen.coarse <= 1.6


@pytest.mark.parametrize("name", ["1/f", "1/f^1.5", "1/f^2", "fine blur", "blur"])
def test_noise_is_found_in_texture_that_it_drowns(name: str) -> None:
    assert found(gaussian(several(TEXTURED[name]), 50)).noisy


@pytest.mark.parametrize("sigma", [5, 10, 25])
def test_noise_is_found_in_waves_without_any_flat_place(sigma: float) -> None:
    """Where the slope of a wave is none its curvature is greatest: differences of high order decide."""
    rng = np.random.default_rng(0)
    waves = [127 + 115 * np.sin(a * X + b * Y + p) for a, b, p in rng.uniform(0.1, 0.7, (16, 3))]
    assert not found(map(stored, waves)).noisy
    seen = found(gaussian(waves, sigma))
    assert seen.noisy
    assert 255 * seen.fine == pytest.approx(sigma, rel=0.15)


@pytest.mark.parametrize("photons", [30, 300, 1000])
def test_photon_noise_is_found_although_black_has_none(photons: float) -> None:
    assert found(poisson(several(disks), photons)).noisy
    assert not found(several(disks)).noisy


@pytest.mark.parametrize("name", ["page", "disks"])
def test_noise_that_ends_at_black_and_white_is_found(name: str) -> None:
    make = {"page": page, "disks": disks}[name]
    assert found(gaussian(several(make), 5)).noisy
    assert not found(several(make)).noisy


def test_noise_below_what_matters_is_none() -> None:
    """A camera's half a grey level is in every photograph."""
    seen = found(gaussian(several(FLAT["smooth"]), 0.5))
    assert not seen.noisy
    assert seen.fine < LEAST


@pytest.mark.parametrize("blur", [0.7, 1.0])
def test_noise_that_hangs_together_counts_for_texture(blur: float) -> None:
    """So that blind spots, which would learn it, are not chosen: the documented limit."""
    rng = np.random.default_rng(1)
    noise = [
        scipy.ndimage.gaussian_filter(rng.normal(0, 20, (SIDE, SIDE)), blur) for _ in range(12)
    ]
    clean = several(FLAT["smooth"])
    assert not found(stored(a + b) for a, b in zip(clean, noise, strict=True)).noisy


def test_digits_are_clean_and_noisy_ones_are_not() -> None:
    """8 x 8 pixels, in which every cell holds the edge of a stroke."""
    digits = [stored(i * 255 / 16) for i in load_digits().images]
    assert not found(digits).noisy
    assert found(gaussian(digits, 35)).noisy
    for count in (20, 100, 400):
        assert not found(digits[:count]).noisy


def test_photographs_are_clean_and_noisy_ones_are_not() -> None:
    images = [np.array(image) for image in load_sample_images().images]
    photographs = [plane for image in images for plane in np.moveaxis(image, 2, 0)]
    for part in (photographs, [i[:200, :200] for i in photographs]):
        assert not found(part).noisy
        assert found(gaussian(part, 3)).noisy


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 3), (4, 4), (8, 8), (5, 300)])
@pytest.mark.parametrize("value", [0, 255])
def test_images_without_anything_in_them_are_clean(size: tuple[int, int], value: int) -> None:
    assert not found([np.full(size, value, np.uint8)] * 9).noisy


def test_nothing_is_clean() -> None:
    assert found([]) == NoisePresence(noisy=False, fine=0.0, coarse=0.0)


def test_images_of_many_sizes_and_channels_count_together() -> None:
    rng = np.random.default_rng(0)
    sizes = [(3, 40, 50), (1, 64, 30), (2, 90, 90)]
    images = [0.5 + 0.02 * rng.normal(size=size) for size in sizes]
    seen = find_noise(torch.from_numpy(image)[None] for image in images)
    assert seen.noisy
    assert seen.fine == pytest.approx(0.02, rel=0.15)


def test_the_unit_is_that_of_the_values_given() -> None:
    """Twice the noise in values that are twice as far apart."""
    rng = np.random.default_rng(0)
    images = torch.from_numpy(0.5 + 0.02 * rng.normal(size=(8, 1, 64, 64)))
    one, two = find_noise([images]), find_noise([2 * images])
    assert two.fine == pytest.approx(2 * one.fine)
    assert two.coarse == pytest.approx(2 * one.coarse)


@pytest.mark.parametrize(
    ("folder", "noisy"),
    [
        ("denoise/set12", False),
        ("denoise/bsd68", False),
        ("documents_denoise/clean", False),
        ("microscopy/cbmi_mito_lowsnr_u16", True),
    ],
)
def test_real_images_where_they_are_there(shared_data: Path, folder: str, noisy: bool) -> None:
    from convae.images.dataset.scaling import Scaling
    from convae.images.sources.open_source import open_source

    source = open_source(shared_data / folder)
    images = [np.moveaxis(source.read(i).pixels, 2, 0)[:, :256, :256] for i in range(12)]
    scaling = Scaling.fit([image[None] for image in images], str(images[0].dtype))
    assert find_noise(torch.from_numpy(scaling.apply(i))[None] for i in images).noisy is noisy
