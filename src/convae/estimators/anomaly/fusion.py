"""Combine several maps of what is not normal into one score and one map.

Each map is pooled in several ways: the highest value, and the mean of the highest hundredth, after blurs of
several widths. Each pooled value is measured in standard deviations of normal images that the cue was not
fitted on. The mean of these is the value of the cue. Cues of one kind are averaged, as their errors are
correlated. A linear discriminant of the kinds is the score: its weights come from the covariance of the kinds
in normal images, and from how much higher they are in images with synthetic defects. In the map the kinds are
weighted by how well each separates such images, and joined by a soft maximum: one kind with a high value is
enough, and several with medium values add up.

>>> soft_maximum(torch.tensor([[0.0, 0.0], [0.0, 6.0], [3.0, 3.0]]))
tensor([0.0000, 4.3496, 3.0000])
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from convae.estimators.anomaly.method import Extras
from convae.metrics.difference_maps import smoothed, top_mean

BLURS = (1.0, 2.0, 4.0)  # pixels
TOP = 0.01
POOLINGS = 2 * len(BLURS)
SHARPNESS = 0.35  # of the soft maximum, per standard deviation
LEAST = 1e-12  # smallest argument of a logarithm
LEAST_SPREAD = 1e-6
# Divided by the number of images and added to each weight: little evidence changes weights little.
EQUAL = 6.4
# Deviations. Below this, values of kinds count by their logarithm: an image that lies far below all normal
# images, as a copy of one of them does, is hardly more normal. Else one kind could hide what another finds.
LEAST_VALUE = -3.0
# Added to the variances of kinds, which are about 1: few images show correlations poorly.
RIDGE = 0.5


def pooled(maps: Tensor, *, logarithm: bool) -> Tensor:
    """Pool maps (B, 1, H, W) to (B, POOLINGS).

    Args:
        logarithm: for maps of 0 or more whose values span powers of ten.
    """
    values = []
    for sigma in BLURS:
        soft = smoothed(maps, sigma)
        values += [soft.flatten(1).amax(dim=1), top_mean(soft, TOP)]
    stacked = torch.stack(values, dim=1)
    return stacked.clamp_min(LEAST).log() if logarithm else stacked


def distances(aurocs: Tensor, images: int) -> Tensor:
    """Return the distance between two normal distributions with a given AUROC: √2 Φ⁻¹(AUROC), at least 0.

    Args:
        aurocs: (kinds,) of at most 1.
        images: number of images without a defect, n; the AUROC is limited to n / (n + 1), as n images cannot
            show more.
    """
    surest = max(0.5, images / (images + 1))
    apart: Tensor = math.sqrt(2) * torch.special.ndtri(aurocs.double().clamp(0.5, surest))
    return apart


def soft_maximum(x: Tensor, dim: int = -1) -> Tensor:
    """Return the logarithm of the mean of exponentials, which lies between the mean and the maximum.

    Args:
        x: (..., n, ...) values in standard deviations.
        dim: the dimension of size n, which the result lacks.
    """
    count = x.shape[dim]
    return (torch.logsumexp(SHARPNESS * x, dim=dim) - math.log(count)) / SHARPNESS


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """The distribution of pooled values of normal images, and the grouping of cues into kinds.

    Attributes:
        kinds: (M,) int64, the kind of each cue: 0, 1, ...
        middle, spread: (M, POOLINGS) of normal images.
        cue_spread: (M,) spread of the mean over poolings.
        kind_spread: (kinds,) spread of the mean over cues of a kind.
        weights: (kinds,) weight of each kind in the map; their mean is 1.
        discriminant: (kinds,) weight of each kind in the score, at least 0; None, as in files of earlier
            versions, joins the kinds as in the map.
    """

    kinds: Tensor
    middle: Tensor
    spread: Tensor
    cue_spread: Tensor
    kind_spread: Tensor
    weights: Tensor
    discriminant: Tensor | None = None

    @classmethod
    def fit(cls, normal: Tensor, kinds: Tensor) -> "Fusion":
        """Fit the fusion to normal images.

        Args:
            normal: (n, M, POOLINGS) of images that the cues were not fitted on.
            kinds: (M,) the kind of each cue.
        """
        middle, spread = normal.median(dim=0).values, _spread(normal)
        cues = ((normal - middle) / spread).mean(dim=2)
        cue_spread = _spread(cues)
        groups = _by_kind(cues / cue_spread, kinds)
        return cls(
            kinds=kinds,
            middle=middle,
            spread=spread,
            cue_spread=cue_spread,
            kind_spread=_spread(groups),
            weights=torch.ones(groups.shape[1]),
        )

    def weighted_by(self, apart: Tensor, images: int) -> "Fusion":
        """Weight each kind by how well it separates images with defects from the same images without.

        Args:
            apart: (kinds,) distances in standard deviations, see :func:`distances`.
            images: number of images that the distances come from; with few, the weights stay nearly equal.
        """
        weights = (apart + EQUAL / images).float()
        return replace(self, weights=weights / weights.mean())

    def by_kind(self, values: Tensor) -> Tensor:
        """Return the value of each kind, (B, M, POOLINGS) to (B, kinds), in deviations above normal."""
        middle, spread = self.middle.to(values), self.spread.to(values)
        cues = ((values - middle) / spread).mean(dim=2) / self.cue_spread.to(values)
        return _by_kind(cues, self.kinds.to(values.device)) / self.kind_spread.to(values)

    def limited(self, values: Tensor) -> Tensor:
        """Return the values of kinds that the score adds up, (B, M, POOLINGS) to (B, kinds) float64."""
        kinds = self.by_kind(values).double()
        further = torch.log1p((LEAST_VALUE - kinds).clamp_min(0))
        return kinds.clamp_min(LEAST_VALUE) - further

    def separating(self, higher: Tensor, covariance: Tensor) -> "Fusion":
        """Set the weights of the score by Fisher's linear discriminant, without negative weights.

        Args:
            higher: (kinds,) how much higher the limited values are in images with defects.
            covariance: (kinds, kinds) of the limited values of normal images.
        """
        ridge = RIDGE * torch.eye(len(higher), dtype=torch.float64)
        weights = torch.linalg.solve(covariance + ridge, higher).clamp_min(0).float()
        total = weights.sum()
        return replace(self, discriminant=weights / total if total > 0 else None)

    def score(self, values: Tensor) -> Tensor:
        """Return the scores (B,) of values (B, M, POOLINGS)."""
        if self.discriminant is None:
            return soft_maximum(self.weights.to(values) * self.by_kind(values))
        return (self.limited(values) @ self.discriminant.to(values.device).double()).to(values)

    def map(self, standardised: Tensor) -> Tensor:
        """Combine maps (B, M, H, W) in standard deviations into one map (B, 1, H, W)."""
        groups = _by_kind(standardised, self.kinds.to(standardised.device))
        return soft_maximum(self.weights.to(groups).view(-1, 1, 1) * groups, dim=1)[:, None]

    def to_extras(self) -> Extras:
        """Return the tensors for a model file."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {f"fusion.{name}": value for name, value in values.items() if value is not None}

    @classmethod
    def from_extras(cls, extras: Extras, kinds: Tensor) -> "Fusion":
        """Create the fusion from the result of :meth:`to_extras`.

        Args:
            kinds: (M,) int64, as in :meth:`fit`.

        Raises:
            KeyError: something is missing.
            ValueError: something has another shape, or the kinds differ.
        """
        needed = [name for name in cls.__dataclass_fields__ if name != "discriminant"]
        known = cls(
            **{name: extras[f"fusion.{name}"] for name in needed},
            discriminant=extras.get("fusion.discriminant"),
        )
        count = (len(kinds),)
        wanted = {
            "kinds": count,
            "middle": (*count, POOLINGS),
            "spread": (*count, POOLINGS),
            "cue_spread": count,
            "kind_spread": (int(kinds.max()) + 1,),
            "weights": (int(kinds.max()) + 1,),
        }
        for name, shape in wanted.items():
            if tuple(getattr(known, name).shape) != shape:
                raise ValueError(f"fusion.{name} is not {shape}")
        if known.discriminant is not None and known.discriminant.shape != known.weights.shape:
            raise ValueError("fusion.discriminant is not one weight for each kind")
        if not torch.equal(known.kinds, kinds):
            raise ValueError("fusion.kinds are of other cues")
        return known


def _by_kind(cues: Tensor, kinds: Tensor) -> Tensor:
    """Average over the cues of each kind, (B, M, ...) to (B, kinds, ...)."""
    return torch.stack(
        [cues[:, kinds == k].mean(dim=1) for k in range(int(kinds.max()) + 1)], dim=1
    )


def _spread(normal: Tensor) -> Tensor:
    """Return the standard deviation over images; 1 for a single image."""
    if len(normal) < 2:
        return torch.ones_like(normal[0])
    return normal.std(dim=0).clamp_min(LEAST_SPREAD)
