"""Training images changed at random: which changes there are, and that input and target change alike."""

import numpy as np
import pytest
import torch
from torch import Tensor

from convae.config.augmentation import KINDS
from convae.corruption.holes import parse_holes
from convae.losses import parse_loss
from convae.training.tasks.augmented import augment, augmented, rotated
from convae.training.tasks.denoising import FromPairs
from convae.training.tasks.flips_and_turns import to_view
from convae.training.tasks.inpainting import FromHoles
from convae.training.tasks.task import VALIDATION, Reconstruction, step_rng

MSE = parse_loss("mse")
PLACES = np.arange(40)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def views_in(images: Tensor, kind: str) -> set[int]:
    """The views of flips_and_turns that a kind of augmentation brings images to."""
    found = set()
    for before, after in zip(images, augment(images, (kind,), rng()), strict=True):
        views = range(8) if before.shape[-1] == before.shape[-2] else range(4)
        fits = [view for view in views if torch.equal(to_view(before, view), after)]
        assert len(fits) == 1
        found.add(fits[0])
    return found


@pytest.mark.parametrize("channels", [1, 3, 4, 7])
def test_flips_and_quarter_turns_only_move_pixels(channels: int) -> None:
    images = torch.rand(40, channels, 6, 6)
    assert views_in(images, "flips") == {0, 1}
    assert views_in(images, "vertical-flips") == {0, 2}
    turns = {
        next(v for v in range(8) if torch.equal(to_view(images, v), torch.rot90(images, k, (2, 3))))
        for k in range(4)
    }
    assert views_in(images, "quarter-turns") == turns
    assert len(turns) == 4
    assert views_in(torch.rand(40, channels, 5, 7), "flips") == {0, 1}


def test_a_rotation_by_a_quarter_is_the_quarter_turn_and_by_nothing_the_image() -> None:
    images = torch.rand(3, 2, 9, 9)
    angles = torch.tensor([0.0, 90.0, 180.0])
    wanted = torch.stack([torch.rot90(x, k, (1, 2)) for k, x in enumerate(images)])
    assert torch.allclose(rotated(images, angles), wanted, atol=1e-5)


def test_images_that_are_not_square_are_rotated_without_being_stretched() -> None:
    """A half turn is exact for any shape; a disc in the centre stays a disc at any angle."""
    images = torch.rand(1, 1, 8, 14)
    assert torch.allclose(rotated(images, torch.tensor([180.0])), images.flip(2, 3), atol=1e-5)
    y, x = torch.meshgrid(torch.arange(21.0) - 10, torch.arange(41.0) - 20, indexing="ij")
    disc = torch.exp(-(x**2 + y**2) / 30)[None, None]
    assert torch.allclose(rotated(disc, torch.tensor([15.0])), disc, atol=0.02)


def test_rotations_keep_the_range_of_values_and_are_of_both_signs() -> None:
    images = torch.zeros(40, 1, 15, 15)
    images[:, :, 7, 13] = 1  # to the right of the centre
    after = augment(images, ("rotations",), rng())
    assert 0 <= float(after.min()) <= float(after.max()) <= 1
    rows = torch.arange(15.0) - 7
    heights = (after.sum(dim=(1, 3)) * rows).sum(dim=1)
    assert (heights > 0.3).any()
    assert (heights < -0.3).any()
    assert float(heights.abs().max()) <= 6 * np.sin(np.deg2rad(15)) + 0.1


def test_brightness_is_one_factor_for_all_channels_and_makes_nothing_brighter_than_white() -> None:
    images = 0.2 + 0.6 * torch.rand(40, 4, 5, 6)
    after = augment(images, ("brightness",), rng())
    factors = (after / images).flatten(1)
    assert torch.allclose(factors, factors[:, :1].expand_as(factors))
    assert 0.8 <= float(factors.min()) < 0.9
    assert 1.1 < float(factors.max()) <= 1.2501
    white = images.clone()
    white[:, :, 0, 0] = 1
    factors = (augment(white, ("brightness",), rng()) / white).flatten(1)
    assert float(factors.max()) <= 1.0001
    assert float(factors.min()) < 0.9
    black = torch.zeros(2, 1, 4, 4)
    assert torch.equal(augment(black, ("brightness",), rng()), black)


def test_all_kinds_follow_from_the_generator() -> None:
    images = torch.rand(40, 1, 24, 24)
    for kind in KINDS:
        once = augment(images, (kind,), rng(4))
        assert torch.equal(once, augment(images, (kind,), rng(4)))
        assert not torch.equal(once, augment(images, (kind,), rng(5)))
        assert once.shape == images.shape
        assert not torch.equal(once, images)


def test_an_image_and_its_target_are_changed_alike() -> None:
    """Pairs whose target is twice the image stay such pairs; holes are made in changed images."""
    images = torch.rand(40, 2, 24, 24) / 2
    kinds = "flips+vertical-flips+quarter-turns+rotations+shifts"
    pairs = augmented(FromPairs(MSE, 2, turn=False), kinds)
    example = pairs.example(torch.cat([images, 2 * images], dim=1), step_rng(0, 3, 1, PLACES))
    assert torch.allclose(example.target, 2 * example.input, atol=1e-6)
    assert not torch.allclose(example.input, images, atol=1e-2)
    holes = augmented(FromHoles(MSE, parse_holes("boxes"), "harmonic", turn=False), kinds)
    example = holes.example(images, step_rng(0, 3, 1, PLACES))
    assert example.weight is not None
    known = example.weight.expand_as(example.target) == 0
    assert torch.equal(example.input[:, :2][known], example.target[known])


def test_validation_sees_images_as_they_are_and_training_every_epoch_others() -> None:
    images, task = torch.rand(40, 1, 24, 24), augmented(Reconstruction(MSE), "shifts+flips")
    assert task.example(images, step_rng(0, VALIDATION, 0, PLACES)).input is images
    first = task.example(images, step_rng(0, 0, 0, PLACES))
    assert first.input is first.target
    assert torch.equal(first.input, task.example(images, step_rng(0, 0, 0, PLACES)).input)
    assert not torch.equal(first.input, task.example(images, step_rng(0, 1, 0, PLACES)).input)
    plain = Reconstruction(MSE)
    assert augmented(plain, None) is plain
