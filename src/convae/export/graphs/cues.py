"""The cues without a network, see :mod:`convae.estimators.anomaly.normal_cues`, for whole batches at once.

The model computes each image by itself, so that its result does not depend on the others in the last bit.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convae.errors import InputError
from convae.estimators.anomaly.attribute_scorer import nearest_of
from convae.estimators.anomaly.normal_cues import (
    MOST_PIXELS,
    ComponentsError,
    Cue,
    MeanImage,
    NearestImage,
    PlaceStatistics,
)

Size = tuple[int, int]


class AreaMean(nn.Module):
    """``adaptive_avg_pool2d`` from one size to another, as two products.

    Args:
        before, after: (height, width).
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, before: Size, after: Size) -> None:
        super().__init__()
        self.same = before == after
        self.register_buffer("rows", _means(before[0], after[0]))
        self.register_buffer("columns", _means(before[1], after[1]))

    def forward(self, x: Tensor) -> Tensor:
        """Reduce (B, C, H, W) to (B, C, h, w)."""
        if self.same:
            return x
        return self.rows @ (x @ self.columns.T)


def _means(length: int, size: int) -> Tensor:
    """Return the weights (size, length) of means over the pixels that each result covers."""
    weights = torch.zeros(size, length)
    for row in range(size):
        start, end = row * length // size, -(-(row + 1) * length // size)
        weights[row, start:end] = 1 / (end - start)
    return weights


class MeanGraph(nn.Module):
    """:class:`MeanImage`."""

    mean: Tensor

    def __init__(self, cue: MeanImage, size: Size) -> None:
        super().__init__()
        self.register_buffer("mean", cue.mean.float().cpu())

    def forward(self, images: Tensor) -> Tensor:
        """Return the map (B, 1, h, w) of images (B, C, h, w)."""
        return (images - self.mean).square().mean(dim=1, keepdim=True)


class ComponentsGraph(nn.Module):
    """:class:`ComponentsError`."""

    mean: Tensor
    axes: Tensor

    def __init__(self, cue: ComponentsError, size: Size) -> None:
        super().__init__()
        self.register_buffer("mean", cue.mean.float().cpu())
        self.register_buffer("axes", cue.components.float().cpu())

    def forward(self, images: Tensor) -> Tensor:
        """Return the map (B, 1, h, w) of images (B, C, h, w)."""
        centred = (images - self.mean).flatten(1)
        left = (centred - (centred @ self.axes.T) @ self.axes).view(images.shape)
        return left.square().mean(dim=1, keepdim=True)


class NearestGraph(nn.Module):
    """:class:`NearestImage`: products find a few candidates, and differences decide among them."""

    normal: Tensor

    def __init__(self, cue: NearestImage, size: Size) -> None:
        super().__init__()
        self.register_buffer("normal", cue.normal.float().cpu())
        factor = min(1.0, MOST_PIXELS / max(size))
        self.look = AreaMean(size, (math.ceil(size[0] * factor), math.ceil(size[1] * factor)))

    def forward(self, images: Tensor) -> Tensor:
        """Return the map (B, 1, h', w') of images (B, C, h, w)."""
        looks = self.look(images)
        _, which = nearest_of(looks.flatten(1), self.normal.flatten(1))
        nearest = self.normal.index_select(0, which)
        far: Tensor = (looks - nearest).square().mean(dim=1, keepdim=True)
        return far


class PlacesGraph(nn.Module):
    """:class:`PlaceStatistics`."""

    centre: Tensor
    spread: Tensor
    mean: Tensor
    whitening: Tensor

    def __init__(self, cue: PlaceStatistics, size: Size) -> None:
        super().__init__()
        self.register_buffer("centre", cue.centre.float().cpu().view(-1, 1, 1))
        self.register_buffer("spread", cue.spread.float().cpu().view(-1, 1, 1))
        self.register_buffer("mean", cue.mean.float().cpu())
        self.register_buffer("whitening", cue.whitening.float().cpu())

    def forward(self, images: Tensor) -> Tensor:
        """Return the map (B, 1, h', w') of images (B, C, h, w), a value for each cell."""
        looks = PlaceStatistics.look(images)
        seen = (looks - self.centre) / self.spread - self.mean
        places = seen.flatten(2).permute(2, 0, 1)
        far = torch.bmm(places, self.whitening).square().sum(dim=2)
        return far.T.reshape(-1, 1, self.mean.shape[1], self.mean.shape[2])


_GRAPHS: dict[type[Cue], type[nn.Module]] = {
    MeanImage: MeanGraph,
    ComponentsError: ComponentsGraph,
    NearestImage: NearestGraph,
    PlaceStatistics: PlacesGraph,
}


def cue_graph(cue: Cue, size: Size) -> nn.Module:
    """Return the module of a cue, for images of one size.

    Raises:
        InputError: the cue is one that cannot be exported.
    """
    kind = _GRAPHS.get(type(cue))
    if kind is None:
        raise InputError(f"the cue {cue.name!r} of this detector cannot be exported")
    return kind(cue, size)


def enlarged_to(x: Tensor, before: Size, after: Size) -> Tensor:
    """Resize maps (B, C, *before) to (B, C, *after), bilinear."""
    if before == after:
        return x
    return F.interpolate(x, size=after, mode="bilinear", align_corners=False)
