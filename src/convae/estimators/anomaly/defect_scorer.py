"""Anomaly scores from a network that repairs defects, and from cues that need no network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.errors import raise_faults, unknown_name
from convae.estimators.anomaly.fusion import Fusion, pooled
from convae.estimators.anomaly.known_defects import Judge, Known
from convae.estimators.anomaly.method import Extras, Judged, Normals
from convae.estimators.anomaly.normal_cues import CUES, Cue, NearestImage
from convae.metrics.difference_maps import Standards, colour_difference, resized, smoothed
from convae.networks.autoencoder import Autoencoder
from convae.networks.tiling import Tile, tiles
from convae.training.tasks.flips_and_turns import from_view, to_view

FOUND, REPAIRED = "found", "repaired"
NETWORK = (FOUND, REPAIRED)
NAMES = (*CUES, *NETWORK)
# Cues of one kind have correlated errors, so each kind counts once.
KINDS_OF_CUES = {"mean": "whole", "components": "whole", "nearest": "whole"}
AUTO = ("components", "nearest", "places", FOUND)
SMALL = 256  # pixels of the longer side of images that are compared without the network
BLUR = 2.0  # pixels: of the maps that are shown
MIRRORS = 4
DISCRIMINANT = "linear discriminant"  # of the kinds of cues; files of earlier versions have none
SHOWN = 0.004  # smallest fraction of an anomalous image that is shown
# Pixels on each side that the network's maps depend on: the blur of the colours.
AROUND, STEP = 8, 4


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The cues that make up the score.

    Attributes:
        cues: some of :data:`NAMES`.
    """

    cues: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Recipe":
        """Parse a recipe written as ``components+places+found``, or ``auto``.

        Raises:
            InputError: a name is unknown, or occurs twice.
        """
        cues = AUTO if text == "auto" else tuple(part.strip() for part in text.split("+"))
        for cue in cues:
            if cue not in NAMES:
                raise unknown_name("score", cue, ("auto", *NAMES))
        twice = len(set(cues)) < len(cues)
        raise_faults("score", [f"each part counts once; got {text!r}"] if twice else [])
        return cls(cues=cues)

    @property
    def kinds(self) -> Tensor:
        """The kind of each cue, (M,) int64."""
        kinds = [KINDS_OF_CUES.get(cue, cue) for cue in self.cues]
        order = list(dict.fromkeys(kinds))
        return torch.tensor([order.index(kind) for kind in kinds])

    def __str__(self) -> str:
        return "+".join(self.cues)


