"""Noise on what is shown, never on what should come out; the same in every validation."""

import numpy as np
import pytest
import torch

from convae.corruption.noise import parse_noise
from convae.losses import parse_loss
from convae.training.tasks.corrupted import Corrupted
from convae.training.tasks.task import VALIDATION, Reconstruction, step_rng
from convae.training.tasks.translated import Translated

IMAGES = torch.rand(64, 1, 16, 16, generator=torch.Generator().manual_seed(0))
POSITIONS = np.arange(64)


def task(noise: str, shift: float = 0.0) -> Corrupted:
    inner = Reconstruction(parse_loss("mse"))
    return Corrupted(Translated(inner, shift) if shift else inner, parse_noise(noise))


def test_what_is_shown_has_the_noise_and_what_should_come_out_has_none() -> None:
    example = task("gaussian:0.3").example(IMAGES, step_rng(0, 0, 0, POSITIONS))
    assert torch.equal(example.target, IMAGES)
    # the deviation of 16,384 draws is known to about 0.3 / sqrt(2 * 16384) = 0.0017
    assert float((example.input - IMAGES).std()) == pytest.approx(0.3, abs=0.01)


def test_every_step_draws_anew_and_every_validation_the_same() -> None:
    noisy = task("gaussian:0.3")
    steps = [noisy.example(IMAGES, step_rng(0, 0, step, POSITIONS)).input for step in (0, 1)]
    assert not torch.equal(*steps)
    seen = [noisy.example(IMAGES, step_rng(0, VALIDATION, 0, POSITIONS)).input for _ in range(2)]
    assert torch.equal(*seen)


def test_it_goes_with_moved_images() -> None:
    rng = step_rng(0, 0, 0, POSITIONS, progress=0.5)  # nothing is moved in validation, at the end
    example = task("gaussian:0.01", shift=0.25).example(IMAGES, rng)
    assert torch.equal(example.target, IMAGES)
    assert float((example.input - IMAGES).abs().mean()) > 0.1
