"""Images moved on the way in: by whole pixels, edges repeated, not in validation, the target untouched."""

import numpy as np
import torch

from convae.losses import parse_loss
from convae.networks.autoencoder import Output
from convae.training.tasks.task import Reconstruction, StepRng
from convae.training.tasks.translated import Translated, translated

PLACES = np.arange(64)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_move_is_by_whole_pixels_with_edges_repeated() -> None:
    images = torch.rand(64, 3, 8, 12)
    moved = translated(images, 1 / 8, rng())
    rows, columns = torch.arange(8), torch.arange(12)
    seen = set()
    for before, after in zip(images, moved, strict=True):
        fits = [
            (dy, dx)
            for dy in (-1, 0, 1)
            for dx in (-2, -1, 0, 1, 2)
            if torch.equal(
                after, before[:, (rows + dy).clamp(0, 7)][:, :, (columns + dx).clamp(0, 11)]
            )
        ]
        assert len(fits) == 1
        seen.add(fits[0])
    assert len(seen) > 10


def test_nothing_moves_by_less_than_half_a_pixel() -> None:
    images = torch.rand(5, 1, 8, 8)
    assert torch.equal(translated(images, 1 / 24, rng()), images)
    assert not torch.equal(translated(images, 1 / 8, rng()), images)


def test_only_what_is_shown_moves_and_only_in_training() -> None:
    task, images = Translated(Reconstruction(parse_loss("mse")), 0.2), torch.rand(64, 1, 9, 9)
    training = task.example(images, StepRng(rng(), PLACES, 0.5))
    again = task.example(images, StepRng(rng(), PLACES, 0.5))
    assert training.target is images
    assert not torch.equal(training.input, images)
    assert torch.equal(training.input, again.input)
    validation = task.example(images, StepRng(rng(), PLACES, 1.0, training=False))
    assert validation.input is images
    perfect = task.losses(Output(images, torch.zeros(64, 2)), training)
    assert not perfect.any()
