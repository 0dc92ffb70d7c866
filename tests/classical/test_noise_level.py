"""The estimated level of noise and the whiteness of a residual, where both are known."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from convae.classical.denoising import median, non_local_means
from convae.classical.noise_level import (
    BAND,
    ENOUGH,
    bands,
    estimate_noise_level,
    is_structured,
    noise_level_of,
    whiteness,
)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def smooth(batch: int, channels: int, height: int, width: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = 0.5 + 0.3 * torch.sin(x / 9) * torch.cos(y / 11)
    return image.expand(batch, channels, -1, -1)


@pytest.mark.parametrize("sigma", [0.0, 1 / 255, 10 / 255, 60 / 255])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_level_of_smooth_images_is_found(sigma: float, channels: int) -> None:
    clean = smooth(3, channels, 128, 160)
    found = estimate_noise_level(clean + sigma * normal(*clean.shape))
    assert found.shape == (3,)
    assert found.numpy() == pytest.approx(sigma, rel=0.05, abs=3e-4)


def test_levels_are_those_of_each_image() -> None:
    clean, sigma = smooth(3, 1, 96, 96), torch.tensor([0.01, 0.1, 0.5])
    batch = clean + sigma.view(-1, 1, 1, 1) * normal(*clean.shape)
    together = estimate_noise_level(batch)
    assert together.numpy() == pytest.approx(sigma.numpy(), rel=0.06)
    for one, image in zip(together, batch, strict=True):
        assert torch.equal(estimate_noise_level(image[None])[0], one)


def test_channels_count_by_their_mean_square() -> None:
    batch = normal(1, 2, 200, 200) * torch.tensor([0.1, 0.3]).view(1, 2, 1, 1)
    expected = ((0.1**2 + 0.3**2) / 2) ** 0.5
    assert estimate_noise_level(batch).item() == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 3), (4, 4), (5, 5), (8, 8)])
def test_images_of_any_size_have_a_level(size: tuple[int, int]) -> None:
    found = estimate_noise_level(0.1 * normal(200, 1, *size) + 0.5 * (min(size) > 1))
    assert torch.isfinite(found).all()
    assert (found >= 0).all()
    assert found.median().item() == pytest.approx(0.1, rel=0.25)


def test_flat_images_and_scans_without_noise_have_none() -> None:
    page = torch.ones(1, 1, 100, 100)
    page[:, :, 20:24, 10:90] = 0  # a line of text
    assert estimate_noise_level(torch.cat([page, torch.full_like(page, 0.3)])).max() < 1e-6


def test_the_level_of_photographs(shared_data: Path) -> None:
    """With noise it is met within a few percent; without, texture looks like 1 to 3 of 255."""
    files = sorted((shared_data / "denoise" / "train400").glob("*.png"))[::10]
    pixels = np.stack([np.asarray(Image.open(file).convert("L")) for file in files])
    clean = torch.from_numpy(pixels).float()[:, None] / 255
    for sigma, bias in ((0, 3.0), (5, 1.5), (15, 1.0), (25, 0.8), (50, 0.8)):
        found = estimate_noise_level(clean + sigma / 255 * normal(*clean.shape)) * 255
        assert 0 <= found.mean() - sigma < bias, sigma


def test_white_noise_is_white() -> None:
    values = whiteness(normal(20, 1, 96, 128))
    assert values.shape == (20,)
    assert (values <= 1).all()
    assert values.min() > 0.95
    assert whiteness(normal(4, 3, 96, 128) * 1e-4).min() > 0.95


@pytest.mark.parametrize("size", [8, 12, 28, 40])
def test_chance_is_taken_off_in_small_images(size: int) -> None:
    assert whiteness(normal(200, 1, size, size)).mean() > 0.83


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (4, 4), (5, 7)])
def test_images_of_any_size_have_a_whiteness(size: tuple[int, int]) -> None:
    values = whiteness(normal(5, 1, *size))
    assert ((values >= 0) & (values <= 1)).all()


def test_nothing_removed_is_white() -> None:
    assert whiteness(torch.zeros(2, 1, 64, 64)).tolist() == [1, 1]
    assert whiteness(torch.full((1, 1, 64, 64), 0.2)).tolist() == [1]


def test_structure_that_was_removed_is_seen() -> None:
    """The more of the image is in what was removed, the less white it is."""
    clean, noise = smooth(1, 1, 128, 128) > 0.5, 0.1 * normal(1, 1, 128, 128)
    shares = [whiteness(noise + share * clean.float()).item() for share in (0, 0.1, 0.3, 1)]
    assert shares == sorted(shares, reverse=True)
    assert not is_structured(shares[0])
    assert all(is_structured(share) for share in shares[2:])


def test_noise_that_hangs_together_is_not_white() -> None:
    noise = normal(1, 1, 128, 128)
    assert whiteness(F.avg_pool2d(noise, 3, 1)) < 0.5
    assert whiteness(normal(1, 1, 128, 1).expand(-1, -1, -1, 128)) < 0.5  # row stripes


def test_noise_left_behind_is_no_structure() -> None:
    """A residual without the low frequencies, where a careful denoiser leaves noise, counts as white."""
    noise = normal(1, 1, 128, 128)
    assert whiteness(noise - 0.7 * F.avg_pool2d(noise, 9, 1, padding=4)) > 0.95


def test_too_much_smoothing_is_told_from_enough(shared_data: Path) -> None:
    files = sorted((shared_data / "denoise" / "train400").glob("*.png"))[:4]
    pixels = np.stack([np.asarray(Image.open(file).convert("L")) for file in files])
    image = torch.from_numpy(pixels).float()[:, None, :96, :96] / 255
    image = image + 25 / 255 * normal(*image.shape)
    enough = whiteness(image - non_local_means(image, 25 / 255)).mean()
    much = whiteness(image - non_local_means(image, 50 / 255)).mean()
    assert enough > 0.9
    assert much < 0.85
    assert whiteness(image - median(image, 3)).mean() < 0.88


def test_large_images_are_judged_by_bands() -> None:
    """As well as by all of their rows, and alike whether they lie in memory or come in parts."""
    assert bands(2000, 2000) == [(0, 2000)]
    parts = bands(6000, 5000)
    assert sum(end - start for start, end in parts) * 5000 <= ENOUGH
    assert parts[0][0] == 0
    assert parts[-1][1] == 6000
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(parts))
    image = 0.1 * normal(1, 1, 2600, 2600) + 0.5
    found = estimate_noise_level(image)
    assert found.item() == pytest.approx(0.1, rel=0.005)
    assert len(bands(2600, 2600)) > 1
    assert torch.equal(
        found, noise_level_of(image[:, :, top:end] for top, end in bands(2600, 2600))
    )


def test_the_widest_images_have_bands_too() -> None:
    assert bands(40, 10**6) == [(0, 40)]
    assert bands(1000, 10**6) == [(0, BAND)]
