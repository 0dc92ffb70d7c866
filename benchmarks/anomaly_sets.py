"""Sets of normal and defective images to measure detectors on: real ones on disk, and some that are drawn."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from convae.images.files.reading import read_image
from denoising import data
from drawn_parts import FAMILIES, draw

WHITE = 127  # of a mask: what is brighter is a defect
LEARNT = 2 / 3  # of the normal groups are learnt from, where a set does not say how many
MARGIN = 4  # pixels around the box of a defect that are mended with it
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass(kw_only=True)
class Labelled:
    """A set, split: normal images to learn from, and others of both kinds to test on.

    Attributes:
        normal, groups: images (H, W, C), and what of them belongs together.
        good, bad: images to test on.
        kinds: of each bad one.
        masks: (H, W) of each bad one; None where the set has none.
        boxes: (x1, y1, x2, y2) of the defects of each bad one, where the set has them.
        said: how it is split.
    """

    normal: list[np.ndarray]
    groups: np.ndarray
    good: list[np.ndarray]
    bad: list[np.ndarray]
    kinds: list[str]
    masks: list[np.ndarray] | None = None
    boxes: list[list[list[int]]] = field(default_factory=list)
    said: str = ""


Load = Callable[[int], Labelled]


def magnetic_tile(seed: int) -> Labelled:
    """Two thirds of the groups of good tiles to learn from; the others and all defective ones to test on."""
    root = data("anomaly", "magnetic_tile")
    group_of = json.loads((root / "groups.json").read_text())["groups"]
    names = sorted(group_of)
    free = [name for name in names if name.startswith("free/")]
    groups = np.array([group_of[name] for name in free])
    order = np.random.default_rng(seed).permutation(np.unique(groups))
    learnt = np.isin(groups, order[: round(LEARNT * len(order))])
    bad = [name for name in names if name not in set(free)]
    return Labelled(
        normal=[_grey(root / free[i]) for i in np.flatnonzero(learnt)],
        groups=groups[learnt],
        good=[_grey(root / free[i]) for i in np.flatnonzero(~learnt)],
        bad=[_grey(root / name) for name in bad],
        kinds=[name.split("/")[0] for name in bad],
        masks=[_grey((root / name).with_suffix(".png"))[..., 0] > WHITE for name in bad],
        said="two thirds of the groups of good tiles to learn from",
    )


def solar_cells(seed: int) -> Labelled:
    """200 good cells to learn from, as the goal says; the other 120 and all defective ones to test on."""
    root = data("anomaly", "solar_cells")
    good, bad = _pictures(root / "good"), _pictures(root / "defect")
    order = np.random.default_rng(seed).permutation(len(good))
    return Labelled(
        normal=[_grey(good[i]) for i in order[:200]],
        groups=np.arange(200),
        good=[_grey(good[i]) for i in order[200:]],
        bad=[_grey(path) for path in bad],
        kinds=["defect"] * len(bad),
        said="200 good cells to learn from",
    )


def boards(seed: int) -> Labelled:
    """140 templates to learn from; to test on, the 70 others and the defective boards of those others."""
    root = data("anomaly", "pcb")
    good = _pictures(root / "good")
    boxes = json.loads((root / "boxes.json").read_text())
    order = np.random.default_rng(seed).permutation(len(good))
    others = [good[i] for i in order[140:] if good[i].name in boxes]
    bad = [root / "defect" / path.name for path in others]
    images = [_grey(path) for path in bad]
    marked = [[box[:4] for box in boxes[path.name]] for path in bad]
    return Labelled(
        normal=[_grey(good[i]) for i in order[:140]],
        groups=np.arange(140),
        good=[_grey(path) for path in others],
        bad=images,
        kinds=["defect"] * len(bad),
        masks=[_filled(image.shape, each) for image, each in zip(images, marked, strict=True)],
        boxes=marked,
        said="140 templates to learn from, tested on boards of other templates; masks are the boxes",
    )


def known_boards(seed: int) -> Labelled:
    """All 210 templates to learn from; to test on, the defective scan of each board, and two of good ones.

    There is one picture of each good board, its template. It is tested on, too (the first half of the good
    images), and so is a second one that is made (the other half): the scan of the defective board with the
    template in the place of each marked defect, which differs from the template as one scan from another.
    """
    root = data("anomaly", "pcb")
    boxes = json.loads((root / "boxes.json").read_text())
    found = [path for path in _pictures(root / "good") if path.name in boxes]
    names = [found[i].name for i in np.random.default_rng(seed).permutation(len(found))]
    templates = [_grey(root / "good" / name) for name in names]
    scans = [_grey(root / "defect" / name) for name in names]
    marked = [[box[:4] for box in boxes[name]] for name in names]
    mended = [_mended(*one) for one in zip(scans, templates, marked, strict=True)]
    return Labelled(
        normal=templates,
        groups=np.arange(len(names)),
        good=[*templates, *mended],
        bad=scans,
        kinds=["defect"] * len(names),
        boxes=marked,
        said=f"{len(names)} templates to learn from",
    )


def _mended(scan: np.ndarray, template: np.ndarray, boxes: list[list[int]]) -> np.ndarray:
    mask = _filled(scan.shape, [_wider(box) for box in boxes])
    return np.where(mask[..., None], template, scan)


def _wider(box: list[int]) -> list[int]:
    x1, y1, x2, y2 = box
    return [max(0, x1 - MARGIN), max(0, y1 - MARGIN), x2 + MARGIN, y2 + MARGIN]


def any_folder(root: Path, seed: int) -> Labelled:
    """A folder with ``good`` and folders of defects, perhaps ``masks/KIND/NAME``, split as the tiles are."""
    good = _pictures(root / "good")
    order = np.random.default_rng(seed).permutation(len(good))
    count = round(LEARNT * len(good))
    folders = [f for f in sorted(root.iterdir()) if f.is_dir() and f.name not in ("good", "masks")]
    bad = [path for folder in folders for path in _pictures(folder)]
    masks = [root / "masks" / path.parent.name / f"{path.stem}.png" for path in bad]
    return Labelled(
        normal=[read_image(good[i]).pixels for i in order[:count]],
        groups=np.arange(count),
        good=[read_image(good[i]).pixels for i in order[count:]],
        bad=[read_image(path).pixels for path in bad],
        kinds=[path.parent.name for path in bad],
        masks=[_grey(m)[..., 0] > WHITE for m in masks]
        if all(m.is_file() for m in masks)
        else None,
        said="two thirds of the good images to learn from",
    )


def all_sets() -> dict[str, Load]:
    """Name -> a function from a seed to a split set: the known ones, drawn ones, and any other folder."""
    known: dict[str, Load] = {
        "magnetic_tile": magnetic_tile,
        "solar_cells": solar_cells,
        "pcb": boards,
    }
    drawn = {f"drawn: {name}": _drawn(name) for name in FAMILIES}
    return known | drawn | {root.name: _folder(root) for root in _others(known)}


def _others(known: dict[str, Load]) -> Iterator[Path]:
    for root in sorted(data("anomaly").iterdir()):
        if root.name not in known and (root / "good").is_dir():
            yield root


def _folder(root: Path) -> Load:
    return lambda seed: any_folder(root, seed)


def _drawn(name: str) -> Load:
    def made(seed: int) -> Labelled:
        normal, good, bad, masks, kinds = draw(name, seed)
        return Labelled(
            normal=normal,
            groups=np.arange(len(normal)),
            good=good,
            bad=bad,
            kinds=kinds,
            masks=masks,
            said=f"{len(normal)} drawn images to learn from",
        )

    return made


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)


def _grey(path: Path) -> np.ndarray:
    pixels = read_image(path).pixels
    grey: np.ndarray = pixels.mean(axis=2, keepdims=True).round().astype(np.uint8)
    return grey


def _filled(shape: tuple[int, ...], boxes: list[list[int]]) -> np.ndarray:
    mask = np.zeros(shape[:2], bool)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = True
    return mask
