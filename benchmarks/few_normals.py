"""How a detector does with few normal images, in three parts and in folds, beside methods of three lines."""

import os
import time
from typing import Any

import numpy as np

import convae
from anomaly_sets import Labelled, all_sets
from anomaly_table import OURS, trivial
from convae.metrics.proportions import Proportion
from convae.metrics.ranking import auroc
from record import Section, note

COUNTS = tuple(int(n) for n in os.environ.get("CONVAE_NORMALS", "10,20,40").split(","))
SETS = os.environ.get("CONVAE_SETS", "drawn: washer,drawn: seed").split(",")
FOLDS = 4


def few_normals() -> None:
    """The table."""
    section = Section(
        "few_normals",
        "Few normal images: in three parts and in folds",
        (
            "set",
            "normals",
            "method",
            "AUROC",
            "rate",
            "cannot exceed",
            "false alarms",
            "found",
            "CPU s to fit",
        ),
    )
    for name in SETS:
        whole = all_sets()[name](0)
        for count in COUNTS:
            note(f"{name}, {count} normal images")
            some = _first(whole, count)
            for method, folds in ((OURS, None), (f"{OURS}, folds={FOLDS}", FOLDS)):
                section.row(name, count, method, *_ours(some, folds))
            for method, figures in trivial(some).items():
                section.row(name, count, method, figures["auroc"], "-", "-", "-", "-", "-")
    section.remarks += [
        "`AnomalyDetector(random_state=0)`, every other setting the default; *rate* is what it promises, "
        "*cannot exceed* the bound of the worst case. The first normal images of the drawn sets, tested on "
        "the same 40 normal and 48 defective ones, whose 95 % intervals (Clopper-Pearson) stand in brackets.",
    ]
    section.write()


def _first(labelled: Labelled, count: int) -> Labelled:
    return Labelled(
        normal=labelled.normal[:count],
        groups=labelled.groups[:count],
        good=labelled.good,
        bad=labelled.bad,
        kinds=labelled.kinds,
    )


def _ours(labelled: Labelled, folds: int | None) -> tuple[Any, ...]:
    began = time.process_time()
    model = convae.AnomalyDetector(random_state=0, folds=folds)
    model.fit(labelled.normal, groups=labelled.groups)
    took = time.process_time() - began
    good, bad = (list(model.iter_detect(images)) for images in (labelled.good, labelled.bad))
    scores = [one.score for one in (*good, *bad)]
    reached = auroc(scores, np.repeat([False, True], [len(good), len(bad)]))
    alarms, found = (_rate([one.anomalous for one in part]) for part in (good, bad))
    return reached, model.false_alarm_rate_, model.bound_, alarms, found, took


def _rate(hits: list[bool]) -> str:
    one = Proportion(sum(hits), len(hits))
    low, high = one.interval or (0.0, 1.0)
    return f"{one.value:.3f} ({low:.3f} to {high:.3f})"
