"""How anomalous images are by a network that mends defects: what it changes, and what it says was one."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from convae.errors import raise_faults, unknown_name
from convae.estimators.detection import Extras, Judged
from convae.networks.autoencoder import Autoencoder
from convae.similarity_maps import MAPS, Standards, difference_maps, smoothed, top_mean
from convae.tiles import Tile, tiles
from convae.training.turning import turned, turned_back

FOUND = "found"
NAMES = (*MAPS, FOUND)
CODE = "code"
CHANGE = NAMES.index("colour")  # the map that grows with a defect's contrast without end
BLUR = 2.0  # pixels: of all maps
PLACES = 4  # a code is averaged over so many places a side at most
MIRRORS = 4
LEAST_SPREAD = 1e-6
# Pixels that the maps look at on each side: gradients at a quarter of the resolution, windows, the blur.
AROUND, STEP = 32, 4


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a score is made.

    Attributes:
        parts: which of :data:`NAMES` make the map, and ``code`` if the distance of the code to the nearest
            normal ones is added to the score.
        fraction: the highest part of the map, whose mean is the score.
        smoothing: over which part of the shorter side pixels share what is usual there; 0 for each by
            itself.
    """

    parts: tuple[str, ...]
    fraction: float
    smoothing: float = 0.0

    @classmethod
    def parse(cls, text: str, fraction: float) -> "Recipe":
        """The recipe written as ``gradient+found+code``.

        Raises:
            InputError: a name is not known, comes twice, or there is no map.
        """
        parts = tuple(part.strip() for part in text.split("+"))
        for part in parts:
            if part not in (*NAMES, CODE):
                raise unknown_name("score", part, (*NAMES, CODE))
        faults = []
        if len(set(parts)) < len(parts):
            faults.append(f"each part counts once; got {text!r}")
        if parts == (CODE,):
            faults.append("a map is needed beside the code, to say where an image is anomalous")
        raise_faults("score", faults)
        return cls(parts=parts, fraction=fraction)

    @property
    def maps(self) -> list[int]:
        """The maps it is made of, by their place in :data:`NAMES`."""
        return [NAMES.index(part) for part in self.parts if part != CODE]

    def __str__(self) -> str:
        return "+".join(self.parts)


class Look(NamedTuple):
    """What a network shows of a batch.

    Attributes:
        maps: (B, len(NAMES), H, W), higher where a defect is more likely.
        codes: (B, K) the code, averaged over a few places.
    """

    maps: Tensor
    codes: Tensor


def look_at(network: Autoencoder, batch: Tensor, *, flips: bool) -> Look:
    """Look at images (B, C, H, W) in about [0, 1], or at all four mirrored views of them."""
    views = range(MIRRORS if flips else 1)
    looks = [_look_once(network, turned(batch, view).contiguous()) for view in views]
    maps = torch.stack([turned_back(x.maps, view) for view, x in zip(views, looks, strict=True)])
    return Look(maps.mean(dim=0), looks[0].codes)


def _look_once(network: Autoencoder, batch: Tensor) -> Look:
    maps, code = _maps_and_code(network, batch)
    return Look(maps, _pooled(code))


def _maps_and_code(network: Autoencoder, batch: Tensor) -> tuple[Tensor, Tensor]:
    """(B, len(NAMES), H, W) maps and (B, k, h, w) code."""
    channels = batch.shape[1]
    output = network(batch)
    mended, found = output.reconstruction[:, :channels], output.reconstruction[:, channels:]
    maps = [difference_maps(mended, batch, sigma=BLUR), smoothed(found, BLUR)]
    return torch.cat(maps, dim=1), output.code


def _pooled(code: Tensor) -> Tensor:
    """(B, k, h, w) to (B, K): averaged over a few places."""
    height, width = (min(PLACES, side) for side in code.shape[-2:])
    return F.adaptive_avg_pool2d(code, (height, width)).flatten(1)


@dataclass(frozen=True, kw_only=True)
class Usual:
    """How normal images look to the network.

    Attributes:
        standards: of all maps, by images that were not trained on.
        spread: (K,) of the codes of kept images; codes are divided by it.
        codes: (n, K) of the kept images, so divided.
        distance: (2,) what is subtracted from the distance to the nearest of them, and what it is then
            multiplied by, to be added to a score.
    """

    standards: Standards
    spread: Tensor
    codes: Tensor
    distance: Tensor

    def to_extras(self) -> Extras:
        """For a model file."""
        return {
            "usual.mean": self.standards.mean,
            "usual.deviation": self.standards.deviation,
            "usual.spread": self.spread,
            "usual.codes": self.codes,
            "usual.distance": self.distance,
        }

    @classmethod
    def from_extras(cls, extras: Extras) -> "Usual":
        """What :meth:`to_extras` gave."""
        standards = Standards(extras["usual.mean"], extras["usual.deviation"])
        names = ("spread", "codes", "distance")
        return cls(standards=standards, **{name: extras[f"usual.{name}"] for name in names})


