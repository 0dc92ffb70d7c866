"""Maps of difference: against scikit-image and SciPy, by properties, and where a defect is."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, prewitt
from skimage.metrics import structural_similarity

from convae.errors import InputError
from convae.metrics.difference_maps import (
    GRADIENT_FLOOR,
    LEAST_DEVIATION,
    MAPS,
    PRIOR_IMAGES,
    Standards,
    colour_difference,
    difference_maps,
    gradient_difference,
    gradient_length,
    smoothed,
    structure_difference,
    top_mean,
)


def pair(channels=1, height=40, width=33, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand((2, channels, height, width), generator=generator)
    return smoothed(image, 1.5), smoothed(image, 1.0)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (10, 12), (40, 33), (64, 64)])
def test_identical_images_differ_nowhere(name: str, size) -> None:
    image = torch.rand(2, 3, *size)
    difference = MAPS[name](image, image.clone())
    assert difference.shape == (2, 1, *size)
    assert difference.abs().max() < 1e-6


@pytest.mark.parametrize("name", MAPS)
def test_differences_are_symmetric_and_of_each_image_alone(name: str) -> None:
    restored, image = pair(3)
    both = MAPS[name](restored, image)
    torch.testing.assert_close(both, MAPS[name](image, restored))
    torch.testing.assert_close(both[1:], MAPS[name](restored[1:], image[1:]))
    assert both.min() >= 0
    if name != "colour":
        assert both.max() <= 1


@pytest.mark.parametrize("name", MAPS)
def test_a_defect_is_found_where_it_is(name: str) -> None:
    image, _ = pair(3, 64, 64)
    restored = image.clone()
    image[0, :, 20:28, 30:38] += 0.4
    difference = MAPS[name](restored, image)
    row, column = divmod(int(difference[0].argmax()), 64)
    assert 17 <= row <= 30
    assert 27 <= column <= 40
    assert difference[1].abs().max() < 1e-6
    assert difference[0, 0, 50:, :10].max() < 1e-3


def test_structure_is_scikit_images_ssim() -> None:
    restored, image = pair()
    expected = structural_similarity(
        restored[0, 0].double().numpy(),
        image[0, 0].double().numpy(),
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )[1]
    ours = 1 - 2 * structure_difference(restored, image)[0, 0].numpy()
    inner = (slice(5, -5), slice(5, -5))
    np.testing.assert_allclose(ours[inner], expected[inner], atol=1e-4)


def test_gradients_are_scipys() -> None:
    image = pair()[0][0, 0].double()
    expected = np.hypot(*(prewitt(image.numpy(), axis, mode="nearest") / 3 for axis in (0, 1)))
    np.testing.assert_allclose(gradient_length(image[None, None])[0, 0], expected, atol=1e-12)


def test_one_scale_of_gradient_difference_by_its_formula() -> None:
    restored, image = (x[..., :12, :12] for x in pair())  # too small to be halved
    g, h = gradient_length(image), gradient_length(restored)
    expected = 1 - (2 * g * h + GRADIENT_FLOOR) / (g**2 + h**2 + GRADIENT_FLOOR)
    torch.testing.assert_close(gradient_difference(restored, image), expected, atol=1e-6, rtol=1e-4)


def test_colour_is_the_difference_of_channels() -> None:
    image = torch.zeros(1, 2, 9, 9)
    restored = torch.tensor([0.3, 0.4]).view(1, 2, 1, 1).expand(1, 2, 9, 9)
    expected = torch.full((1, 1, 9, 9), (0.25 / 2) ** 0.5)
    torch.testing.assert_close(colour_difference(restored, image), expected)


def test_the_blur_is_scipys() -> None:
    image = pair()[0].double()
    expected = gaussian_filter(image[0, 0].numpy(), 2.0, mode="nearest", radius=6)
    np.testing.assert_allclose(smoothed(image, 2.0)[0, 0], expected, atol=1e-12)
    assert smoothed(image, 0) is image


def test_all_maps_together() -> None:
    restored, image = pair(3)
    maps = difference_maps(restored, image, sigma=0)
    assert maps.shape == (2, len(MAPS), 40, 33)
    for i, function in enumerate(MAPS.values()):
        torch.testing.assert_close(maps[:, i : i + 1], function(restored, image))


def test_standards_per_pixel() -> None:
    generator = torch.Generator().manual_seed(0)
    deviation = torch.rand((2, 6, 7), generator=generator) + 0.5
    maps = 3 + deviation * torch.randn((4000, 2, 6, 7), generator=generator)
    standards = Standards.of(iter(maps))
    torch.testing.assert_close(standards.mean, torch.full((2, 6, 7), 3.0), atol=0.1, rtol=0)
    torch.testing.assert_close(standards.deviation, deviation, atol=0.06, rtol=0)
    z = standards.apply(maps)
    assert z.mean().abs() < 0.01
    assert z.std() == pytest.approx(1, abs=0.02)


def test_few_images_lean_on_the_whole_map() -> None:
    maps = torch.rand((2, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    standards = Standards.of(maps)
    overall = maps.double().var(correction=0)
    weight = 2 / (2 + PRIOR_IMAGES)
    expected = weight * maps.double().var(0, correction=0) + (1 - weight) * overall
    torch.testing.assert_close(standards.deviation, expected.sqrt().float())


def test_neighbours_can_share_what_they_say() -> None:
    """Six images of noise whose level falls from left to right: shared, it is estimated better."""
    generator = torch.Generator().manual_seed(0)
    level = torch.linspace(3, 1, 64).expand(64, 64)
    maps = level * (1 + 0.5 * torch.randn((6, 1, 64, 64), generator=generator))

    def wrong(standards: Standards) -> float:
        return float(
            (standards.mean[0] - level).abs().mean()
            + (standards.deviation[0] - level / 2).abs().mean()
        )

    assert wrong(Standards.of(maps, sigma=4)) < 0.5 * wrong(Standards.of(maps))
    mean = gaussian_filter(maps.double().mean(0)[0].numpy(), 4.0, mode="nearest", radius=12)
    np.testing.assert_allclose(Standards.of(maps, sigma=4).mean[0], mean, atol=1e-5)


def test_images_of_different_sizes_have_one_standard_for_all_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = [torch.rand((1, 8, 8 + i % 3), generator=generator) + 2 for i in range(300)]
    standards = Standards.of(maps)
    assert standards.mean.shape == standards.deviation.shape == (1, 1, 1)
    assert float(standards.mean) == pytest.approx(2.5, abs=0.02)
    assert float(standards.deviation) == pytest.approx(12**-0.5, abs=0.02)
    assert standards.apply(torch.rand(1, 1, 20, 20) + 2).shape == (1, 1, 20, 20)


def test_maps_of_another_size_are_measured_by_the_overall_standard() -> None:
    standards = Standards(torch.full((1, 4, 4), 2.0), torch.full((1, 4, 4), 0.5))
    torch.testing.assert_close(
        standards.apply(torch.full((1, 1, 3, 5), 3.0)), torch.full((1, 1, 3, 5), 2.0)
    )


def test_constant_maps_do_not_divide_by_zero() -> None:
    standards = Standards.of(torch.ones(3, 1, 4, 4))
    assert standards.deviation.min() == pytest.approx(LEAST_DEVIATION)


def test_standards_need_images() -> None:
    with pytest.raises(InputError, match="maps of at least one normal image"):
        Standards.of([])


def test_the_top_of_a_map() -> None:
    maps = torch.arange(100.0).view(1, 1, 10, 10)[:, :, torch.randperm(10)]
    assert top_mean(maps, 0.02).tolist() == [98.5]
    assert top_mean(maps, 1e-9).tolist() == [99]
    assert top_mean(maps, 1).tolist() == [49.5]
    for fraction in (0, 1.1):
        with pytest.raises(InputError, match="fraction must be above 0 and at most 1"):
            top_mean(maps, fraction)
