"""Boards whose own template is among the normal images."""

from collections.abc import Sequence

import numpy as np
import torch

from anomaly_sets import known_boards
from anomaly_table import OURS, trivial
from convae.estimators.anomaly.split import split_normals
from cue_values import (
    AUTO,
    LINEAR,
    LOGARITHMIC,
    Discriminant,
    Values,
    Weighted,
    part_of,
    values_of,
)
from one_set_out import SOFT
from record import Section

SEED, NAME = 0, "pcb_known"
COMPARED = ("learnt", "held out", "all")


def own_template() -> None:
    """The table: by whether the board's template is one of those that set the threshold alone."""
    section = Section(
        "own_template",
        "Boards whose own template is among the normal images",
        ("templates", "good images", "method", "AUROC", "CPU s to fit"),
    )
    values = values_of(NAME, known_boards, SEED)
    for part in COMPARED:
        for kind, good in (("the templates", 0), ("new scans", 1)):
            for method, cues, joined in _methods(values):
                row = _auroc(part_of(values, cues), joined, part, good)
                section.row(part, kind, method, row, values.cpu if method == OURS else "-")
    labelled = known_boards(SEED)
    half = len(labelled.good) // 2
    for kind, some in (("the templates", slice(half)), ("new scans", slice(half, None))):
        labelled.good = known_boards(SEED).good[some]
        for method, figures in trivial(labelled).items():
            section.row("all", kind, method, figures["auroc"], "-")
    section.remarks += [
        f"`AnomalyDetector(random_state={SEED})` with default settings on all {half} templates, tested on "
        "the defective scan of each board. *templates*: those of the boards that are tested, *learnt* if the "
        "detector can compare with them, *held out* if they set the threshold and nothing else. *the "
        "templates* are the good images themselves, whose nearest normal image is the same file; *new scans* "
        "are the defective scans with the template in the place of the marked defects, which are as far from "
        "the template as one scan from another. The methods of three lines compare with all templates. The "
        "discriminants are those of section *one_set_out*.",
        "Why it is below the nearest normal image: no normal board has a second picture, so how far a scan "
        "lies from its template is nowhere to be seen. Templates differ by much and by nearly the same, so "
        "that an image with a template lies thousands of standard deviations below normal ones, defective or "
        "not. The detector takes logarithms of such values, so that mostly what the network finds decides. A "
        "linear discriminant without limits uses them, but then boards with a template and boards without "
        "cannot share a threshold (*all*).",
    ]
    section.write()


def _methods(values: Values) -> list[tuple[str, Sequence[str], str]]:
    """Name, cues, and what joins them; empty for the detector's own way."""
    joined = [(f"discriminant, {name}", AUTO, name) for name in (LOGARITHMIC, LINEAR)]
    joined = [("soft maximum", AUTO, SOFT), *joined]
    alone = [(f"its cue {cue} alone", [cue], "") for cue in values.cues]
    return [(OURS, AUTO, ""), *joined, *alone]


def _auroc(values: Values, joined: str, part: str, good: int) -> float:
    """The AUROC over boards of a part.

    Args:
        good: 0 for the templates as good images, 1 for new scans.
    """
    count = len(values.bad)
    chosen = torch.from_numpy(_positions(part, count))
    score: Discriminant | Weighted = Weighted.of(values)
    if joined:
        score = Weighted.of(values).soft() if joined == SOFT else Discriminant.of(values, joined)
    return score.auroc(values.good[chosen + good * count], values.bad[chosen])


def _positions(part: str, count: int) -> np.ndarray:
    every = np.arange(count)
    held_out = split_normals(every, None, SEED).calibrating
    return {"all": every, "held out": held_out, "learnt": np.setdiff1d(every, held_out)}[part]