class DefectScorer:
    """Judges images by the maps and the code of a network that mends defects."""

    def __init__(
        self,
        network: Autoencoder,
        usual: Usual,
        recipe: Recipe,
        *,
        flips: bool,
        facts: dict[str, Any],
    ) -> None:
        """Set it up.

        Args:
            flips: whether to average over mirrored views.
            facts: of how the recipe was chosen.
        """
        self.network, self.usual, self.recipe, self.flips = network, usual, recipe, flips
        self.fraction = recipe.fraction
        self.facts = {**facts, "score": str(recipe), "fraction": recipe.fraction}
        self.extras = usual.to_extras()

    @property
    def told(self) -> str:
        """What was chosen, in a sentence for people."""
        kinds = ", ".join(f"{kind} {v:.3f}" for kind, v in self.facts["auroc_by_kind"].items())
        return (
            f"score {self.recipe}, of the highest {self.fraction:.1%} of the map: AUROC "
            f"{self.facts['auroc']:.3f} on synthetic defects in normal images ({kinds})"
        )

    def __call__(self, batch: Tensor) -> Judged:
        """Judge images (B, C, H, W) in about [0, 1], each by itself."""
        both, codes = self._looked(batch)
        one, change = both[:, :1], both[:, 1:]
        score = top_mean(one, self.fraction)
        distances, nearest = nearest_codes(codes, self.usual.spread, self.usual.codes)
        if CODE in self.recipe.parts:
            mean, factor = self.usual.distance.to(score)
            score = score + factor * (distances - mean)
        return Judged(score, one, change, nearest)

    def _looked(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2, H, W) map of the recipe and change, and (B, K) codes; of large images tile by tile."""
        height, width = batch.shape[-2:]
        parts = tiles(self.network, height, width, around=AROUND, step=STEP)
        standards = self.usual.standards.for_size((height, width))
        # Standards for each pixel take more memory than a pass over the whole.
        if len(parts) == 1 or standards.mean.shape[-2:] != (1, 1):
            look = look_at(self.network, batch, flips=self.flips)
            return self._map_and_change(look.maps, self.usual.standards), look.codes
        views = range(MIRRORS if self.flips else 1)
        total, codes = batch.new_zeros((len(batch), 2, height, width)), batch[:, :0]
        for view in views:
            one, code = self._by_tiles(turned(batch, view).contiguous(), parts, standards)
            total += turned_back(one, view)
            codes = codes if view else _pooled(code)
        return total / len(views), codes

    def _map_and_change(self, maps: Tensor, standards: Standards) -> Tensor:
        """(B, 2, H, W) the map of the recipe, and how far images are from their restoration."""
        one = joined(standards.apply(maps), self.recipe)
        return torch.cat([one, maps[:, CHANGE : CHANGE + 1]], dim=1)

    def _by_tiles(
        self, batch: Tensor, parts: list[Tile], standards: Standards
    ) -> tuple[Tensor, Tensor]:
        """The map and the change (B, 2, H, W) of one view, and its whole code (B, k, h, w)."""
        down, across = self.network.architecture.factor
        height, width = batch.shape[-2:]
        both = batch.new_empty((len(batch), 2, height, width))
        codes: Tensor | None = None
        for part in parts:
            maps, code = _maps_and_code(self.network, batch[(..., *part.seen)].contiguous())
            both[(..., *part.place)] = self._map_and_change(maps[(..., *part.kept)], standards)
            if codes is None:
                shape = (-(-height // down), -(-width // across))
                codes = code.new_empty((*code.shape[:2], *shape))
            codes[(..., *_coarse(part.place, down, across))] = code[
                (..., *_coarse(part.kept, down, across))
            ]
        assert codes is not None
        return both, codes


def _coarse(place: tuple[slice, slice], down: int, across: int) -> tuple[slice, slice]:
    """Rows and columns of pixels as those of a code; the last position may stand for fewer pixels."""
    rows, columns = place
    return (
        slice(rows.start // down, -(-rows.stop // down)),
        slice(columns.start // across, -(-columns.stop // across)),
    )


def joined(standardised: Tensor, recipe: Recipe) -> Tensor:
    """(B, len(NAMES), H, W) to the one map (B, 1, H, W) of a recipe: the mean of its maps."""
    return standardised[:, recipe.maps].mean(dim=1, keepdim=True)


def nearest_codes(codes: Tensor, spread: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each of ``codes`` (B, K) to the nearest of a bank, (B,), and which that is, (B,).

    Each row is computed by itself, so that an image's distance does not depend on its neighbours.

    Args:
        spread: (K,) codes are divided by it.
        bank: (n, K) codes so divided.
    """
    bank, spread = bank.to(codes), spread.to(codes)
    found = [(bank - code / spread).square().mean(dim=1).min(dim=0) for code in codes]
    return torch.stack([x.values for x in found]).sqrt(), torch.stack([x.indices for x in found])