class Viewer:
    """Computes the maps of all cues of a recipe.

    Args:
        flips: whether the network processes all four mirrored views.
        size: (height, width) of the images; the cues without a network use smaller ones.
    """

    def __init__(
        self, network: Autoencoder, recipe: Recipe, *, flips: bool, size: tuple[int, int]
    ) -> None:
        self.network, self.recipe, self.flips = network, recipe, flips
        factor = min(1.0, SMALL / max(size))
        self.small = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))

    def shrunk(self, batch: Tensor) -> Tensor:
        """Reduce images to (B, C, h, w); each pixel is the mean of those that it replaces."""
        if tuple(batch.shape[-2:]) == self.small:
            return batch
        return torch.nn.functional.adaptive_avg_pool2d(batch, self.small)

    def by_network(self, batch: Tensor) -> Tensor:
        """Return (B, 2, H, W): the logit of a defect, and how much the network changes each pixel."""
        views = range(MIRRORS if self.flips else 1)
        total = torch.zeros((len(batch), len(NETWORK), *batch.shape[-2:]), device=batch.device)
        for view in views:
            total += from_view(self._one_view(to_view(batch, view).contiguous()), view)
        return total / len(views)

    def maps(self, batch: Tensor, cues: Sequence[Cue]) -> tuple[list[Tensor], Tensor]:
        """Return a map (B, 1, h, w) for each cue of the recipe, and the change (B, 1, H, W)."""
        seen, small = self.by_network(batch), self.shrunk(batch)
        made = {name: seen[:, i : i + 1] for i, name in enumerate(NETWORK)}
        made |= {cue.name: resized(cue.map(cue.look(small)), self.small) for cue in cues}
        return [made[name] for name in self.recipe.cues], made[REPAIRED]

    def judged(self, batch: Tensor, cues: Sequence[Cue]) -> Tensor:
        """Return the values (B, M, POOLINGS) of images, for the network and the cues in the recipe."""
        wanted = [cue for cue in cues if cue.name in self.recipe.cues]
        return self.values(self.maps(batch, wanted)[0])

    def values(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the values (B, M, POOLINGS) of the maps of the recipe."""
        named = zip(self.recipe.cues, maps, strict=True)
        return torch.stack([pooled(one, logarithm=name != FOUND) for name, one in named], dim=1)

    def shown(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Return the maps (B, M, *size) that are standardised and shown: blurred, linear in the pixels."""
        soft = [smoothed(one, BLUR) for one in maps]
        linear = [
            one if name == FOUND else one.clamp_min(0).sqrt()
            for name, one in zip(self.recipe.cues, soft, strict=True)
        ]
        return torch.cat([resized(one, size) for one in linear], dim=1)

    def _one_view(self, batch: Tensor) -> Tensor:
        height, width = batch.shape[-2:]
        parts = tiles(self.network, height, width, around=AROUND, step=STEP)
        if len(parts) == 1:
            return self._whole(batch)
        both = batch.new_empty((len(batch), len(NETWORK), height, width), dtype=torch.float32)
        for part in parts:
            both[(..., *part.place)] = self._part(batch, part)
        return both

    def _part(self, batch: Tensor, part: Tile) -> Tensor:
        return self._whole(batch[(..., *part.seen)].contiguous())[(..., *part.kept)]

    def _whole(self, batch: Tensor) -> Tensor:
        channels = batch.shape[1]
        output = self.network(batch).reconstruction.float()
        return torch.cat(
            [output[:, channels:], colour_difference(output[:, :channels], batch.float())], dim=1
        )


@dataclass(frozen=True, kw_only=True)
class NormalStatistics:
    """Statistics of the cues on normal images.

    Attributes:
        cues: fitted to normal images; :class:`~convae.estimators.anomaly.normal_cues.NearestImage` is among
            them.
        kept: how many of its normal images, counted from the first, the model keeps to show.
        fusion: how their values become one.
        standards: of the maps that are shown, at small size.
    """

    cues: tuple[Cue, ...]
    kept: int
    fusion: Fusion
    standards: Standards

    @property
    def nearest(self) -> NearestImage:
        """The cue that stores single normal images."""
        return next(cue for cue in self.cues if isinstance(cue, NearestImage))

    def to_extras(self) -> Extras:
        """Return the tensors for a model file."""
        extras = {
            f"cue.{cue.name}.{name}": value
            for cue in self.cues
            for name, value in cue.to_extras().items()
        }
        standards = {
            "standards.mean": self.standards.mean, "standards.deviation": self.standards.deviation,
        }  # fmt: skip
        return extras | standards | self.fusion.to_extras()

    @classmethod
    def from_extras(cls, extras: Extras, viewer: Viewer) -> "NormalStatistics":
        """Create the statistics from the result of :meth:`to_extras`.

        Raises:
            KeyError: something that the viewer's recipe needs is missing.
            ValueError: something has another shape than the images need.
        """
        standards = Standards(extras["standards.mean"], extras["standards.deviation"])
        shape = (len(viewer.recipe.cues), *viewer.small)
        if {tuple(standards.mean.shape), tuple(standards.deviation.shape)} != {shape}:
            raise ValueError(f"the standards are {tuple(standards.mean.shape)}, not {shape}")
        return cls(
            cues=tuple(_loaded(extras, viewer)),
            kept=len(extras["kept"]),
            fusion=Fusion.from_extras(extras, viewer.recipe.kinds),
            standards=standards,
        )


def _loaded(extras: Extras, viewer: Viewer) -> Iterator[Cue]:
    needed = (*viewer.recipe.cues, NearestImage.name)
    size = torch.Size((viewer.network.architecture.input_channels, *viewer.small))
    for name in (name for name in CUES if name in needed):
        start = f"cue.{name}."
        mine = {key[len(start) :]: value for key, value in extras.items() if key.startswith(start)}
        yield CUES[name].from_extras(mine, size)


class DefectScorer:
    """Scores images by all cues of a recipe together."""

    fraction = SHOWN

    def __init__(
        self,
        viewer: Viewer,
        normal: NormalStatistics,
        facts: dict[str, Any],
        known: Known | None = None,
    ) -> None:
        """Set up the scorer.

        Args:
            facts: how well it detects synthetic defects.
            known: the real defects that it was fitted with, during the fit.
        """
        self.viewer, self.normal, self.known = viewer, normal, known
        self.facts = {**facts, "score": str(viewer.recipe)}
        if normal.fusion.discriminant is not None:  # says that a file has to hold it
            self.facts["joined"] = DISCRIMINANT
        self.extras = normal.to_extras()

    @property
    def summary(self) -> str:
        """A sentence that describes what was chosen."""
        kinds = ", ".join(f"{kind} {v:.3f}" for kind, v in self.facts["auroc_by_kind"].items())
        return (
            f"score of {', '.join(self.viewer.recipe.cues)}: AUROC {self.facts['auroc']:.3f} on synthetic "
            f"defects in normal images ({kinds})"
        )

    def judging(self, normals: Normals, positions: np.ndarray) -> Judge | None:
        """Return the score with normal images that took no part in choosing; None without real defects."""
        if self.known is None:
            return None

        def look(batch: Tensor) -> Tensor:
            return self.viewer.judged(batch, self.normal.cues)

        values = torch.cat(list(normals.seen(self.viewer.network, positions, look))).cpu()
        return Judge(self.normal.fusion, self.known, values, normals.groups[positions])

    def __call__(self, batch: Tensor) -> Judged:
        """Score images (B, C, H, W) in about [0, 1], each by itself."""
        wanted = [cue for cue in self.normal.cues if cue.name in self.viewer.recipe.cues]
        maps, change = self.viewer.maps(batch, wanted)
        score = self.normal.fusion.score(self.viewer.values(maps))
        size = (batch.shape[-2], batch.shape[-1])
        shown = self.viewer.shown(maps, size)
        known = self.normal.standards
        mean, deviation = (resized(x[None].to(shown), size) for x in (known.mean, known.deviation))
        one = self.normal.fusion.map((shown - mean) / deviation)
        known_images = self.normal.nearest
        looks = known_images.look(self.viewer.shrunk(batch))
        return Judged(score, one, change, known_images.which(looks, self.normal.kept))


def nearest_codes(codes: Tensor, spread: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """Find the nearest code of a bank for each of ``codes`` (B, K): its distance (B,) and its index (B,).

    Each row is computed by itself, so that an image's distance does not depend on its neighbours.

    Args:
        spread: (K,) codes are divided by it.
        bank: (n, K) codes that are divided by it already.
    """
    bank, spread = bank.to(codes), spread.to(codes)
    found = [(bank - code / spread).square().mean(dim=1).min(dim=0) for code in codes]
    return torch.stack([x.values for x in found]).sqrt(), torch.stack([x.indices for x in found])
