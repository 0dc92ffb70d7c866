"""What a few real defects with masks bring a detector that learns from them."""

import os
import time
from dataclasses import replace

import numpy as np

import convae
from anomaly_sets import Labelled, all_sets
from convae.ranking import PixelRanking, auroc
from record import Section, note

COUNTS = tuple(int(n) for n in os.environ.get("CONVAE_DEFECTS", "0,1,3,5,10").split(","))
SETS = os.environ.get("CONVAE_SETS", "magnetic_tile,pcb").split(",")
ASIDE = 10  # defective images that are never tested on


def known_defects() -> None:
    """The table."""
    section = Section(
        "known_defects",
        "Learning from a few real defects",
        ("set", "defective images learnt from", "AUROC", "pixel AUROC", "AUPRO", "found", "false alarms",
         "promised", "CPU s to fit"),
    )  # fmt: skip
    for name in SETS:
        labelled = all_sets()[name](0)
        order = np.random.default_rng(0).permutation(len(labelled.bad))
        for count in COUNTS:
            note(f"{name}, {count} images with defects")
            section.row(name, count, *_figures(labelled, order[:count], order[ASIDE:]))
    section.remarks += [
        "`AnomalyDetector(random_state=0).fit(normal, defects=bad, masks=masks)`, every other setting the "
        f"default. Of all defective images {ASIDE}, drawn at random, are never tested on; the first of them "
        "are learnt from. Splits as in the section *anomalies*.",
    ]
    section.write()


def _figures(labelled: Labelled, learnt: np.ndarray, tested: np.ndarray) -> tuple[object, ...]:
    assert labelled.masks is not None
    began = time.process_time()
    model = convae.AnomalyDetector(random_state=0)
    masks = labelled.masks
    defects = [labelled.bad[i] for i in learnt] or None
    where = [masks[i].astype(np.uint8)[..., None] * 255 for i in learnt] or None
    model.fit(labelled.normal, groups=labelled.groups, defects=defects, masks=where)
    took = time.process_time() - began
    test = replace(labelled, bad=[labelled.bad[i] for i in tested])
    good, bad = (list(model.iter_detect(images)) for images in (test.good, test.bad))
    scores = [one.score for one in (*good, *bad)]
    ranking = PixelRanking()
    for one in good:
        ranking.update(one.map, np.zeros(one.map.shape, bool))
    for one, i in zip(bad, tested, strict=True):
        if masks[i].any():
            ranking.update(one.map, masks[i])
    return (
        auroc(scores, np.repeat([False, True], [len(good), len(bad)])),
        ranking.auroc(), ranking.aupro(),
        float(np.mean([one.anomalous for one in bad])),
        float(np.mean([one.anomalous for one in good])),
        model.false_alarm_rate_, took,
    )  # fmt: skip
