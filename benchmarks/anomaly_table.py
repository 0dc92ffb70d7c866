"""Detectors with default settings beside methods of three lines, on real and on drawn sets, over three seeds.

Each set and seed is measured once and kept in ``.work/anomalies``; a run goes on where the last one ended.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import convae
from anomaly_sets import Labelled, Load, all_sets
from convae.embedding.pca import fit_pca
from convae.estimators.anomaly.regions import Region
from convae.images.dataset.framing import resize
from convae.metrics.difference_maps import smoothed
from convae.metrics.ranking import PixelRanking, auroc
from record import Section, note

SEEDS = int(os.environ.get("CONVAE_SEEDS", "3"))
DRAWN_SEEDS = int(os.environ.get("CONVAE_DRAWN_SEEDS", str(SEEDS)))
SETS = os.environ.get("CONVAE_SETS", "")  # names joined by commas; empty for all
SIDE = 256  # pixels of the longer side, for the methods of three lines
COMPONENTS, BLUR = 16, 2.0
OURS = "**AnomalyDetector**"
WORK = Path(__file__).with_name(".work") / "anomalies"
Found = tuple[float, np.ndarray]  # a score and a map


def anomalies() -> None:
    """The table."""
    section = Section(
        "anomalies",
        "Anomaly detection with default settings, beside methods of three lines",
        ("set", "method", "seeds", "AUROC", "lowest to highest", "pixel AUROC", "AUPRO", "in a region",
         "of those in found images",
         "found", "false alarms", "promised", "found at the lowest rate", "its false alarms", "first loss",
         "CPU s to fit", "images/s"),
    )  # fmt: skip
    said = {}
    for name, load in _wanted().items():
        seeds = DRAWN_SEEDS if name.startswith("drawn") else SEEDS
        rows = [_measured(name, load, seed) for seed in range(seeds)]
        said[name] = rows[0]["said"]
        for method in rows[0]["methods"]:
            _row(section, name, method, [row["methods"][method] for row in rows])
    section.remarks += [
        "`AnomalyDetector(random_state=seed)`, which is `convae fit anomaly FOLDER --seed SEED`; every "
        "setting is the default. The seed decides the split, too.",
        *(f"{name}: {text}." for name, text in said.items() if not name.startswith("drawn")),
        f"The others see the images at {SIDE} pixels of the longer side; their score is the highest value of "
        f"the squared difference after a blur of {BLUR:g} pixels. *found* and *false alarms* are at the "
        "threshold that the model promises; *in a region* is the part of marked defects that a region lies "
        "on, *of those in found images* the same in images that are called anomalous. AUPRO to a "
        "false-positive rate of 0.3, at the images' own sizes.",
    ]
    section.remarks += [
        "Constants (the sharpness of the soft maximum in the map, what is added to each weight there, the "
        "number of steps) were chosen on tiles, solar cells and boards, on the split of seed 0; which "
        "regions of anomalous images are shown, and that one calibration image may lie above the threshold, "
        "on the boards of seed 0. No constant was chosen with one set left out; section *one_set_out* does "
        "it afterwards. "
        "The drawn sets were used for no choice.",
        "*promised* is the mean over all draws of the normal images. With few calibration images a single "
        "draw can be far off: in the drawn sets, 12 images set the threshold. That these images decide the "
        "threshold and nothing else is tested: exchanged for others, they change no score. That does not "
        "explain the drawn seeds, whose false alarms lie far above the promise on average over three draws: "
        "the cause is not known.",
        "Each set and seed is measured once and kept. The seconds of the command below are those of putting "
        "the table together; the CPU seconds in the table are those of the fits, with one thread each, while "
        "other work ran on the same two cores.",
    ]
    if SETS or SEEDS != 3 or DRAWN_SEEDS != 3:
        section.remarks.append(
            f"A part of the whole: CONVAE_SETS={SETS} CONVAE_SEEDS={SEEDS} "
            f"CONVAE_DRAWN_SEEDS={DRAWN_SEEDS}."
        )
    section.write()


def _wanted() -> dict[str, Load]:
    every = all_sets()
    return {name: every[name] for name in SETS.split(",")} if SETS else every


def _row(section: Section, name: str, method: str, rows: list[dict[str, Any]]) -> None:
    rows = [row | _at_the_lowest_rate(row) for row in rows]

    def mean(key: str) -> object:
        values = [row[key] for row in rows if row.get(key) is not None]
        return float(np.mean(values)) if values else "-"

    reached = [row["auroc"] for row in rows]
    section.row(
        name, method, len(rows), mean("auroc"), f"{min(reached):.3f} to {max(reached):.3f}",
        *(mean(key) for key in ("pixel_auroc", "aupro", "boxes", "boxes_found", "found",
                                 "alarms", "rate", "found_lowest", "alarms_lowest", "first_loss")),
        mean("cpu"), mean("per_second"),
    )  # fmt: skip


def _at_the_lowest_rate(row: dict[str, Any]) -> dict[str, float]:
    """What a threshold above all calibration scores finds: that of the lowest rate there can be."""
    if "scores" not in row:
        return {}
    scores = {name: np.array(values) for name, values in row["scores"].items()}
    threshold = scores["calibration"].max()
    return {
        "found_lowest": float((scores["bad"] > threshold).mean()),
        "alarms_lowest": float((scores["good"] > threshold).mean()),
    }


def _measured(name: str, load: Load, seed: int) -> Any:
    """What all methods reach on a set and seed; read from the work folder where it is there."""
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"{name.replace(': ', '-')}-{seed}.json"
    if not path.exists():
        note(f"{name}, seed {seed}")
        labelled = load(seed)
        methods = {OURS: _ours(labelled, seed), **trivial(labelled)}
        path.write_text(json.dumps({"said": labelled.said, "methods": methods}))
    return json.loads(path.read_text())


def _ours(labelled: Labelled, seed: int) -> dict[str, Any]:
    began = time.process_time()
    model = convae.AnomalyDetector(random_state=seed)
    model.fit(labelled.normal, groups=labelled.groups)
    took, began = time.process_time() - began, time.perf_counter()
    parts = [list(model.iter_detect(images)) for images in (labelled.good, labelled.bad)]
    seconds = time.perf_counter() - began
    good, bad = ([(one.score, one.map) for one in part] for part in parts)
    hit = [one.anomalous for one in parts[1]]
    return {
        **_figures(labelled, good, bad),
        "found": float(np.mean(hit)),
        "alarms": float(np.mean([one.anomalous for one in parts[0]])),
        "rate": model.false_alarm_rate_,
        "first_loss": model.history_[0]["validation_loss"],
        "cpu": took,
        "per_second": (len(good) + len(bad)) / seconds,
        "boxes": _in_regions(labelled, [one.regions for one in parts[1]]),
        "boxes_found": _in_regions(labelled, [one.regions for one in parts[1]], hit),
        "scores": {
            "good": [score for score, _ in good],
            "bad": [score for score, _ in bad],
            "calibration": model.calibration_.scores.tolist(),
        },
    }


def _in_regions(
    labelled: Labelled, regions: list[list[Region]], among: list[bool] | None = None
) -> float | None:
    """The part of the marked defects whose centre lies in a region, or that hold the centre of one.

    Args:
        among: which images count; None for all.
    """
    if not labelled.boxes:
        return None
    hits = list[bool]()
    for i, (boxes, found) in enumerate(zip(labelled.boxes, regions, strict=True)):
        if among is None or among[i]:
            hits += [any(_meet(box, region.box) for region in found) for box in boxes]
    return float(np.mean(hits)) if hits else None


def _meet(box: list[int], region: tuple[int, int, int, int]) -> bool:
    x1, y1, x2, y2 = box
    left, top, width, height = region
    inside = left <= (x1 + x2) / 2 <= left + width and top <= (y1 + y2) / 2 <= top + height
    holds = x1 <= left + width / 2 <= x2 and y1 <= top + height / 2 <= y2
    return inside or holds


def trivial(labelled: Labelled) -> dict[str, dict[str, float | None]]:
    """The figures of the methods of three lines."""
    shapes = np.array([image.shape[:2] for image in labelled.normal])
    height, width = np.median(shapes, axis=0)
    factor = min(1.0, SIDE / max(height, width))
    size = (max(1, round(factor * height)), max(1, round(factor * width)))
    normal = _framed(labelled.normal, size)
    mean = normal.mean(dim=0)
    pca = fit_pca((part.flatten(1) for part in torch.split(normal, 16)), COMPONENTS)

    def components(x: torch.Tensor) -> torch.Tensor:
        centred = x.flatten() - pca.mean
        return (pca.mean + pca.components.T @ (pca.components @ centred)).view_as(x)

    def nearest(x: torch.Tensor) -> torch.Tensor:
        return normal[(normal - x).square().mean(dim=(1, 2, 3)).argmin()]

    methods = {
        f"PCA-{COMPONENTS}": components,
        "mean image": lambda x: mean,
        "nearest normal": nearest,
    }
    return {
        name: _figures(
            labelled,
            _by_pixels(labelled.good, size, expected),
            _by_pixels(labelled.bad, size, expected),
        )
        for name, expected in methods.items()
    }


def _by_pixels(
    images: list[np.ndarray],
    size: tuple[int, int],
    expected: Callable[[torch.Tensor], torch.Tensor],
) -> list[Found]:
    found = []
    for image in images:
        x = _framed([image], size)[0]
        error = smoothed((x - expected(x)).square().mean(dim=0)[None, None], BLUR)
        own = resize(error[0, 0, :, :, None].numpy(), image.shape[:2])[..., 0]
        found.append((float(error.max()), own))
    return found


def _framed(images: list[np.ndarray], size: tuple[int, int]) -> torch.Tensor:
    framed = [np.moveaxis(resize(image, size), 2, 0) for image in images]
    return torch.from_numpy(np.stack(framed)).float() / 255


def _figures(labelled: Labelled, good: list[Found], bad: list[Found]) -> dict[str, float | None]:
    scores = [score for score, _ in (*good, *bad)]
    labels = np.repeat([False, True], [len(good), len(bad)])
    figures: dict[str, float | None] = {"auroc": auroc(scores, labels)}
    if labelled.masks is not None:
        ranking = PixelRanking()
        for _, one in good:
            ranking.update(one, np.zeros(one.shape, bool))
        for (_, one), mask in zip(bad, labelled.masks, strict=True):
            if mask.any():
                ranking.update(one, mask)
        figures |= {"pixel_auroc": ranking.auroc(), "aupro": ranking.aupro()}
    return figures
