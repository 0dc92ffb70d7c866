"""Flips and quarter turns: more images for training, and eight views of an image for a steadier result."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

VIEWS = 8


def to_view(x: Tensor, view: int) -> Tensor:
    """Flip or rotate images (B, C, H, W): view 0 to 7; views from 4 on swap height and width."""
    if view & 1:
        x = x.flip(-1)
    if view & 2:
        x = x.flip(-2)
    return x.transpose(-1, -2) if view & 4 else x


def from_view(x: Tensor, view: int) -> Tensor:
    """Invert :func:`to_view` of the same view, for images (B, C, H, W)."""
    if view & 4:
        x = x.transpose(-1, -2)
    if view & 2:
        x = x.flip(-2)
    return x.flip(-1) if view & 1 else x


def to_random_views(x: Tensor, generator: torch.Generator) -> Tensor:
    """Flip or rotate each image of (B, C, H, W) at random; images that are not square keep their shape."""
    views = VIEWS if x.shape[-1] == x.shape[-2] else VIEWS // 2
    return to_one_of_views(x, range(views), generator)


def to_one_of_views(x: Tensor, views: Sequence[int], generator: torch.Generator) -> Tensor:
    """Bring each image of (B, C, H, W) to one of these views, at random; all views must keep the shape."""
    chosen = torch.randint(len(views), (len(x),), generator=generator).tolist()
    return torch.stack([to_view(image, views[i]) for image, i in zip(x, chosen, strict=True)])


def mean_of_views(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Average a function over the eight views of its images; each result is rotated back.

    Args:
        function: maps images (B, C, H, W) to (B, c, H, W).
        x: (B, C, H, W).

    Returns:
        (B, c, H, W).
    """
    total = from_view(function(to_view(x, 0)), 0)
    for view in range(1, VIEWS):
        total = total + from_view(function(to_view(x, view).contiguous()), view)
    return total / VIEWS
