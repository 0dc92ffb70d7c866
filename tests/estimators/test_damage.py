"""Damage that no mask tells of: every pixel is judged, by fills that have not seen it."""

import torch
from torch import Tensor

from convae.classical.filling import biharmonic_fill
from convae.estimators.damage import find_damage, surprise, usual_surprise


def slope(height: int = 50, width: int = 41) -> Tensor:
    down = torch.linspace(0, 0.6, height)[:, None]
    return (down + torch.linspace(0, 0.3, width)[None, :]).expand(1, 2, height, width).clone()


def none(x: Tensor) -> Tensor:
    return torch.zeros(len(x), 1, *x.shape[2:])


def test_every_pixel_is_judged_hidden() -> None:
    x = torch.rand(2, 1, 37, 50)
    hidden: list[Tensor] = []

    def fill(image: Tensor, mask: Tensor) -> Tensor:
        hidden.append(mask)
        return torch.where(mask > 0, image + 0.5, image)

    assert torch.allclose(surprise(fill, x, none(x)), torch.full((2, 1, 37, 50), 0.5))
    # Each time a quarter is hidden, and each pixel as often as any other.
    assert torch.stack(hidden).sum(0).unique().tolist() == [4.0]


def test_what_is_missing_is_not_judged() -> None:
    x, missing = slope(), none(slope())
    x[:, :, 20:26, 20:26] = torch.nan
    missing[:, :, 20:26, 20:26] = 1
    found = surprise(biharmonic_fill, x, missing)
    assert not bool(found.isnan().any())
    assert float(found[..., 22:24, 22:24].max()) == 0


def test_a_spot_is_found_and_a_slope_is_not() -> None:
    x = slope()
    level = usual_surprise(biharmonic_fill, [x])
    spoilt = x.clone()
    spoilt[:, :, 30:36, 10:17] = 1.0
    assert float(find_damage(biharmonic_fill, x, none(x), max(level, 0.01)).sum()) == 0
    damage = find_damage(biharmonic_fill, spoilt, none(x), max(level, 0.05))
    assert float(damage[..., 30:36, 10:17].mean()) == 1
    assert float(damage.mean()) < 0.15


def test_small_images() -> None:
    x = torch.rand(1, 1, 3, 5)
    assert surprise(lambda image, _: image, x, none(x)).shape == (1, 1, 3, 5)
    everything = torch.ones(1, 1, 3, 5)
    assert float(find_damage(biharmonic_fill, x, everything, 0.1).sum()) == 0
