"""Several maps of what is not normal become one score and one map.

Each map is pooled in several ways (the highest value, and the mean of the highest hundredth, after blurs
of several widths), and each pooled value measured in standard deviations of normal images that the cue was
not fitted on. Their mean is what the cue says. Cues of one kind are averaged, as they err together. What the
kinds say is weighted by how well each tells images with synthetic defects, and joined by a soft maximum: one
kind that is sure is enough, and several that are half sure add up.

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
LEAST = 1e-12  # of what a logarithm is taken
LEAST_SPREAD = 1e-6
EQUAL = 6.4  # over the number of images, added to each weight: little evidence changes little


def pooled(maps: Tensor, *, logarithm: bool) -> Tensor:
    """(B, POOLINGS) of maps (B, 1, H, W).

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
    """How far apart two normal distributions lie that an AUROC stands for: √2 Φ⁻¹(AUROC), from 0 up.

    Args:
        images: without a defect; so few show no more than one of so many and one.
    """
    surest = max(0.5, images / (images + 1))
    apart: Tensor = math.sqrt(2) * torch.special.ndtri(aurocs.double().clamp(0.5, surest))
    return apart


def soft_maximum(x: Tensor, dim: int = -1) -> Tensor:
    """Between the mean and the maximum: the logarithm of the mean of exponentials."""
    count = x.shape[dim]
    return (torch.logsumexp(SHARPNESS * x, dim=dim) - math.log(count)) / SHARPNESS


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """How pooled values of normal images lie, and which cues are of one kind.

    Attributes:
        kinds: (M,) int64, the number of the kind of each cue: 0, 1, ...
        middle, spread: (M, POOLINGS) of normal images.
        cue_spread: (M,) of the mean over poolings.
        kind_spread: (kinds,) of the mean over cues of a kind.
        weights: (kinds,) of what each says; 1 in the mean.
    """

    kinds: Tensor
    middle: Tensor
    spread: Tensor
    cue_spread: Tensor
    kind_spread: Tensor
    weights: Tensor

    @classmethod
    def fit(cls, normal: Tensor, kinds: Tensor) -> "Fusion":
        """Measure normal images.

        Args:
            normal: (n, M, POOLINGS) of images that the cues were not fitted on.
            kinds: (M,) of each cue.
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
        """The same, with each kind weighted by how far it tells images with defects from the same without.

        Args:
            apart: (kinds,) distances in standard deviations, see :func:`distances`.
            images: how many the distances come from; from few, the weights stay nearly equal.
        """
        weights = (apart + EQUAL / images).float()
        return replace(self, weights=weights / weights.mean())

    def by_kind(self, values: Tensor) -> Tensor:
        """(B, M, POOLINGS) to (B, kinds): what each kind says, in standard deviations above normal."""
        middle, spread = self.middle.to(values), self.spread.to(values)
        cues = ((values - middle) / spread).mean(dim=2) / self.cue_spread.to(values)
        return _by_kind(cues, self.kinds.to(values.device)) / self.kind_spread.to(values)

    def score(self, values: Tensor) -> Tensor:
        """(B, M, POOLINGS) to (B,)."""
        return soft_maximum(self.weights.to(values) * self.by_kind(values))

    def map(self, standardised: Tensor) -> Tensor:
        """(B, M, H, W) maps in standard deviations to the one map (B, 1, H, W)."""
        groups = _by_kind(standardised, self.kinds.to(standardised.device))
        return soft_maximum(self.weights.to(groups).view(-1, 1, 1) * groups, dim=1)[:, None]

    def to_extras(self) -> Extras:
        """For a model file."""
        return {f"fusion.{name}": getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_extras(cls, extras: Extras, kinds: Tensor) -> "Fusion":
        """What :meth:`to_extras` gave.

        Args:
            kinds: as :meth:`fit` was given them.

        Raises:
            KeyError: something is missing.
            ValueError: something is of another shape, or the kinds are others.
        """
        known = cls(**{name: extras[f"fusion.{name}"] for name in cls.__dataclass_fields__})
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
        if not torch.equal(known.kinds, kinds):
            raise ValueError("fusion.kinds are of other cues")
        return known


def _by_kind(cues: Tensor, kinds: Tensor) -> Tensor:
    """(B, M, ...) to (B, kinds, ...): the mean over the cues of each kind."""
    return torch.stack(
        [cues[:, kinds == k].mean(dim=1) for k in range(int(kinds.max()) + 1)], dim=1
    )


def _spread(normal: Tensor) -> Tensor:
    """Standard deviation over images; of a single image 1."""
    if len(normal) < 2:
        return torch.ones_like(normal[0])
    return normal.std(dim=0).clamp_min(LEAST_SPREAD)
