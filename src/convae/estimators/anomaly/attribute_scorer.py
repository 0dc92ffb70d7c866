"""How anomalous images are by a network that restores attributes: how well it can, beside the nearest normal.

Five parts, each a logarithm (or a root) that is higher for what is less normal:

- restored: the error of the image restored from itself;
- pose: how unlikely the pose was held that the image was shown in, over all poses;
- code: Mahalanobis distance of the codes of all poses from those of normal images;
- near: distance to the nearest normal image, both small;
- alike: the same after both were given one length, so that fainter or thinner is no difference.

An image with few edges is easy to restore and near to everything, so that each part is measured by what
normal images with as many edges give: a straight line through held-out normals. The score is the mean of
the parts in standard deviations above that line.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from convae.corruption.attributes import POSES, posed
from convae.errors import InputError, unknown_name
from convae.estimators.anomaly.method import Extras, Judged
from convae.metrics.difference_maps import Standards, colour_difference
from convae.networks.autoencoder import Autoencoder

PARTS = ("restored", "pose", "code", "near", "alike")
SMALL, MIDDLE = 16, 32  # pixels a side: where images are compared, and where edges are counted
CANDIDATES = 4  # nearest by products, of which the nearest by differences is taken
LEAST = 1e-3  # of what a logarithm is taken
FRACTION = 0.02  # of a map is shown of an image that is anomalous as a whole


def parse_parts(text: str) -> tuple[str, ...]:
    """The parts that ``near+alike`` names, or all of them for ``auto``.

    Raises:
        InputError: a name is not known, or comes twice.
    """
    if text == "auto":
        return PARTS
    parts = tuple(part.strip() for part in text.split("+"))
    for part in parts:
        if part not in PARTS:
            raise unknown_name("score", part, PARTS)
    if len(set(parts)) < len(parts):
        raise InputError(f"score_by: each part counts once; got {text!r}")
    return parts


class Look(NamedTuple):
    """What is seen of a batch before it is measured by normal images.

    Attributes:
        parts: (B, len(PARTS)).
        edges: (B,) logarithm of the root mean square difference of neighbouring pixels.
        map: (B, 1, H, W) error of the restored image.
        nearest: (B,) which normal image is nearest.
    """

    parts: Tensor
    edges: Tensor
    map: Tensor
    nearest: Tensor


@dataclass(frozen=True, kw_only=True)
class Known:
    """Normal images as the network saw them in training.

    Attributes:
        mean: (K,) of the codes in all poses, side by side.
        whitening: (K, K) what centred codes are multiplied by, so that those of normals have unit variance.
        small: (n, D) the kept images, small.
    """

    mean: Tensor
    whitening: Tensor
    small: Tensor


@dataclass(frozen=True, kw_only=True)
class Line:
    """What the parts of a normal image are, by its edges.

    Attributes:
        middle: edges at which the line is told; the mean of normals.
        most: edges of the busiest normal image: being busier still excuses nothing.
        level, slope: (len(PARTS),) the line: level + slope · (edges - middle).
        spread: (len(PARTS),) standard deviation of normals around it.
    """

    middle: Tensor
    most: Tensor
    level: Tensor
    slope: Tensor
    spread: Tensor

    def measure(self, look: Look) -> Tensor:
        """(B, len(PARTS)) in standard deviations above the line."""
        edges = (look.edges.clamp(max=self.most) - self.middle)[:, None]
        return (look.parts - self.level - self.slope * edges) / self.spread


class AttributeScorer:
    """Judges images by how well their attributes can be restored, and by the nearest normal image."""

    fraction = FRACTION

    def __init__(
        self,
        network: Autoencoder,
        known: Known,
        line: Line,
        standards: Standards,
        parts: tuple[str, ...] = PARTS,
    ) -> None:
        """Set it up.

        Args:
            standards: of the map, by held-out normals.
            parts: those of :data:`PARTS` whose mean is the score.
        """
        self.looker = Looker(network, known)
        device = next(network.parameters()).device
        self.line = Line(**{name: value.to(device) for name, value in vars(line).items()})
        self.standards = standards
        self.chosen = [PARTS.index(part) for part in parts]
        self.facts: dict[str, Any] = {"score": "+".join(parts), "fraction": FRACTION}
        self.extras: Extras = {
            **{f"known.{name}": value.cpu() for name, value in vars(known).items()},
            **{f"line.{name}": value.cpu() for name, value in vars(line).items()},
            "map.mean": standards.mean,
            "map.deviation": standards.deviation,
        }

    @classmethod
    def load(cls, network: Autoencoder, extras: Extras, facts: dict[str, Any]) -> "AttributeScorer":
        """The scorer whose extras and facts a model file holds."""

        def named(prefix: str) -> dict[str, Tensor]:
            return {n.removeprefix(prefix): v for n, v in extras.items() if n.startswith(prefix)}

        standards = Standards(**named("map."))
        known, line = Known(**named("known.")), Line(**named("line."))
        return cls(network, known, line, standards, parse_parts(facts["score"]))

    @property
    def told(self) -> str:
        """What the score is, in a sentence for people."""
        return f"score {self.facts['score']}, each beside normal images with as many edges"

    def __call__(self, batch: Tensor) -> Judged:
        """Judge images (B, C, H, W) in about [0, 1], each by itself."""
        look = self.looker(batch)
        score = self.line.measure(look)[:, self.chosen].mean(dim=1)
        return Judged(score, self.standards.apply(look.map), look.map, look.nearest)


class Looker:
    """Looks at images with a network and what it knows of normal ones."""

    def __init__(self, network: Autoencoder, known: Known) -> None:
        device = next(network.parameters()).device
        self.network = network
        self.known = Known(**{name: value.to(device) for name, value in vars(known).items()})
        self.directions = F.normalize(self.known.small, dim=1)

    def __call__(self, batch: Tensor) -> Look:
        """Look at images (B, C, H, W) in about [0, 1]."""
        output = self.network(batch)
        error = colour_difference(output.reconstruction, batch)
        codes = codes_of(self.network, batch, first=output.code)
        unusual = (codes.flatten(1) - self.known.mean) @ self.known.whitening
        image = small(batch)
        near, nearest = nearest_of(image, self.known.small)
        alike, _ = nearest_of(F.normalize(image, dim=1), self.directions)
        logs = (
            error.square().mean(dim=(1, 2, 3)).sqrt(),
            unusual.square().mean(dim=1).sqrt(),
            near,
            alike,
        )
        restored, code, near, alike = (x.clamp_min(LEAST).log() for x in logs)
        parts = torch.stack([restored, unlikeliness(codes).sqrt(), code, near, alike], dim=1)
        return Look(parts, edges(batch), error, nearest)


def codes_of(network: Autoencoder, batch: Tensor, *, first: Tensor | None = None) -> Tensor:
    """(B, POSES, K) the codes of images in all poses; ``first`` those as they are, where known."""
    codes = [network.encode(batch) if first is None else first]
    codes += [network.encode(posed(batch, pose).contiguous()) for pose in range(1, POSES)]
    return torch.stack(codes, dim=1)


def unlikeliness(codes: Tensor) -> Tensor:
    """(B,) the mean over poses of -log p(pose), by the logits that begin each of the codes."""
    rng = codes[..., :POSES].log_softmax(dim=2)
    return -rng.diagonal(dim1=1, dim2=2).mean(dim=1)


def small(batch: Tensor) -> Tensor:
    """(B, D) images averaged over squares, so that the longer side has at most 16."""
    return _coarse(batch, SMALL).flatten(1)


def edges(batch: Tensor) -> Tensor:
    """(B,) logarithm of the root mean square difference of neighbours, at no more than 32 pixels a side."""
    x = _coarse(batch, MIDDLE)
    down, across = x.diff(dim=2).square(), x.diff(dim=3).square()
    total = down.sum(dim=(1, 2, 3)) + across.sum(dim=(1, 2, 3))
    return (total / x[0].numel()).sqrt().clamp_min(LEAST).log()


def nearest_of(queries: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Root mean square difference of each query (B, D) to the nearest of points (n, D), and which it is.

    A few candidates are found by products; differences decide, so that the result is exact and does not
    depend on the other queries.
    """
    squares = points.square().sum(dim=1) - 2 * queries @ points.T
    candidates = squares.topk(min(CANDIDATES, len(points)), dim=1, largest=False).indices
    exact = (queries[:, None] - points[candidates]).square().mean(dim=2)
    least = exact.min(dim=1)
    return least.values.sqrt(), candidates.gather(1, least.indices[:, None])[:, 0]


def _coarse(batch: Tensor, side: int) -> Tensor:
    factor = -(-max(batch.shape[-2:]) // side)
    return F.avg_pool2d(batch, factor, ceil_mode=True) if factor > 1 else batch
