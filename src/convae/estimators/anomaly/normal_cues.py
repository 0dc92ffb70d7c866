"""Cues that separate an image from normal ones without a network: each gives a map, higher where less normal.

- components: what principal components of normal images do not explain;
- nearest: the difference from the nearest normal image;
- mean: the difference from the mean normal image;
- places: how improbable brightness, edges and grain around each place are there, as in Defard et al. 2021
  (PaDiM, arXiv:2011.08785), but with fixed filters instead of a pretrained network.

All cues work on images (B, C, h, w) of one small size in about [0, 1], and are fitted to normal images alone.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from convae.embedding.pca import fit_pca
from convae.estimators.anomaly.method import Extras
from convae.metrics.difference_maps import smoothed

COMPONENTS = 16
MOST_PIXELS = 128  # of the longer side, for the comparison with the nearest image
CELL = 4  # pixels a side that share statistics of places
SCALES = (1.0, 2.0, 4.0)  # pixels: Gaussians of the filters
MOST_COLOURS = 4  # channels whose difference from grey is measured
PRIOR = 12  # weight of the covariance of all places, in images, when added to that of one place
FLOOR = 1e-3  # variance, in units of that over all places, that every direction has at least
LEAST_SPREAD = 1e-4  # of a filter: smaller variation over all normal images is rounding
SHARED = 0.7  # cells over which neighbouring places share their mean
TOGETHER = 512  # places whose matrices are inverted at a time


class Cue(ABC):
    """A map of what is not normal.

    Attributes:
        name: the word that ``score_by`` takes.
        halved: names of the attributes that a model file keeps as 16-bit floats.
    """

    name: ClassVar[str]
    halved: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def fit(cls, looks: Tensor) -> Self:
        """Fit the cue to normal images, as :meth:`look` gives them."""

    @staticmethod
    def look(images: Tensor) -> Tensor:
        """Return what is compared, (B, K, h, w), from images (B, C, H, W); by default the images."""
        return images

    @abstractmethod
    def map(self, looks: Tensor) -> Tensor:
        """Return a map (B, 1, h', w'), at least 0 and higher where less normal.

        It may be smaller than the images.
        """

    @classmethod
    @abstractmethod
    def shapes(cls, look: torch.Size, extras: Extras) -> dict[str, tuple[int, ...]]:
        """Return the shape of each learnt attribute, for looks (K, h, w).

        Args:
            extras: the attributes; the first side of some is free.
        """

    def to_extras(self) -> Extras:
        """Return the tensors for a model file."""
        return {name: x.half() if name in self.halved else x for name, x in vars(self).items()}

    @classmethod
    def from_extras(cls, extras: Extras, size: torch.Size) -> Self:
        """Create the cue from the result of :meth:`to_extras`.

        Args:
            size: (C, H, W) of the images.

        Raises:
            KeyError: something is missing.
            ValueError: something has another shape than the images need.
        """
        look = cls.look(torch.zeros(1, *size)).shape[1:]
        shapes = cls.shapes(look, extras)
        for name, shape in shapes.items():
            if tuple(extras[name].shape) != shape:
                raise ValueError(f"{cls.name}.{name} is {tuple(extras[name].shape)}, not {shape}")
        return cls(**{name: extras[name].float() for name in shapes})


class MeanImage(Cue):
    """The squared difference from the mean normal image."""

    name: ClassVar[str] = "mean"

    def __init__(self, mean: Tensor) -> None:
        self.mean = mean

    @classmethod
    def fit(cls, looks: Tensor) -> Self:
        """Average the images."""
        return cls(looks.mean(dim=0))

    def map(self, looks: Tensor) -> Tensor:
        """Return the map (B, 1, h, w)."""
        return (looks - self.mean.to(looks)).square().mean(dim=1, keepdim=True)

    @classmethod
    def shapes(cls, look: torch.Size, extras: Extras) -> dict[str, tuple[int, ...]]:
        """Return the shape of an image."""
        return {"mean": tuple(look)}


class ComponentsError(Cue):
    """The squared error of the reconstruction from the first principal components."""

    name: ClassVar[str] = "components"

    def __init__(self, mean: Tensor, components: Tensor) -> None:
        self.mean, self.components = mean, components

    @classmethod
    def fit(cls, looks: Tensor) -> Self:
        """Find the components, at most one fewer than images."""
        count = min(COMPONENTS, len(looks) - 1)
        found = fit_pca([looks.flatten(1)], max(1, count))
        axes = found.components[:count].float().contiguous()
        return cls(found.mean.float().view(looks.shape[1:]), axes)

    def map(self, looks: Tensor) -> Tensor:
        """Return the map (B, 1, h, w)."""
        centred = (looks - self.mean.to(looks)).flatten(1)
        axes = self.components.to(looks)
        # Each row by itself, so that an image's result does not depend on the others in the batch.
        left = torch.stack([row - (axes @ row) @ axes for row in centred])
        return left.view_as(looks).square().mean(dim=1, keepdim=True)

    @classmethod
    def shapes(cls, look: torch.Size, extras: Extras) -> dict[str, tuple[int, ...]]:
        """Return the shapes of an image, and of the components as vectors."""
        count = len(extras["components"])
        return {"mean": tuple(look), "components": (count, math.prod(look))}


class NearestImage(Cue):
    """The squared difference from the nearest normal image."""

    name: ClassVar[str] = "nearest"
    halved: ClassVar[tuple[str, ...]] = ("normal",)

    def __init__(self, normal: Tensor) -> None:
        self.normal = normal

    @staticmethod
    def look(images: Tensor) -> Tensor:
        """Return the images, at most :data:`MOST_PIXELS` a side."""
        height, width = images.shape[-2:]
        factor = min(1.0, MOST_PIXELS / max(height, width))
        return F.adaptive_avg_pool2d(
            images, (math.ceil(height * factor), math.ceil(width * factor))
        )

    @classmethod
    def fit(cls, looks: Tensor) -> Self:
        """Store the images; 16 bits are enough for pixels."""
        return cls(looks.half().float())

    def map(self, looks: Tensor) -> Tensor:
        """Return the map (B, 1, h, w)."""
        nearest = self.normal.to(looks)[self.which(looks)]
        return (looks - nearest).square().mean(dim=1, keepdim=True)

    def which(self, looks: Tensor, first: int | None = None) -> Tensor:
        """Return the index (B,) of the nearest normal image, among the ``first`` ones or all."""
        normal = self.normal[:first].to(looks)
        return torch.stack([(normal - x).square().mean(dim=(1, 2, 3)).argmin() for x in looks])

    @classmethod
    def shapes(cls, look: torch.Size, extras: Extras) -> dict[str, tuple[int, ...]]:
        """Return the shape of the stored images, at least one."""
        return {"normal": (max(1, len(extras["normal"])), *look)}


class PlaceStatistics(Cue):
    """The squared Mahalanobis distance of filter responses at a place from those of normal images there.

    The covariance at a place is shrunk towards that of all places, which counts as :data:`PRIOR` images: a
    few normal images do not determine the covariance of a single place.
    """

    name: ClassVar[str] = "places"
    halved: ClassVar[tuple[str, ...]] = ("whitening",)

    def __init__(self, centre: Tensor, spread: Tensor, mean: Tensor, whitening: Tensor) -> None:
        """Set up the cue.

        Args:
            centre, spread: (K,) of each filter over all places.
            mean: (K, h, w) at each place, in those units.
            whitening: (h·w, K, K) matrices that differences are multiplied by.
        """
        self.centre, self.spread = centre, spread
        self.mean, self.whitening = mean, whitening

    @staticmethod
    def look(images: Tensor) -> Tensor:
        """Return (B, K, h, w): filter responses of the grey image, and differences of channels from it."""
        grey = images.mean(dim=1, keepdim=True)
        seen = [filtered(grey)]
        if images.shape[1] > 1:
            colour = images[:, :MOST_COLOURS] - grey
            seen += [_cells(smoothed(colour, sigma)) for sigma in SCALES]
        return torch.cat(seen, dim=1)

    @classmethod
    def fit(cls, looks: Tensor) -> Self:
        """Fit the mean and the covariance at each place."""
        centre = looks.mean(dim=(0, 2, 3))
        spread = looks.std(dim=(0, 2, 3), correction=0).clamp_min(LEAST_SPREAD)
        seen = (looks - centre[:, None, None]) / spread[:, None, None]
        mean = smoothed(seen.mean(dim=0, keepdim=True), SHARED)[0]
        count, values, height, width = seen.shape
        rest = (seen - mean).permute(2, 3, 0, 1).reshape(height * width, count, values)
        everywhere = _second_moment(rest.reshape(1, -1, values))[0]
        everywhere = everywhere + FLOOR * torch.eye(values).to(rest)
        share = PRIOR / (PRIOR + count)
        parts = []
        for start in range(0, len(rest), TOGETHER):
            own = _second_moment(rest[start : start + TOGETHER])
            both = ((1 - share) * own + share * everywhere).double()
            parts.append(torch.linalg.cholesky(torch.linalg.inv(both)).half().float())
        return cls(centre, spread, mean, torch.cat(parts))

    def map(self, looks: Tensor) -> Tensor:
        """Return the map (B, 1, h, w), a value for each cell."""
        centre, spread, mean, whitening = (
            x.to(looks) for x in (self.centre, self.spread, self.mean, self.whitening)
        )
        seen = (looks - centre[:, None, None]) / spread[:, None, None] - mean
        # Image by image, so that a result does not depend on the other images in the batch.
        far = [
            torch.bmm(one.flatten(1).T[:, None], whitening).square().sum(dim=(1, 2)) for one in seen
        ]
        return torch.stack(far).view(len(looks), 1, *mean.shape[1:])

    @classmethod
    def shapes(cls, look: torch.Size, extras: Extras) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the values of each filter, and of each place."""
        values, height, width = look
        return {
            "centre": (values,),
            "spread": (values,),
            "mean": (values, height, width),
            "whitening": (height * width, values, values),
        }


