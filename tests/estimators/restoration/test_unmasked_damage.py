"""Damage that no mask shows: solid patches, what fills do not expect, and thresholds from sound images."""

import pytest
import torch
from torch import Tensor

from convae.classical.filling import biharmonic_fill
from convae.classical.solid_patches import KINDS
from convae.estimators.restoration.unmasked_damage import (
    DamageThresholds,
    find_damage,
    normal_prominences,
    normal_surprise,
    surprise,
)

LOWEST = tuple(kind.prominence for kind in KINDS)
NEVER = (99.0,) * len(KINDS)  # as prominent as no patch is


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


@pytest.mark.parametrize("grain", [0.0, 0.3])  # as a solid patch is and as none is
def test_a_spot_is_found_and_a_slope_is_not(grain: float) -> None:
    x = slope()
    spoilt = x.clone()
    spoilt[:, :, 20:38, 10:30] = 1 - grain * torch.rand(1, 2, 18, 20)
    prominences = NEVER if grain else LOWEST
    thresholds = DamageThresholds(error=0.05, worst_error=0.08, prominences=prominences)
    assert float(find_damage(biharmonic_fill, x, none(x), thresholds).sum()) == 0
    damage = find_damage(biharmonic_fill, spoilt, none(x), thresholds)
    assert float(damage[..., 20:38, 10:30].mean()) == 1  # its middle as well
    assert float(damage.sum()) <= (22 * 24 if grain else 18 * 20)


def test_a_spot_needs_a_pixel_that_is_worse_than_any_in_sound_images() -> None:
    x = slope()
    x[:, :, 20:26, 10:16] += 0.2
    for worst, found in ((0.1, True), (0.3, False)):
        thresholds = DamageThresholds(error=0.05, worst_error=worst, prominences=NEVER)
        assert bool(find_damage(biharmonic_fill, x, none(x), thresholds).any()) == found


def test_thresholds_of_errors() -> None:
    """An error of 0.5 everywhere: 1.5 times that is the threshold for a pixel and for the worst of a spot."""
    x = torch.rand(1, 1, 30, 30)
    thresholds = normal_surprise(lambda image, mask: image + 0.5 * mask, [(x, none(x))])
    assert thresholds == pytest.approx((0.75, 0.75))


def test_patches_that_sound_images_hold_are_no_damage_though_a_quarter_may_be_damaged() -> None:
    sound = [slope() + 0.01 * torch.rand(1, 2, 50, 41) for _ in range(4)]
    pairs = [(x, none(x)) for x in sound]
    assert normal_prominences(pairs) == pytest.approx(LOWEST)
    assert normal_prominences([]) == pytest.approx(LOWEST)
    sound[0][:, :, 10:20, 10:20] = 1
    assert normal_prominences(pairs) == pytest.approx(LOWEST)
    sound[1][:, :, 10:20, 10:20] = 1
    higher = normal_prominences(pairs)
    assert all(value > low for value, low in zip(higher, LOWEST, strict=True))
    thresholds = DamageThresholds(prominences=higher)
    assert float(find_damage(biharmonic_fill, sound[0], none(sound[0]), thresholds).sum()) == 0


def test_thresholds_as_plain_values() -> None:
    thresholds = DamageThresholds(error=0.1, worst_error=0.2, prominences=(0.3, 1.5))
    assert DamageThresholds.from_dict(thresholds.to_dict()) == thresholds
    older = DamageThresholds.from_dict(
        0.25
    )  # a model of version 0.1 knows its threshold of errors only
    assert older == DamageThresholds(error=0.25, worst_error=0.25)
    with pytest.raises(ValueError, match="prominences must be 2 numbers; got 1"):
        DamageThresholds.from_dict({**thresholds.to_dict(), "prominences": [1]})


def test_small_images() -> None:
    x = torch.rand(1, 1, 3, 5)
    assert surprise(lambda image, _: image, x, none(x)).shape == (1, 1, 3, 5)
    everything = torch.ones(1, 1, 3, 5)
    assert float(find_damage(biharmonic_fill, x, everything, DamageThresholds()).sum()) == 0
