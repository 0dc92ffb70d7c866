"""Shapes of synthetic defects: soft covers (H, W) in [0, 1], at random places and of random sizes."""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

Name = TypeVar("Name")
Size = tuple[int, int]

# Fractions of the shorter side, sampled log-uniformly: each doubling is as likely as the next.
SPOT_RADIUS = (0.012, 0.12)
PATCH_SIDE = (0.04, 0.6)
LINE_LENGTH = (0.1, 1.0)
FIELD_AREA = (0.01, 0.35)  # fraction of the image
LINE_WIDTH = (1.0, 6.0)  # in pixels of an image of 256; at least one pixel


class Rng:
    """Random values from a generator on the CPU."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def uniform(self, low: float, high: float) -> float:
        """Sample a number from ``low`` up to below ``high``."""
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def log_uniform(self, low: float, high: float) -> float:
        """Sample a number log-uniformly: each doubling is as likely as the next; both limits above 0."""
        return math.exp(self.uniform(math.log(low), math.log(high)))

    def whole(self, low: int, high: int) -> int:
        """Sample a whole number, both ends included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def coin(self) -> bool:
        """Return True or False, each as likely."""
        return self.whole(0, 1) == 1

    def one_of(self, names: Sequence[Name]) -> Name:
        """Sample one of several, each as likely."""
        return names[self.whole(0, len(names) - 1)]

    def smooth(self, size: Size, cells: tuple[int, int]) -> Tensor:
        """Sample a smooth random field (H, W) of mean about 0, with ``cells`` variations per side."""
        coarse = torch.randn((1, 1, cells[0] + 3, cells[1] + 3), generator=self.generator)
        fine = F.interpolate(coarse, size=size, mode="bicubic", align_corners=False)
        return fine[0, 0]


def spot(size: Size, rng: Rng) -> Tensor:
    """Sample a small blob (H, W) with an uneven outline: a hole, a grain, a drop."""
    v, u, side = _rotated(size, rng)
    radius = max(1.0, rng.log_uniform(*SPOT_RADIUS) * side)
    longer = rng.uniform(1, 2.5)
    distance = torch.sqrt((u / longer).square() + v.square())
    cells = max(2, round(3 * side / radius / 4))
    outline = 1 + 0.25 * rng.smooth(size, (cells, cells))
    return _soft(radius * outline - distance, rng.uniform(1, 1 + radius / 3))


def patch(size: Size, rng: Rng) -> Tensor:
    """Sample a rectangle (H, W) with rounded corners, upright or rotated, with narrow or wide soft edges."""
    v, u, side = _rotated(size, rng, upright=rng.coin())
    height, width = (max(1.5, rng.log_uniform(*PATCH_SIDE) * side / 2) for _ in range(2))
    power = rng.uniform(2, 8)
    norm = ((v / height).abs() ** power + (u / width).abs() ** power) ** (1 / power)
    shorter = min(height, width)
    return _soft((1 - norm) * shorter, rng.uniform(1, 1 + shorter / 2))


def field(size: Size, rng: Rng) -> Tensor:
    """Sample islands (H, W) with winding outlines, as in a stain, wear or a cloud."""
    cells = (rng.whole(1, 8), rng.whole(1, 8))
    values = rng.smooth(size, cells)
    threshold = torch.quantile(_thinned(values), 1 - rng.log_uniform(*FIELD_AREA))
    # The field's slope converts a distance in pixels to a difference of values.
    slope = values.std(correction=0) * max(cells) / min(size)
    return _soft((values - threshold) / slope.clamp_min(1e-6), rng.uniform(1, 6))


def line(size: Size, rng: Rng) -> Tensor:
    """Sample a scratch or crack (H, W): long, thin, tapered, straight or winding."""
    v, u, side = _rotated(size, rng)
    length = max(3.0, rng.log_uniform(*LINE_LENGTH) * side)
    width = max(1.0, rng.log_uniform(*LINE_WIDTH) * side / 256)
    bends, wobble = rng.whole(1, 10), rng.log_uniform(0.002, 0.15) * length
    path = rng.smooth((1, 256), (0, bends))[0] * wobble
    along = u / length + 0.5
    centre = _interpolated(path, along)
    taper = (1 - (2 * along - 1).abs() ** rng.uniform(2, 8)).clamp_min(0)
    reach = width / 2 * (0.4 + 0.6 * taper)
    cover = _soft(reach - (v - centre).abs(), 1.0)
    return cover * ((along > 0) & (along < 1))


SHAPES: dict[str, Callable[[Size, Rng], Tensor]] = {
    "spot": spot,
    "patch": patch,
    "field": field,
    "line": line,
}


def _rotated(size: Size, rng: Rng, *, upright: bool = False) -> tuple[Tensor, Tensor, int]:
    """Return coordinates (v, u), each (H, W) in pixels, and the shorter side.

    The coordinates have a random origin and a random angle.
    """
    height, width = size
    y = torch.arange(height, dtype=torch.float32) - rng.uniform(0, height)
    x = torch.arange(width, dtype=torch.float32) - rng.uniform(0, width)
    angle = 0.0 if upright else rng.uniform(0, math.pi)
    cos, sin = math.cos(angle), math.sin(angle)
    y, x = y[:, None], x[None, :]
    return cos * y - sin * x, sin * y + cos * x, min(size)


def _soft(inside: Tensor, edge: float) -> Tensor:
    """Return the cover for distances inside the outline (pixels, negative outside): 1/2 on the outline."""
    return (inside / edge + 0.5).clamp(0, 1)


def _interpolated(path: Tensor, along: Tensor) -> Tensor:
    """Interpolate ``path`` (n,) linearly at the places ``along`` [0, 1]."""
    place = along.clamp(0, 1) * (len(path) - 1)
    low = place.floor().long().clamp(max=len(path) - 2)
    return torch.lerp(path[low], path[low + 1], place - low)


def _thinned(values: Tensor) -> Tensor:
    """Return about a thousand of the values, which are enough for a quantile."""
    flat = values.flatten()
    return flat[:: max(1, len(flat) // 1024)]
