"""The median filter and non-local means against other ways to compute them."""

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter
from skimage.data import camera
from skimage.restoration import denoise_nl_means

from convae.classical import denoising
from convae.classical.denoising import median, non_local_means
from convae.errors import InputError
from convae.metrics import image_quality


def scene(batch: int = 1, channels: int = 1, height: int = 48, width: int = 60) -> torch.Tensor:
    """Shapes with edges and a slope, (B, C, H, W) in [0, 1]."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = 0.3 + 0.4 * ((x // 12 + y // 16) % 2) + 0.2 * y / height
    return torch.stack([image.roll(3 * i, dims=1) for i in range(batch * channels)]).reshape(
        batch, channels, height, width
    )


def noisy(clean: torch.Tensor, sigma: float) -> torch.Tensor:
    return clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_the_median_is_that_of_scipy(size: int) -> None:
    batch = noisy(scene(2, 3), 0.2)
    expected = median_filter(batch.numpy(), (1, 1, size, size), mode="nearest")
    assert np.array_equal(median(batch, size).numpy(), expected)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 1, 2, 9), (1, 3, 9, 1)])
def test_small_images_have_medians_and_means(shape: tuple[int, ...]) -> None:
    batch = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    assert median(batch, 5).shape == shape
    assert torch.isfinite(non_local_means(batch, 0.1)).all()


@pytest.mark.parametrize("size", [0, 2, -3, 3.0, True])
def test_wrong_sizes_are_told(size: int) -> None:
    with pytest.raises(InputError, match="must be an odd number of pixels; got"):
        median(scene(), size)


def test_the_median_removes_salt_and_pepper() -> None:
    clean = scene()
    wrong = torch.rand(clean.shape, generator=torch.Generator().manual_seed(1))
    spotted = torch.where(wrong < 0.05, (wrong < 0.025).float(), clean)
    assert image_quality.mse(median(spotted), clean) < 0.1 * image_quality.mse(spotted, clean)


def plain_means(image: np.ndarray, sigma: float) -> np.ndarray:
    """The formula, pixel by pixel: (C, H, W) float64."""
    reach, half = denoising.REACH, denoising.PATCH // 2
    edge = reach + half
    padded = np.pad(image, ((0, 0), (edge, edge), (edge, edge)), mode="edge")
    result = np.empty_like(image)
    for row in range(image.shape[1]):
        for column in range(image.shape[2]):
            y, x = row + edge, column + edge
            own = padded[:, y - half : y + half + 1, x - half : x + half + 1]
            total, weights = np.zeros(len(image)), 0.0
            for v in range(max(edge, y - reach), min(edge + image.shape[1], y + reach + 1)):
                for u in range(max(edge, x - reach), min(edge + image.shape[2], x + reach + 1)):
                    other = padded[:, v - half : v + half + 1, u - half : u + half + 1]
                    distance = max(0.0, ((own - other) ** 2).mean() - 2 * sigma**2)
                    weight = np.exp(-distance / (denoising.STRENGTH * sigma) ** 2)
                    total += weight * padded[:, v, u]
                    weights += weight
            result[:, row, column] = total / weights
    return result


@pytest.mark.parametrize("channels", [1, 2])
def test_non_local_means_are_their_formula(channels: int) -> None:
    batch = noisy(scene(2, channels, 6, 9), 0.1).double()
    got = non_local_means(batch, torch.tensor([0.1, 0.05], dtype=torch.float64))
    for one, image, sigma in zip(got, batch, (0.1, 0.05), strict=True):
        assert one.numpy() == pytest.approx(plain_means(image.numpy(), sigma), abs=1e-9)


def test_non_local_means_are_nearly_those_of_scikit_image() -> None:
    """Its patches are smaller by a row and a column, its border is mirrored."""
    photograph = camera()[100:196, 180:276].astype(np.float32) / 255
    clean, sigma = torch.from_numpy(photograph)[None, None], 0.1
    image = noisy(clean, sigma)
    theirs = torch.from_numpy(
        denoise_nl_means(
            image[0, 0].numpy(),
            patch_size=denoising.PATCH,
            patch_distance=denoising.REACH,
            h=denoising.STRENGTH * sigma,
            sigma=sigma,
            fast_mode=True,
        )
    )[None, None]
    ours = non_local_means(image, sigma)
    assert (ours - theirs).abs().mean() < 0.2 * sigma
    assert image_quality.psnr(ours, clean) > image_quality.psnr(theirs, clean) - 0.3


def test_non_local_means_remove_noise_and_keep_edges() -> None:
    clean = scene()
    image = noisy(clean, 0.1)
    done = non_local_means(image, 0.1)
    assert image_quality.psnr(done, clean) > image_quality.psnr(image, clean) + 6
    assert torch.allclose(non_local_means(clean, 0.0), clean, atol=1e-5)


def test_bands_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = noisy(scene(2, 3), 0.1)
    whole = median(batch, 5), non_local_means(batch, 0.1)
    monkeypatch.setattr(denoising, "BAND_VALUES", 2000)
    assert torch.equal(median(batch, 5), whole[0])
    assert torch.equal(non_local_means(batch, 0.1), whole[1])
