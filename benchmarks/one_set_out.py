"""Which cues and which constants of the fused score two sets choose, and what that brings on the third."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np

from anomaly_sets import all_sets
from cue_values import (
    AUTO,
    EVERY,
    LINEAR,
    LOGARITHMIC,
    Discriminant,
    Values,
    Weighted,
    part_of,
    values_of,
)
from record import Section

DRAWN = ("drawn: weave", "drawn: seed")  # each takes minutes
SETS = ("solar_cells", "magnetic_tile", "pcb")
SOFT, LIMITED = "soft maximum", "limited"  # of earlier versions; the detector's own
JOINED = (SOFT, LIMITED, LOGARITHMIC, LINEAR)
SEED = 0


class Choice(NamedTuple):
    """A score: its cues, and what joins the kinds of cues."""

    cues: tuple[str, ...] = AUTO
    joined: str = LIMITED


DEFAULT = Choice()
CHOICES = {
    "the cues": [
        Choice(cues=cues)
        for count in range(1, len(EVERY) + 1)
        for cues in combinations(EVERY, count)
    ],
    "what joins the kinds": [Choice(joined=name) for name in JOINED],
}


def one_set_out() -> None:
    """The table: chosen on two sets, measured on the third."""
    section = Section(
        "one_set_out",
        "Cues and constants of the default score, chosen on two sets and measured on the third",
        ("chosen", "left out", "choice of the two others", "their mean AUROC", "of the default",
         "AUROC on the one left out", "of the default there", "best there"),
    )  # fmt: skip
    values = {name: values_of(name, all_sets()[name], SEED) for name in SETS}
    for what, choices in CHOICES.items():
        choices = sorted(choices, key=lambda one: _name(what, one) != _name(what, DEFAULT))
        reached = {one: _aurocs(values, one) for one in choices}
        for left in SETS:
            _row(section, what, left, reached)
    section.remarks += [
        "`AnomalyDetector(random_state=0)` with default settings, one fit a set; the values of each cue on "
        "each image are kept, and every score is made from them, which gives the same as a fit of its own. "
        "*best there* is the highest AUROC that any of the choices has on the set that was left out: what a "
        f"choice by its own test images would promise. {len(CHOICES['the cues'])} choices of cues. Ties go "
        "to the default.",
        "The discriminants are linear ones of the kinds of cues, with the covariance of normal images (0.5 "
        "added to each variance) and the mean of synthetic defects. *limited*, the detector's own: "
        "logarithms of what lies below -3 standard deviations, and weights of at least 0; *logarithmic*: "
        "logarithms of values below 0, such weights; *linear*: neither. The detector had the soft maximum "
        "before this table was made. The limits were set after *own_template* showed that without them one "
        "kind hides what another finds.",
        *_joined(values),
        *_alone(values),
        "CPU seconds of the fits, with all cues: "
        + ", ".join(f"{name} {one.cpu:.0f}" for name, one in values.items())
        + ".",
    ]
    section.write()


def joined() -> None:
    """The table of what joins the kinds of cues, on drawn sets that were used for no choice."""
    section = Section(
        "joined",
        "What joins the kinds of cues, on drawn sets that were used for no choice",
        ("set", *(f"AUROC, {name}" for name in JOINED), "CPU s to fit"),
    )
    for name in DRAWN:
        values = values_of(name, all_sets()[name], SEED)
        some = part_of(values, AUTO)
        section.row(name, *(_auroc(some, how) for how in JOINED), f"{values.cpu:.0f}")
    section.remarks.append("As in section *one_set_out*; *limited* is the detector's own.")
    section.write()


def _row(
    section: Section, what: str, left: str, reached: Mapping[Choice, Mapping[str, float]]
) -> None:
    def others(one: Choice) -> float:
        return float(np.mean([value for name, value in reached[one].items() if name != left]))

    best = max(reached, key=others)  # the first of equals: the default stands first
    section.row(
        what, left, _name(what, best), others(best), others(DEFAULT), reached[best][left],
        reached[DEFAULT][left], max(one[left] for one in reached.values()),
    )  # fmt: skip


def _name(what: str, one: Choice) -> str:
    return {
        "the cues": "+".join(one.cues),
        "what joins the kinds": one.joined if one.joined == SOFT else f"discriminant, {one.joined}",
    }[what]


def _aurocs(values: Mapping[str, Values], one: Choice) -> dict[str, float]:
    return {name: _auroc(part_of(of_set, one.cues), one.joined) for name, of_set in values.items()}


def _auroc(some: Values, joined: str = LIMITED) -> float:
    if joined in (LIMITED, SOFT):
        ours = Weighted.of(some)
        return (ours if joined == LIMITED else ours.soft()).auroc(some.good, some.bad)
    return Discriminant.of(some, joined).auroc(some.good, some.bad)


def _alone(values: Mapping[str, Values]) -> Iterator[str]:
    """What each cue reaches by itself."""
    for name, of_set in values.items():
        alone = ", ".join(f"{cue} {_auroc(part_of(of_set, [cue])):.3f}" for cue in EVERY)
        yield f"{name}, each cue alone: {alone}."


def _joined(values: Mapping[str, Values]) -> Iterator[str]:
    """What each way to join the kinds reaches."""
    for name, of_set in values.items():
        some = part_of(of_set, AUTO)
        reached = ", ".join(f"{joined} {_auroc(some, joined):.3f}" for joined in JOINED)
        yield f"{name}, by what joins the kinds: {reached}."
