"""Drawn images of textures and parts, with defects as materials have them: as many as wanted, for measuring.

The defects are made otherwise than those that detectors learn by: cracks walk at random, parts are missing or
doubled, stains have uneven edges, threads are pulled aside.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter, map_coordinates

Array = np.ndarray[Any, np.dtype[Any]]
Rng = np.random.Generator
NORMAL, GOOD, BAD = 60, 40, 48


class Family(NamedTuple):
    """How images of a family are drawn.

    Attributes:
        draw: (H, W) or (H, W, 3) float, a normal image.
        inside: (H, W) bool, where defects may begin.
        kinds: names of defects.
    """

    draw: Callable[[Rng], Array]
    inside: Callable[[Array], Array]
    kinds: tuple[str, ...]


SURFACE = ("crack", "scratch", "spot", "stain")


def draw(
    name: str, seed: int
) -> tuple[list[Array], list[Array], list[Array], list[Array], list[str]]:
    """Normal images, further normal ones, defective ones, their masks (H, W) and kinds of defect."""
    rng, family = np.random.default_rng([seed, list(FAMILIES).index(name)]), FAMILIES[name]
    normal = [_stored(family.draw(rng)) for _ in range(NORMAL)]
    good = [_stored(family.draw(rng)) for _ in range(GOOD)]
    bad, masks, kinds = [], [], []
    for _ in range(BAD):
        image = family.draw(rng)
        kind = family.kinds[rng.integers(len(family.kinds))]
        image = image if image.ndim == 3 else image[..., None]
        damaged, mask = _damaged(image, family.inside(image), kind, rng)
        bad.append(_stored(damaged))
        masks.append(mask)
        kinds.append(kind)
    return normal, good, bad, masks, kinds


# -- textures and parts -------------------------------------------------------------------------


def _weave(rng: Rng) -> Array:
    y, x = _warped(_turned(192, 192, rng, 0.02), rng)
    period = 9 * (1 + rng.normal(0, 0.01))
    over = (np.floor(x / period) + np.floor(y / period)) % 2 > 0.5
    threads = np.abs(np.sin(2 * np.pi * np.where(over, x, y) / period)) ** 0.7
    return 90 + 70 * threads + rng.normal(0, 4, threads.shape)


def _grid(rng: Rng) -> Array:
    y, x = _turned(192, 192, rng, 0.015)
    bars = np.minimum(np.abs(x % 16 - 8), np.abs(y % 16 - 8)) < 2.2
    shade = 300 * gaussian_filter(rng.normal(0, 1, bars.shape), 20)
    noise = rng.normal(0, 5, bars.shape)
    return np.asarray(60 + 110 * gaussian_filter(bars.astype(float), 0.8) + shade + noise)


def _brushed(rng: Rng) -> Array:
    layers = ((0.6, 1.0), (1.5, 0.8), (5.0, 0.6))
    grain = sum(
        gaussian_filter(rng.normal(0, 1, (192, 192)), (s, 6 * s)) * s * 2.4 * a for s, a in layers
    )
    return 120 + 14 * np.asarray(grain) + 10 * rng.normal()


def _washer(rng: Rng) -> Array:
    y, x = np.mgrid[:192, :192].astype(float)
    cy, cx = 96 + rng.normal(0, 1.2, 2)
    radius, angle = np.hypot(y - cy, x - cx), np.arctan2(y - cy, x - cx) + rng.normal(0, 0.03)
    ring = (radius < 78) & (radius > 34)
    image = 40 + 130 * gaussian_filter(ring.astype(float), 1) + 25 * ring * np.cos(2 * angle + 0.5)
    for turn in np.arange(6) * np.pi / 3:
        hole = np.hypot(y - cy - 56 * np.sin(turn), x - cx - 56 * np.cos(turn)) < 7
        image -= 110 * gaussian_filter(hole.astype(float), 1)
    mottled = np.asarray(8 * gaussian_filter(rng.normal(0, 1, image.shape), 1))
    noisy: Array = image * (1 + rng.normal(0, 0.04)) + mottled + rng.normal(0, 3, image.shape)
    return noisy


def _bracket(rng: Rng) -> Array:
    y, x = np.mgrid[:160, :224].astype(float) - rng.normal(0, 1.5, (2, 1, 1))
    bar = (x > 25) & (x < 200) & (y > 30) & (y < 60)
    legs = (y > 30) & (((x > 25) & (x < 60) & (y < 140)) | ((x > 120) & (x < 150) & (y < 110)))
    image = np.ones((160, 224, 3)) * np.array([70, 75, 90.0])
    paint = np.array([190, 60, 50.0]) + rng.normal(0, 4, 3)
    image = _over(image, paint * (1 - 0.15 * ((y - 30) / 110).clip(0, 1))[..., None], bar | legs)
    for hy, hx, r in ((45, 42, 8), (45, 180, 8), (120, 42, 8), (95, 135, 6)):
        image = _over(image, np.array([200, 200, 60.0]), np.hypot(y - hy, x - hx) < r)
    return image * (1 + rng.normal(0, 0.03)) + rng.normal(0, 4, (160, 224, 1))


def _seed(rng: Rng) -> Array:
    """A brown seed with a rib, lying anyhow on a light ground."""
    y, x = np.mgrid[:176, :176] - (88 + rng.normal(0, 5, (2, 1, 1)))
    turn = rng.uniform(0, 2 * np.pi)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    long, wide = 66 * (1 + rng.normal(0, 0.05)), 40 * (1 + rng.normal(0, 0.06))
    edge = (u / long) ** 2 + (v / wide) ** 2 * (1 + 0.3 * u / long)
    edge = edge + 1.2 * gaussian_filter(rng.normal(0, 1, edge.shape), 8)
    skin = 1 - 0.35 * edge.clip(0, 1) + 0.5 * gaussian_filter(rng.normal(0, 1, edge.shape), 3)
    shade = skin - 0.25 * np.exp(-((v / 2) ** 2))
    brown = np.array([150, 95, 50.0]) * (1 + rng.normal(0, 0.06, 3))
    ground = np.full((176, 176, 3), 215.0)
    return _over(ground, brown * shade[..., None], edge < 1) + rng.normal(0, 4, (176, 176, 1))


FAMILIES = {
    "weave": Family(_weave, lambda x: np.ones(x.shape[:2], bool), (*SURFACE, "pulled")),
    "grid": Family(_grid, lambda x: np.ones(x.shape[:2], bool), (*SURFACE, "pulled")),
    "brushed": Family(_brushed, lambda x: np.ones(x.shape[:2], bool), SURFACE),
    "washer": Family(_washer, lambda x: _deep(x[..., 0] > 100), (*SURFACE, "missing", "extra")),
    "bracket": Family(_bracket, lambda x: _deep(x[..., 0] > 130), (*SURFACE, "missing", "extra")),
    "seed": Family(_seed, lambda x: _deep(x.mean(axis=2) < 150), (*SURFACE, "missing")),
}


# -- defects ------------------------------------------------------------------------------------


def _damaged(image: Array, inside: Array, kind: str, rng: Rng) -> tuple[Array, Array]:
    """An image (H, W, C) with a defect, and its mask."""
    places = np.argwhere(inside)
    cy, cx = places[rng.integers(len(places))]
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    far = np.hypot(y - cy, x - cx)
    if kind == "crack":
        cover = _walk(inside.shape, (float(cy), float(cx)), rng)
        image = image * (1 - cover[..., None] * rng.uniform(0.35, 0.7))
    elif kind == "scratch":
        turn, length = rng.uniform(0, np.pi), rng.uniform(20, 60)
        along = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        across = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        cover = _soft((np.abs(across) < 0.9) & (np.abs(along) < length / 2), 0.5)
        image = image + cover[..., None] * rng.uniform(40, 80)
    elif kind == "spot":
        cover = _soft(far < rng.uniform(2, 6), 0.7)
        image = image + cover[..., None] * rng.choice([-1, 1]) * rng.uniform(35, 80)
    elif kind == "stain":
        uneven = 30 * gaussian_filter(rng.normal(0, 1, far.shape), 4)
        cover = _soft(far + uneven < rng.uniform(9, 22), 2)
        tint = rng.uniform(-28, 28, image.shape[2])
        image = image + cover[..., None] * (tint + 10 * np.sign(tint))
    elif kind == "pulled":
        hill = np.exp(-((far / rng.uniform(12, 24)) ** 2) / 2)
        move = rng.choice([-1, 1]) * rng.uniform(4, 7) * hill
        layers = [
            map_coordinates(image[..., c], [y + move, x + move / 2], order=1, mode="reflect")
            for c in range(image.shape[2])
        ]
        image, cover = np.stack(layers, axis=2), hill
    else:
        radius = rng.uniform(8, 14) if kind == "missing" else rng.uniform(5, 9)
        cover = _soft(far < radius, 0.8)
        ground = image[2:8, 2:8].mean(axis=(0, 1)) if kind == "missing" else 0.9 * image.max()
        image = image * (1 - cover[..., None]) + ground * cover[..., None]
    return image, cover > 0.4


def _walk(shape: tuple[int, ...], at: tuple[float, float], rng: Rng) -> Array:
    """A crack: the path of a walker that turns a little at each step."""
    trace, (y, x), turn = np.zeros(shape), at, rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.uniform(20, 70))):
        turn += rng.normal(0, 0.25)
        y, x = y + np.sin(turn), x + np.cos(turn)
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            trace[int(y), int(x)] = 1
    soft = gaussian_filter(trace, 0.7)
    cover: Array = soft / soft.max() if soft.any() else soft
    return cover


def _soft(cover: Array, sigma: float) -> Array:
    soft: Array = gaussian_filter(cover.astype(float), sigma)
    return soft


def _deep(inside: Array) -> Array:
    deep: Array = binary_erosion(inside, iterations=2)
    return deep if deep.any() else inside


def _over(image: Array, colour: Array, where: Array) -> Array:
    cover = _soft(where, 0.8)[..., None]
    covered: Array = image * (1 - cover) + colour * cover
    return covered


def _turned(height: int, width: int, rng: Rng, most: float) -> tuple[Array, Array]:
    y, x = np.mgrid[:height, :width].astype(float)
    turn, move = rng.normal(0, most), rng.uniform(0, 16, 2)
    return x * np.sin(turn) + y * np.cos(turn) + move[1], x * np.cos(turn) - y * np.sin(
        turn
    ) + move[0]


def _warped(places: tuple[Array, Array], rng: Rng) -> tuple[Array, Array]:
    y, x = (one + 2 * gaussian_filter(rng.normal(0, 6, one.shape), 12) for one in places)
    return y, x


def _stored(image: Array) -> Array:
    image = image if image.ndim == 3 else image[..., None]
    stored: Array = image.clip(0, 255).round().astype(np.uint8)
    return stored
