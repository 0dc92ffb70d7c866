"""Attributes that are removed from images, to be restored: the orientation, the colour, a part.

A network that can restore them has learnt how such objects look. How well it restores them distinguishes
other objects.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from convae.errors import InputError, raise_faults

POSES = 4
PART = (0.25, 0.65)  # the erased rectangle's sides, as fractions of those of the image


def posed(x: Tensor, pose: int) -> Tensor:
    """Return (B, C, H, W) in one of four poses; pose 0 is the image itself, and the shape stays.

    Square images are rotated by ``pose`` quarter turns. Others are mirrored: 1 left to right, 2 top to
    bottom, 3 both.
    """
    if x.shape[-1] == x.shape[-2]:
        return torch.rot90(x, pose, (-2, -1))
    axes = [axis for bit, axis in ((1, -1), (2, -2)) if pose & bit]
    return x.flip(axes)


def grey(x: Tensor) -> Tensor:
    """Convert (B, C, H, W) to grey: the mean of the channels in each of them, same shape."""
    return x.mean(dim=1, keepdim=True).expand_as(x)


def erased(x: Tensor, generator: Generator) -> Tensor:
    """Erase a random rectangle of each image (B, C, H, W): fill it with the mean of the image.

    The rectangle has a quarter to two thirds of the sides; its middle lies anywhere in the image.
    """
    inside = torch.ones(len(x), 1, 1, 1, dtype=torch.bool)
    for axis in (-2, -1):
        side = x.shape[axis]
        low, high = PART
        half = side * (low + (high - low) * torch.rand(len(x), 1, 1, 1, generator=generator)) / 2
        middle = side * torch.rand(len(x), 1, 1, 1, generator=generator)
        places = torch.arange(side) + 0.5
        places = places.view(-1, 1) if axis == -2 else places
        inside = inside & ((places - middle).abs() < half)
    return torch.where(inside.to(x.device), x.mean(dim=(-2, -1), keepdim=True), x)


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """How often each attribute is removed; the pose is always changed.

    Attributes:
        colour: the fraction of images that are converted to grey, if they have colours.
        part: the fraction of images from which a part is erased.

    Raises:
        InputError: for a fraction outside [0, 1].

    >>> shown, poses = Attributes().take(torch.rand(6, 3, 8, 8), torch.Generator().manual_seed(0))
    >>> shown.shape, poses.shape
    (torch.Size([6, 3, 8, 8]), torch.Size([6]))
    """

    colour: float = 0.5
    part: float = 0.5

    def __post_init__(self) -> None:
        faults = [
            f"{name} must be a fraction from 0 to 1; got {value!r}"
            for name, value in (("colour", self.colour), ("part", self.part))
            if not 0 <= value <= 1
        ]
        raise_faults("attributes", faults)

    def take(self, x: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return images (B, C, H, W) without some attributes, and the pose (B,) int64 of each.

        Raises:
            InputError: for images that are not (B, C, H, W).
        """
        if x.ndim != 4:
            raise InputError(f"images must be (B, C, H, W); got {tuple(x.shape)}")
        poses = torch.randint(POSES, (len(x),), generator=generator)
        shown = torch.stack(
            [posed(one[None], pose)[0] for one, pose in zip(x, poses.tolist(), strict=True)]
        )
        if x.shape[1] > 1:
            shown = _for_some(self.colour, shown, grey(shown), generator)
        shown = _for_some(self.part, shown, erased(shown, generator), generator)
        return shown, poses.to(x.device)


def _for_some(fraction: float, x: Tensor, other: Tensor, generator: Generator) -> Tensor:
    """Replace ``x`` by ``other`` for a random fraction of the images."""
    chosen = torch.rand(len(x), 1, 1, 1, generator=generator) < fraction
    return torch.where(chosen.to(x.device), other, x)
