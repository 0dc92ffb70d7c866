"""Flips and quarter turns: each is undone, and a function that does not care is not changed."""

import pytest
import torch

from convae.training.tasks.flips_and_turns import (
    VIEWS,
    from_view,
    mean_of_views,
    to_random_views,
    to_view,
)


@pytest.mark.parametrize("view", range(VIEWS))
def test_every_view_is_undone(view: int) -> None:
    x = torch.rand(2, 3, 5, 7)
    there = to_view(x, view)
    assert there.shape == ((2, 3, 7, 5) if view >= 4 else x.shape)
    assert torch.equal(from_view(there, view), x)


def test_the_views_are_eight_different_ones() -> None:
    x = torch.arange(9.0).view(1, 1, 3, 3)
    assert len({tuple(to_view(x, view).flatten().tolist()) for view in range(VIEWS)}) == 8


def test_random_views_are_those_of_the_generator_and_keep_each_image() -> None:
    x = torch.rand(32, 1, 4, 4)
    first = to_random_views(x, torch.Generator().manual_seed(3))
    assert torch.equal(first, to_random_views(x, torch.Generator().manual_seed(3)))
    assert not torch.equal(first, x)
    assert torch.equal(first.flatten(1).sort().values, x.flatten(1).sort().values)


def test_images_that_are_not_square_keep_their_shape() -> None:
    assert to_random_views(torch.rand(16, 1, 4, 6), torch.Generator()).shape == (16, 1, 4, 6)


def test_the_mean_of_views_of_the_identity_is_the_image() -> None:
    x = torch.rand(2, 1, 5, 6)
    assert torch.allclose(mean_of_views(lambda y: y, x), x)


def test_the_mean_of_views_makes_any_function_turn_with_the_image() -> None:
    weight = torch.randn(1, 1, 3, 3)

    def skewed(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(x, weight, padding=1)

    x = torch.rand(1, 1, 6, 6)
    for view in range(VIEWS):
        turned_after = to_view(mean_of_views(skewed, x), view)
        assert torch.allclose(mean_of_views(skewed, to_view(x, view)), turned_after, atol=1e-5)
