"""Holes of many kinds, described by text and sampled with a generator: a network learns to fill them.

>>> holes = parse_holes("boxes:0.1..0.4")
>>> mask = holes.sample(2, (64, 64), torch.Generator().manual_seed(0))
>>> mask.shape, mask.unique()
(torch.Size([2, 1, 64, 64]), tensor([0., 1.]))
"""

import dataclasses
import functools
import random
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Generator, Tensor

from convae.corruption.noise_levels import parse_level
from convae.errors import InputError, raise_faults, unknown_name

Size = tuple[int, int]  # (height, width)
Mask = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Holes:
    """A distribution of masks.

    Attributes:
        kind: ``pixels`` (each on its own), ``boxes``, ``strokes`` (of a brush), ``text`` (written over the
            image), or ``mixed``: for each image one of these, most often pixels.
        least, most: the level of each image is sampled between these, see :data:`KINDS`. None takes the
            defaults of the kind, which are the only ones for ``mixed``.

    Raises:
        InputError: for an unknown kind or a level that the kind cannot have.
    """

    kind: str = "mixed"
    least: float | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in (*KINDS, MIXED):
            raise unknown_name("holes", self.kind, (*KINDS, MIXED))
        raise_faults(f"holes {self.kind}", _faults(self.kind, self.least, self.most))

    def sample(self, count: int, size: Size, generator: Generator) -> Tensor:
        """Sample masks.

        Args:
            count: number of masks.
            size: (height, width), together at least two pixels.
            generator: on the CPU; the same state gives the same masks.

        Returns:
            (count, 1, height, width) float32 on the CPU: 1 where a pixel is missing, else 0. In each mask
            at least one pixel is missing and one is known.

        Raises:
            InputError: for a size of less than two pixels.
        """
        if size[0] * size[1] < 2:
            raise InputError(f"holes need images of at least two pixels; got {size[0]}x{size[1]}")
        masks = np.stack([self._one(size, rng) for rng in _rngs(count, generator)])
        return torch.from_numpy(masks).unsqueeze(1).float()

    def _one(self, size: Size, rng: random.Random) -> Mask:
        kind = rng.choices(*_MIX)[0] if self.kind == MIXED else self.kind
        chosen = KINDS[kind]
        least = chosen.least if self.least is None else self.least
        most = chosen.most if self.most is None else self.most
        mask = chosen.sample(size, rng.uniform(least, most), rng)
        return _some_of_both(mask, rng)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Build the holes from the output of :meth:`to_dict`.

        Raises:
            InputError: for anything else.
        """
        if not isinstance(values, Mapping):
            raise InputError(f"holes: must be a table of settings; got {values!r:.40}")
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise unknown_name("holes setting", name, known)
        return cls(**values)

    def __str__(self) -> str:
        if self.least is None or self.most is None:
            return self.kind
        ends = dict.fromkeys((self.least, self.most))
        return f"{self.kind}:{'..'.join(f'{end:.6g}' for end in ends)}"


def parse_holes(spec: "str | Holes") -> Holes:
    """Parse the description of holes: a kind, with or without a level or a range of levels.

    Args:
        spec: ``mixed``, ``pixels``, ``pixels:0.5``, ``pixels:0.1..0.9``, ``boxes:0.05..0.4``, ... A
            :class:`Holes` is returned as it is.

    Raises:
        InputError: for an unknown kind or a level that the kind cannot have.

    >>> parse_holes("pixels:0.1..0.9"), str(parse_holes("text"))
    (Holes(kind='pixels', least=0.1, most=0.9), 'text')
    """
    if isinstance(spec, Holes):
        return spec
    if not isinstance(spec, str):
        raise InputError(f"holes must be text such as 'mixed' or 'pixels:0.5'; got {spec!r:.60}")
    kind, colon, level = (part.strip() for part in spec.partition(":"))
    if not colon or kind not in KINDS:
        if colon and kind == MIXED:
            raise InputError(f"holes {spec!r:.60}: mixed holes have no level of their own")
        return Holes(kind)
    return Holes(kind, *parse_level(level, f"the level of holes {kind}"))


def pixels(size: Size, share: float, rng: random.Random) -> Mask:
    """Return a mask (H, W) in which each pixel is missing with probability ``share``, independently."""
    return (np.random.default_rng(rng.getrandbits(64)).random(size) < share).astype(np.uint8)


def boxes(size: Size, share: float, rng: random.Random) -> Mask:
    """Return a mask (H, W) of one to five rectangles.

    ``share`` limits their longer side, as a fraction of the image's shorter side.
    """
    mask = np.zeros(size, np.uint8)
    for _ in range(rng.randint(1, 5)):
        longest = share * min(size) * rng.uniform(0.5, 1)
        sides = [longest, longest * rng.uniform(0.4, 1)]
        rng.shuffle(sides)
        height, width = (max(1, round(side)) for side in sides)
        top, left = (
            rng.randint(0, max(0, n - m)) for n, m in zip(size, (height, width), strict=True)
        )
        mask[top : top + height, left : left + width] = 1
    return mask


def strokes(size: Size, share: float, rng: random.Random) -> Mask:
    """Return a mask (H, W) of one to four bent strokes of a round brush.

    ``share`` is the brush's width as a fraction of the shorter side.
    """
    canvas = Image.new("L", (size[1], size[0]))
    pen = ImageDraw.Draw(canvas)
    width = max(1, round(share * min(size)))
    for _ in range(rng.randint(1, 4)):
        points = _walk(size, rng)
        pen.line(points, fill=1, width=width, joint="curve")
        for x, y in (points[0], points[-1]):
            r = width / 2
            pen.ellipse((x - r, y - r, x + r, y + r), fill=1)
    return np.array(canvas)


def text(size: Size, share: float, rng: random.Random) -> Mask:
    """Return a mask (H, W) of one to four lines of letters and digits.

    ``share`` is the height of the letters as a fraction of the shorter side.
    """
    canvas = Image.new(
        "1", (size[1], size[0])
    )  # two colours: letters are not blurred at their edges
    pen = ImageDraw.Draw(canvas)
    font = _font(max(5, round(share * min(size))))
    for _ in range(rng.randint(1, 4)):
        letters = "".join(rng.choices(_LETTERS, k=rng.randint(3, 24)))
        place = (rng.uniform(-0.3, 0.5) * size[1], rng.uniform(-0.1, 0.9) * size[0])
        pen.text(place, letters, fill=1, font=font)
    return np.array(canvas, dtype=np.uint8)


def hidden_patches(level: Tensor, size: Size, patch: int, generator: Generator) -> Tensor:
    """Sample masks in which a fraction of the square patches of a grid is missing.

    Args:
        level: (count, 1, 1, 1) float32 on the CPU, the fraction of each mask, from 0 to 1: so many of its
            patches are missing, rounded, but never all.
        size: (height, width).
        patch: side of a patch in pixels, at least 1; patches at the right and the lower edge may be smaller.
        generator: on the CPU; the same state gives the same masks.

    Returns:
        (count, 1, height, width) float32 on the CPU: 1 where a pixel is missing, else 0.

    >>> mask = hidden_patches(torch.full((1, 1, 1, 1), 0.5), (4, 4), 2, torch.Generator())
    >>> float(mask.sum())
    8.0
    """
    rows, columns = (-(-side // patch) for side in size)
    each = rows * columns
    order = torch.rand((len(level), each), generator=generator).argsort(dim=1).argsort(dim=1)
    missing = (level.reshape(-1, 1) * each).round().clamp_max(each - 1)
    grid = (order < missing).float().reshape(-1, 1, rows, columns)
    mask = grid.repeat_interleave(patch, dim=2).repeat_interleave(patch, dim=3)
    return mask[..., : size[0], : size[1]]


class Kind(NamedTuple):
    """A kind of hole.

    Attributes:
        sample: samples the mask of one image, from its size, its level and a random generator.
        least, most: the default levels.
        weight: probability in a mixture.
        meaning: the meaning of the level.
    """

    sample: Callable[[Size, float, random.Random], Mask]
    least: float
    most: float
    weight: float
    meaning: str


KINDS: dict[str, Kind] = {
    "pixels": Kind(pixels, 0.1, 0.9, 0.5, "the part of all pixels that is missing"),
    "boxes": Kind(boxes, 0.05, 0.5, 0.25, "a side, as a part of the image's shorter side"),
    "strokes": Kind(strokes, 0.01, 0.15, 0.15, "a width, as a part of the image's shorter side"),
    "text": Kind(text, 0.1, 0.35, 0.1, "a height, as a part of the image's shorter side"),
}
MIXED = "mixed"
_MIX = list(KINDS), [kind.weight for kind in KINDS.values()]
_LETTERS = string.ascii_letters + string.digits + "   "


def _rngs(count: int, generator: Generator) -> list[random.Random]:
    """Return a generator for each image, so that a mask does not depend on those before it."""
    seeds = torch.randint(2**62, (count,), generator=generator)
    return [random.Random(seed) for seed in seeds.tolist()]


@functools.lru_cache(maxsize=256)
def _font(height: int) -> Any:
    """Return Pillow's built-in font; making it takes longer than writing with it."""
    return ImageFont.load_default(height)


