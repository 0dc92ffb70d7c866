"""Measures of filled holes: against NumPy and scikit-image, and what they must not look at."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from convae.errors import InputError
from convae.metrics.filled_holes import hole_mse, hole_psnr, hole_ssim, seam_error


def scene(channels: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(2, channels, 30, 41, generator=generator, dtype=torch.float64)
    filled = (
        target + 0.1 * torch.randn(target.shape, generator=generator, dtype=torch.float64)
    ).clamp(0, 1)
    mask = torch.zeros(2, 1, 30, 41)
    mask[:, :, 9:16, 12:20] = 1
    mask[1, :, 25:, :4] = 1
    return filled, target, mask


def test_squared_error_of_the_missing_pixels_alone() -> None:
    filled, target, mask = scene()
    for i in range(2):
        holes = mask[i, 0].numpy() > 0
        error = ((filled - target)[i].numpy() ** 2)[:, holes].mean()
        assert float(hole_mse(filled, target, mask)[i]) == pytest.approx(error)
        assert float(hole_psnr(filled, target, mask)[i]) == pytest.approx(-10 * np.log10(error))


def test_structural_similarity_is_that_of_scikit_image_in_the_holes() -> None:
    filled, target, mask = scene()
    for i in range(2):
        _, values = structural_similarity(
            filled[i].numpy(), target[i].numpy(), channel_axis=0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False, data_range=1.0, full=True,
        )  # fmt: skip
        inside = mask[i, 0].numpy() > 0
        inside[:5], inside[-5:], inside[:, :5], inside[:, -5:] = False, False, False, False
        expected = values[:, inside].mean()
        assert float(hole_ssim(filled, target, mask)[i]) == pytest.approx(expected, abs=1e-9)


def test_a_seam_is_a_step_that_was_not_there() -> None:
    target = torch.zeros(1, 1, 10, 10)
    target[..., 5:] = 0.5  # an edge of the image itself
    mask = torch.zeros(1, 1, 10, 10)
    mask[..., 3:7, 3:7] = 1
    assert float(seam_error(target, target, mask)) == 0
    lifted = target + 0.1 * mask
    assert float(seam_error(lifted, target, mask)) == pytest.approx(0.1)
    inside = target.clone()
    inside[..., 4:6, 4:6] += 0.3  # wrong, but not at the border
    assert float(seam_error(inside, target, mask)) == 0


def test_known_pixels_do_not_count() -> None:
    filled, target, mask = scene(1)
    other = torch.where(mask > 0, filled, torch.rand_like(filled))
    for measure in (hole_mse, hole_psnr, seam_error):
        assert torch.equal(measure(filled, target, mask), measure(other, target, mask))


def test_without_holes_there_is_nothing_to_say() -> None:
    filled, target, mask = scene()
    for measure in (hole_mse, hole_psnr, hole_ssim, seam_error):
        values = measure(filled, target, mask * torch.tensor([0.0, 1.0]).view(2, 1, 1, 1))
        assert values.isnan().tolist() == [True, False]


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (11, 11), (12, 5)])
def test_small_images(size: tuple[int, int]) -> None:
    target = torch.rand(1, 1, *size)
    mask = torch.ones(1, 1, *size)
    assert float(hole_ssim(target, target, mask)) == pytest.approx(1)
    assert float(hole_mse(target, target, mask)) == 0


def test_a_mask_of_another_shape_is_refused() -> None:
    filled, target, mask = scene()
    with pytest.raises(InputError, match="mask must have the shape"):
        hole_mse(filled, target, mask[:, :, 1:])
