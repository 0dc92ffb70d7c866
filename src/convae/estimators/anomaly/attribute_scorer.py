"""Anomaly scores from a network that restores attributes, and from the nearest normal image.

The score has five parts, each a logarithm (or a root) that is higher for less normal images:

- restored: the error of the image restored from itself;
- pose: how improbable the network finds the pose that the image was shown in, over all poses;
- code: Mahalanobis distance of the codes of all poses from those of normal images;
- near: distance to the nearest normal image, both small;
- alike: the same after both were scaled to one length, so that fainter or thinner is no difference.

An image with few edges is easy to restore and near to every other, so each part is compared with its value
for normal images with as many edges: a straight line through held-out normal images. The score is the mean of
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
# Pixels a side at which images are compared, and at which edges are measured.
SMALL, MIDDLE = 16, 32
CANDIDATES = 4  # nearest by products, among which differences find the nearest
LEAST = 1e-3  # smallest argument of a logarithm
FRACTION = 0.02  # of the map is shown for an image that is anomalous as a whole


def parse_parts(text: str) -> tuple[str, ...]:
    """Parse the parts that a text such as ``near+alike`` names; ``auto`` names all.

    Raises:
        InputError: a name is unknown, or occurs twice.
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
    """Measurements of a batch before they are compared with those of normal images.

    Attributes:
        parts: (B, len(PARTS)).
        edges: (B,) logarithm of the root mean square difference of neighbouring pixels.
        map: (B, 1, H, W) error of the restored image.
        nearest: (B,) index of the nearest normal image.
    """

    parts: Tensor
    edges: Tensor
    map: Tensor
    nearest: Tensor


@dataclass(frozen=True, kw_only=True)
class Known:
    """Normal images as the network saw them in training.

    Attributes:
        mean: (K,) the mean of the codes in all poses, concatenated.
        whitening: (K, K) matrix that centred codes are multiplied by, so that those of normal images have
            unit variance.
        small: (n, D) the kept images, reduced in size.
    """

    mean: Tensor
    whitening: Tensor
    small: Tensor


@dataclass(frozen=True, kw_only=True)
class Line:
    """The expected parts of a normal image as a linear function of its edges.

    Attributes:
        middle: edges at the centre of the line: the mean of normal images.
        most: edges of the busiest normal image; the line is not extended beyond it.
        level, slope: (len(PARTS),) the line: level + slope · (edges - middle).
        spread: (len(PARTS),) standard deviation of normal images around it.
    """

    middle: Tensor
    most: Tensor
    level: Tensor
    slope: Tensor
    spread: Tensor

    def measure(self, look: Look) -> Tensor:
        """Return the parts (B, len(PARTS)) in standard deviations above the line."""
        edges = (look.edges.clamp(max=self.most) - self.middle)[:, None]
        return (look.parts - self.level - self.slope * edges) / self.spread


class AttributeScorer:
    """Scores images by how well their attributes can be restored, and by the nearest normal image."""

    fraction = FRACTION

    def __init__(
        self,
        network: Autoencoder,
        known: Known,
        line: Line,
        standards: Standards,
        parts: tuple[str, ...] = PARTS,
    ) -> None:
        """Set up the scorer.

        Args:
            standards: of the map, from held-out normal images.
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
        """Create the scorer from the extras and facts of a model file."""

        def named(prefix: str) -> dict[str, Tensor]:
            return {n.removeprefix(prefix): v for n, v in extras.items() if n.startswith(prefix)}

        standards = Standards(**named("map."))
        known, line = Known(**named("known.")), Line(**named("line."))
        return cls(network, known, line, standards, parse_parts(facts["score"]))

    @property
    def summary(self) -> str:
        """A sentence that describes the score."""
        return f"score {self.facts['score']}, each compared with normal images with as many edges"

    def __call__(self, batch: Tensor) -> Judged:
        """Score images (B, C, H, W) in about [0, 1], each by itself."""
        look = self.looker(batch)
        score = self.line.measure(look)[:, self.chosen].mean(dim=1)
        return Judged(score, self.standards.apply(look.map), look.map, look.nearest)


class Looker:
    """Measures images with a network and with the known normal images."""

    def __init__(self, network: Autoencoder, known: Known) -> None:
        device = next(network.parameters()).device
        self.network = network
        self.known = Known(**{name: value.to(device) for name, value in vars(known).items()})
        self.directions = F.normalize(self.known.small, dim=1)

    def __call__(self, batch: Tensor) -> Look:
        """Measure images (B, C, H, W) in about [0, 1]."""
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
    """Return the codes (B, POSES, K) of images in all poses; ``first``: those of the unrotated, if known."""
    codes = [network.encode(batch) if first is None else first]
    codes += [network.encode(posed(batch, pose).contiguous()) for pose in range(1, POSES)]
    return torch.stack(codes, dim=1)


def unlikeliness(codes: Tensor) -> Tensor:
    """Return the mean over poses of -log p(pose), (B,), from the logits at the start of each code."""
    rng = codes[..., :POSES].log_softmax(dim=2)
    return -rng.diagonal(dim1=1, dim2=2).mean(dim=1)


def small(batch: Tensor) -> Tensor:
    """Average images over squares, (B, D), so that the longer side has at most 16 values."""
    return _coarse(batch, SMALL).flatten(1)


def edges(batch: Tensor) -> Tensor:
    """Return the log root mean square difference of neighbouring pixels, (B,), at most 32 pixels a side."""
    x = _coarse(batch, MIDDLE)
    down, across = x.diff(dim=2).square(), x.diff(dim=3).square()
    total = down.sum(dim=(1, 2, 3)) + across.sum(dim=(1, 2, 3))
    return (total / x[0].numel()).sqrt().clamp_min(LEAST).log()


def nearest_of(queries: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return the root mean square distance of each query (B, D) to the nearest point (n, D), and its index.

    Products find a few candidates and differences decide among them, so the result is exact and does not
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
