"""Codes near given places: what is lost, how it fades, and that training brings them there."""

import numpy as np
import torch

from convae.losses import parse_loss
from convae.networks.autoencoder import Output
from convae.training.tasks.keep_neighbours import (
    FIRST_WIDTH,
    LAST_WEIGHT,
    KeepNeighbours,
)
from convae.training.tasks.task import StepRng

CHANCE = torch.Generator()


def task(weight: float = 1.0) -> KeepNeighbours:
    places = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    return KeepNeighbours(parse_loss("mse"), places, unit=0.5, weight=weight)


def losses(code: list[list[float]], progress: float, weight: float = 1.0) -> torch.Tensor:
    """Of perfect reconstructions of the two images with these codes."""
    learns, images = task(weight), torch.rand(2, 1, 4, 4)
    example = learns.example(images, StepRng(CHANCE, np.array([0, 1]), progress))
    assert example.input is images
    assert example.target is images
    return learns.losses(Output(images, torch.tensor(code)), example)


def test_images_at_their_places_lose_almost_nothing() -> None:
    at_home, away = losses([[0, 0], [3, 4]], 0.0), losses([[3, 4], [0, 0]], 0.0)
    assert float(at_home.max()) < 0.01
    assert float(away.min()) > 10 * float(at_home.max())


def test_the_formula() -> None:
    for progress, width, share in ((0.0, FIRST_WIDTH, 1.0), (1.0, 1.0, LAST_WEIGHT)):
        found = losses([[0, 0], [0, 0]], progress)[1]  # 5 away, which is 10 in the layout
        wanted = share * np.log1p(1.577 * (10 / width) ** (2 * 0.895))
        np.testing.assert_allclose(float(found), wanted, rtol=1e-3)


def test_it_fades() -> None:
    away = [[9.0, 9.0], [9.0, 9.0]]
    at = [float(losses(away, progress).sum()) for progress in (0.0, 0.3, 0.6, 1.0)]
    assert at == sorted(at, reverse=True)
    assert float(losses(away, 1.0, weight=3).sum()) > 2.9 * at[-1]


def test_crops_of_an_image_have_its_place() -> None:
    learns, images = task(), torch.rand(2, 1, 4, 4)
    example = learns.example(images, StepRng(CHANCE, np.array([2, 3]), 0.0))
    found = learns.losses(Output(images, torch.tensor([[0.0, 0.0], [3.0, 4.0]])), example)
    assert float(found.max()) < 0.01


def test_gradients_are_finite_everywhere() -> None:
    learns, images = task(), torch.rand(2, 1, 4, 4)
    example = learns.example(images, StepRng(CHANCE, np.array([0, 1]), 1.0))
    code = torch.tensor([[0.0, 0.0], [1e6, 4.0]], requires_grad=True)
    learns.losses(Output(images, code), example).sum().backward()
    assert code.grad is not None
    assert torch.isfinite(code.grad).all()
