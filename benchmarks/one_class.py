"""Figures of one-class detection: fitted on one class of ten, all test images are to be told apart."""

import json
import os
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

import convae
from convae.embedding.nearest_neighbours import nearest
from convae.estimators.anomaly.attribute_scorer import PARTS, AttributeScorer
from convae.images.sources.array_sources import ArraySource
from convae.metrics.ranking import auroc
from record import Section, note

CLASSES, SEEDS, COMPONENTS = range(10), range(3), 64
GOALS = {"fashion-mnist": "0.892, aim 0.940", "mnist": "0.975, aim 0.985"}
NETWORK, NEAREST = PARTS[:3], PARTS[3:]
ROWS = Path(__file__).with_name(".work") / "one_class.json"
Images = tuple[np.ndarray, np.ndarray]


def one_class() -> None:
    """All classes and seeds; what a cut run has measured is in ``ROWS`` and is not measured again."""
    section = Section(
        "one_class",
        "One-class detection: fitted on the training images of one class, AUROC on all 10,000 test images",
        (
            "images", "class", "nearest normal (pixels)", f"PCA-{COMPONENTS} error", "network's parts",
            "nearest parts", "all: mean of seeds", "lowest", "highest", "CPU s to fit", "CPU s to test",
        ),
    )  # fmt: skip
    for name, goal in GOALS.items():
        rows = [_row(name, kind) for kind in CLASSES]
        for kind, row in zip(CLASSES, rows, strict=True):
            section.row(name, kind, *row)
        means = [float(np.mean(column)) for column in zip(*rows, strict=True)]
        section.row(name, f"**mean** (goal {goal})", *means)
    section.remarks += [
        "`AnomalyDetector(method='attributes', random_state=seed)` with its defaults, a fixed number of "
        "epochs, no test image seen before the end; of the images of a class, 500 choose the weights and "
        "standardise the score, 500 set the threshold, and the others are trained on.",
        f"Network's parts: {', '.join(NETWORK)}; nearest parts: {', '.join(NEAREST)}, each beside normal "
        "images with as many edges; all: their mean, which is the score. The first two columns are "
        "the plain baselines, by all training images of the class.",
    ]
    section.write()


def _row(name: str, kind: int) -> list[float]:
    """The figures of a class, over all seeds."""
    base = _kept(f"{name} {kind} baselines", lambda: _baselines(name, kind))
    runs = [
        _kept(f"{name} {kind} seed {seed}", lambda seed=seed: _run(name, kind, seed))
        for seed in SEEDS
    ]
    reached = [run["all"] for run in runs]
    means = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
    return [
        base["nearest"], base["pca"], means["network"], means["nearest"], means["all"],
        min(reached), max(reached), means["fit_seconds"], means["test_seconds"],
    ]  # fmt: skip


def _kept(key: str, measure: Any) -> dict[str, float]:
    """What was measured under this name before, or is now."""
    rows: dict[str, dict[str, float]] = json.loads(ROWS.read_text()) if ROWS.exists() else {}
    if key not in rows:
        rows[key] = measure()
        ROWS.parent.mkdir(exist_ok=True)
        beside = ROWS.with_suffix(".new")
        beside.write_text(json.dumps(rows, indent=1))
        os.replace(beside, ROWS)
        note(f"  {key}: {rows[key]}")
    return rows[key]


def _images(name: str, split: Literal["train", "test"]) -> Images:
    source = convae.open_source(name, split=split)
    labels = source.labels
    assert isinstance(source, ArraySource)
    assert labels is not None
    return source.array[..., None], labels


def _normal_and_test(name: str, kind: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal training images, all test images, and which of those are of another class."""
    (images, labels), (test, test_labels) = _images(name, "train"), _images(name, "test")
    return images[labels == kind], test, test_labels != kind


def _baselines(name: str, kind: int) -> dict[str, float]:
    normal, test, other = _normal_and_test(name, kind)
    points, queries = (x.reshape(len(x), -1).astype(np.float32) / 255 for x in (normal, test))
    mean = points.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(points - mean, rowvar=False))
    kept = directions[:, -COMPONENTS:].astype(np.float32)
    left = (queries - mean) - (queries - mean) @ kept @ kept.T
    return {
        "nearest": auroc(nearest(queries, points, 1).distances[:, 0], other),
        "pca": auroc((left**2).sum(axis=1), other),
    }


def _run(name: str, kind: int, seed: int) -> dict[str, float]:
    normal, test, other = _normal_and_test(name, kind)
    start = time.process_time()
    model = convae.AnomalyDetector(method="attributes", random_state=seed).fit(normal)
    fitted = time.process_time()
    scorer = model._scorer  # tells the parts of the score apart, all in one pass
    assert isinstance(scorer, AttributeScorer)
    batches = model.inference_.batches(test, lambda x: scorer.line.measure(scorer.looker(x)))
    parts = np.concatenate([measured.numpy() for _, measured in batches])
    tested = time.process_time()
    whole = parts.mean(axis=1)
    assert np.allclose(whole[:64], -model.score_samples(test[:64]), atol=1e-5)
    return {
        "all": auroc(whole, other),
        "network": auroc(parts[:, : len(NETWORK)].mean(axis=1), other),
        "nearest": auroc(parts[:, len(NETWORK) :].mean(axis=1), other),
        **{part: auroc(parts[:, i], other) for i, part in enumerate(PARTS)},
        "fit_seconds": fitted - start,
        "test_seconds": tested - fitted,
    }
