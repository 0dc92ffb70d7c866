"""How a detector does with few normal images, next to methods of three lines; figures and a picture.

Each set and number of images is measured once and kept in ``.work/few_normals``; a run goes on where the
last one ended.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

import convae
from anomaly_sets import Labelled, all_sets
from anomaly_table import OURS, trivial
from convae.filesystem.atomic import save_text
from convae.metrics.proportions import Proportion
from convae.metrics.ranking import auroc
from convae.report.svg.axes import linear_axis
from convae.report.svg.charts import Chart, Key
from record import Section, note

COUNTS = tuple(int(n) for n in os.environ.get("CONVAE_NORMALS", "10,20,40,80").split(","))
SETS = os.environ.get("CONVAE_SETS", "solar_cells").split(",")
FOLDED = tuple(int(n) for n in os.environ.get("CONVAE_FOLDED", "20").split(","))
FOLDS = 4
WITH_FOLDS = f"{OURS}, folds={FOLDS}"
HERE = Path(__file__).resolve().parent
WORK, PICTURE = HERE / ".work" / "few_normals", HERE.parent / "docs" / "few_normals.svg"
LINES = {
    OURS: "cv-model",
    "PCA-16": "cv-baseline",
    "mean image": "cv-baseline cv-dash",
    "nearest normal": "cv-train",
}


def few_normals() -> None:
    """The table, and the picture of the first set."""
    section = Section(
        "few_normals",
        "Few normal images: the detector with default settings, and methods of three lines",
        ("set", "normals", "method", "AUROC", "rate", "cannot exceed", "false alarms", "found",
         "CPU s to fit"),
    )  # fmt: skip
    reached: dict[str, dict[str, list[float]]] = {}
    for name in SETS:
        for count in COUNTS:
            for method, row in _measured(name, count).items():
                section.row(name, count, method, *row)
                if method in LINES:
                    reached.setdefault(name, {}).setdefault(method, []).append(row[0])
    section.remarks += [
        "`AnomalyDetector(random_state=0)`, every other setting the default, on the first images of the "
        "normal part of seed 0, tested on the same images as in section *anomalies*. *rate* is what it "
        "promises, *cannot exceed* the bound of the worst case; 95 % intervals (Clopper-Pearson) stand in "
        "brackets.",
        "The picture is [few_normals.svg](../docs/few_normals.svg).",
    ]
    section.write()
    save_text(PICTURE, _picture(SETS[0], reached[SETS[0]]))


def _measured(name: str, count: int) -> dict[str, list[Any]]:
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"{name.replace(': ', '-')}-{count}.json"
    if not path.exists():
        note(f"{name}, {count} normal images")
        some = _first(all_sets()[name](0), count)
        rows: dict[str, list[Any]] = {OURS: _ours(some, None)}
        if count in FOLDED:
            rows[WITH_FOLDS] = _ours(some, FOLDS)
        for method, figures in trivial(some).items():
            rows[method] = [figures["auroc"], "-", "-", "-", "-", "-"]
        path.write_text(json.dumps(rows))
    measured: dict[str, list[Any]] = json.loads(path.read_text())
    return measured


def _picture(name: str, reached: dict[str, list[float]]) -> str:
    everything = [value for values in reached.values() for value in values]
    chart = Chart(
        linear_axis(COUNTS, widen=False, whole=True, count=8),
        linear_axis([min(everything), max(everything)], widen=True),
        labels=("normal images", "AUROC"),
        heading=f"Detecting anomalies with few normal images: {name.replace('_', ' ')}",
    )
    for method, values in reached.items():
        chart.line(np.array(COUNTS, float), np.array(values), css=LINES[method])
        chart.key(Key(text=method.strip("*"), css=LINES[method]))
    words = "; ".join(
        f"{m.strip('*')}: {', '.join(f'{v:.3f}' for v in vs)}" for m, vs in reached.items()
    )
    return chart.render("AUROC by the number of normal images", words, standalone=True)


def _first(labelled: Labelled, count: int) -> Labelled:
    return Labelled(
        normal=labelled.normal[:count],
        groups=labelled.groups[:count],
        good=labelled.good,
        bad=labelled.bad,
        kinds=labelled.kinds,
    )


def _ours(labelled: Labelled, folds: int | None) -> list[Any]:
    began = time.process_time()
    model = convae.AnomalyDetector(random_state=0, folds=folds)
    model.fit(labelled.normal, groups=labelled.groups)
    took = time.process_time() - began
    good, bad = (list(model.iter_detect(images)) for images in (labelled.good, labelled.bad))
    scores = [one.score for one in (*good, *bad)]
    reached = auroc(scores, np.repeat([False, True], [len(good), len(bad)]))
    alarms, found = (_rate([one.anomalous for one in part]) for part in (good, bad))
    return [reached, model.false_alarm_rate_, model.bound_, alarms, found, took]


def _rate(hits: list[bool]) -> str:
    one = Proportion(sum(hits), len(hits))
    low, high = one.interval or (0.0, 1.0)
    return f"{one.value:.3f} ({low:.3f} to {high:.3f})"
