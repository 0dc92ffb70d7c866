"""What the ways to learn denoising show the network, and what they ask of it."""

import numpy as np
import pytest
import torch
from torch import Tensor

from convae.corruption.noise import parse_noise
from convae.losses import parse_loss
from convae.networks.autoencoder import Output
from convae.training.tasks.denoising import (
    BLIND_SHARE,
    FromClean,
    FromNoisyBlind,
    FromNoisyGaussian,
    FromPairs,
)
from convae.training.tasks.task import Example, step_rng

MSE = parse_loss("mse")


def rng(count: int, step: int = 0):
    return step_rng(0, 0, step, np.arange(count))


def blind(count: int) -> FromNoisyBlind:
    return FromNoisyBlind(MSE, torch.full((count,), 0.1), turn=False, level_map=False)


def told(restored: Tensor) -> Output:
    return Output(restored, restored)


def test_clean_images_get_noise_of_the_level_that_is_told() -> None:
    clean = torch.full((6, 2, 64, 64), 0.5)
    task = FromClean(MSE, parse_noise("gaussian:0..0.2"), turn=False, level_map=True)
    example = task.example(clean, rng(6))
    assert torch.equal(example.target, clean)
    assert example.input.shape == (6, 3, 64, 64)
    level = example.input[:, 2].flatten(1)
    assert torch.equal(level.min(1).values, level.max(1).values)
    noise = (example.input[:, :2] - clean).flatten(1)
    assert torch.allclose(noise.std(dim=1), level[:, 0], rtol=0.05)


def test_noise_is_drawn_anew_in_every_step_and_again_in_the_same() -> None:
    clean = torch.rand(2, 1, 8, 8)
    task = FromClean(MSE, parse_noise("gaussian:0.1"), turn=True, level_map=False)
    first = task.example(clean, rng(2)).input
    assert torch.equal(first, task.example(clean, rng(2)).input)
    assert not torch.equal(first, task.example(clean, rng(2, step=1)).input)


def test_a_pair_is_turned_as_one() -> None:
    image = torch.rand(12, 1, 6, 6)
    pair = torch.cat([image, image * 2, image * 3], dim=1)
    example = FromPairs(MSE, 1, turn=True).example(pair, rng(12))
    assert torch.equal(example.input * 2, example.target[:, :1])
    assert torch.equal(example.input * 3, example.target[:, 1:])
    assert not torch.equal(example.input, image)


def test_the_two_halves_of_gaussian_noise_are_independent() -> None:
    """Both are y plus and minus parts of the same fresh noise: Cov = σ² - α σ² / α = 0."""
    count, sigma = 64, 0.1
    clean = torch.zeros(count, 1, 64, 64)
    noisy = clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    task = FromNoisyGaussian(MSE, torch.full((count,), sigma), turn=False, level_map=True)
    example = task.example(noisy, rng(count))
    shown, level = example.input[:, :1].flatten(1), example.input[:, 1].flatten(1)[:, 0]
    target = example.target.flatten(1)
    assert torch.allclose(shown.std(dim=1), level, rtol=0.05)
    correlation = (shown * target).mean(1) / (shown.std(1) * target.std(1))
    assert correlation.abs().max() < 5 / 64  # five deviations of 4096 independent products
    assert abs(correlation.mean()) < 5 / (64 * 8)


def test_images_whose_target_has_less_noise_count_for_more() -> None:
    noisy = torch.rand(16, 1, 8, 8)
    task = FromNoisyGaussian(MSE, torch.full((16,), 0.1), turn=False, level_map=True)
    example = task.example(noisy, rng(16))
    assert example.weight is not None
    spread = (example.target - noisy).flatten(1).std(dim=1)
    order = example.weight.flatten().argsort()
    # The target's fresh noise is σ/α: the weight α²/(1 + α²) falls as it grows.
    assert torch.corrcoef(torch.stack([spread[order], torch.arange(16.0)]))[0, 1] < -0.5
    losses = task.losses(told(noisy), example)
    assert torch.allclose(losses, MSE(noisy, example.target) * example.weight.flatten())


def test_the_level_follows_the_image_through_further_crops() -> None:
    level = torch.tensor([0.05, 0.2])
    task = FromNoisyGaussian(MSE, level, turn=False, level_map=True)
    places = step_rng(0, 0, 0, np.array([3, 2]))  # the second crops of images 1 and 0
    shown = task.example(torch.rand(2, 1, 4, 4), places).input[:, 1, 0, 0]
    assert shown[0] > 0.2
    assert 0.05 < shown[1] < 0.2


def test_blind_spots_hide_some_pixels_and_ask_for_those_alone() -> None:
    noisy = torch.rand(8, 2, 32, 32)
    task = blind(8)
    example = task.example(noisy, rng(8))
    assert example.weight is not None
    hidden = example.weight.bool().expand_as(noisy)
    assert torch.equal(example.input[~hidden], noisy[~hidden])
    assert torch.equal(example.target, noisy)
    assert float(example.weight.mean()) == pytest.approx(BLIND_SHARE, rel=0.2)
    wrong_elsewhere = torch.where(hidden, noisy, torch.full_like(noisy, 9.0))
    assert torch.equal(task.losses(told(wrong_elsewhere), example), torch.zeros(8))
    off = torch.where(hidden, noisy + 0.5, noisy)
    assert torch.allclose(task.losses(told(off), example), torch.full((8,), 0.25), atol=1e-5)


def test_a_hidden_pixel_has_the_value_of_another_near_by() -> None:
    places = torch.arange(64.0 * 64).view(1, 1, 64, 64)
    example = blind(8).example(places, rng(1))
    assert example.weight is not None
    hidden = example.weight.bool()[0, 0]
    hidden[:3] = hidden[-3:] = False  # where the window is cut, a pixel may stand for itself
    hidden[:, :3] = hidden[:, -3:] = False
    came, was = example.input[0, 0][hidden], places[0, 0][hidden]
    down = (came // 64 - was // 64).abs()
    right = (came % 64 - was % 64).abs()
    assert down.max() == 2
    assert right.max() == 2
    assert ((down + right) > 0).all()


def test_even_an_image_of_one_pixel_has_a_hidden_one() -> None:
    example = blind(8).example(torch.rand(3, 1, 1, 1), rng(3))
    assert isinstance(example, Example)
    assert example.weight is not None
    assert float(example.weight.sum()) == 3