def filtered(x: Tensor) -> Tensor:
    """Filter images, (B, 1, H, W) to (B, K, h, w): brightness, edges and grain at three scales per cell."""
    seen = []
    for sigma in SCALES:
        soft = smoothed(x, sigma)
        across, down = _slopes(soft)
        band = smoothed(x, 1.6 * sigma) - soft
        grain = smoothed((x - soft).square(), 2 * sigma).clamp_min(0).sqrt()
        edges = [smoothed(one.abs(), sigma) for one in (across, down, band)]
        seen += [soft, band, grain, *edges]
        if sigma == SCALES[0]:
            seen.append((across.square() + down.square()).sqrt())
    return _cells(torch.cat(seen, dim=1))


def _cells(x: Tensor) -> Tensor:
    """Average over cells, (B, K, H, W) to (B, K, h, w)."""
    return F.avg_pool2d(x, CELL, ceil_mode=True, count_include_pad=False)


def _second_moment(x: Tensor) -> Tensor:
    """Return the mean of the products of values, (P, n, K) to (P, K, K)."""
    return x.transpose(1, 2) @ x / x.shape[1]


def _slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return half the difference of the neighbours on both sides, across and down; the border is repeated."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return across, down


CUES: dict[str, type[Cue]] = {
    cue.name: cue for cue in (MeanImage, ComponentsError, NearestImage, PlaceStatistics)
}