def _walk(size: Size, rng: random.Random) -> list[tuple[float, float]]:
    """Sample corners (x, y) of a random path from a place in the image, about half its side long."""
    height, width = size
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    turn, points = rng.uniform(0, 2 * np.pi), [(x, y)]
    for _ in range(rng.randint(2, 6)):
        turn += rng.uniform(-1.2, 1.2)
        step = rng.uniform(0.05, 0.3) * min(size)
        x, y = x + step * float(np.cos(turn)), y + step * float(np.sin(turn))
        points.append((x, y))
    return points


def _some_of_both(mask: Mask, rng: random.Random) -> Mask:
    """Change one pixel of the mask if all or none are missing."""
    missing = int(mask.sum())
    if missing in (0, mask.size):
        mask.flat[rng.randrange(mask.size)] = missing == 0
    return mask


def _faults(kind: str, least: object, most: object) -> list[str]:
    if least is None and most is None:
        return []
    if kind == MIXED:
        return ["mixed holes have no level of their own"]
    for value in (least, most):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value <= 1:  # type: ignore[operator]
            return [
                f"its level must be above 0 and at most 1 ({KINDS[kind].meaning}); got {value!r:.40}"
            ]
    if least > most:  # type: ignore[operator]
        return [f"its least level {least} is above its most {most}"]
    return []
