"""What a few real defects bring: ``fit anomaly --defects`` with k of them, tested on the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from anomaly_sets import all_sets
from convae.filesystem.atomic import save_text
from convae.report.svg.axes import linear_axis
from convae.report.svg.charts import Chart, Key
from cue_values import AUTO, Values, Weighted, part_of, values_of
from record import Section

SETS = ("solar_cells", "magnetic_tile")
COUNTS = (0, 1, 3, 5, 10, 20, 40)
DRAWS = 50
SEED = 0
PICTURE = Path(__file__).resolve().parent.parent / "docs" / "few_defects.svg"
LINES = {"solar_cells": "cv-model", "magnetic_tile": "cv-train"}


class Drawn(NamedTuple):
    """What draws of k real defects reach on the others: AUROC with and without them, (DRAWS,) each."""

    known: np.ndarray
    unknown: np.ndarray


def few_defects() -> None:
    """The table, and the picture."""
    section = Section(
        "few_defects",
        "A few real defects among the normal images, tested on the others",
        ("set", "real defects", "AUROC without them", "AUROC with them", "gain",
         "tenth to ninetieth percentile", "draws in which they help", "in which they harm"),
    )  # fmt: skip
    reached: dict[str, list[float]] = {}
    for name in SETS:
        values = part_of(values_of(name, all_sets()[name], SEED), AUTO)
        for count in COUNTS:
            drawn = _drawn(values, count)
            gain = drawn.known - drawn.unknown
            reached.setdefault(name, []).append(float(gain.mean()))
            if count:
                section.row(name, count, *_cells(drawn))
    section.remarks += [
        f"The detector of section *anomalies* (seed 0), and {DRAWS} draws of the real defects. The defects "
        "that were not drawn, and all good test images, are measured with and without the drawn ones. Real "
        "defects change the weights of the kinds of cues and nothing else, so that one fit serves all draws, "
        "and gives what `convae fit anomaly --defects` gives. *help* and *harm*: by more than 0.001.",
        "The picture is [few_defects.svg](../docs/few_defects.svg).",
    ]
    section.write()
    save_text(PICTURE, _picture(reached))


def _cells(drawn: Drawn) -> Iterator[object]:
    gain = drawn.known - drawn.unknown
    low, high = np.quantile(gain, [0.1, 0.9])
    yield float(drawn.unknown.mean())
    yield float(drawn.known.mean())
    yield f"{gain.mean():+.4f}"
    yield f"{low:+.4f} to {high:+.4f}"
    yield f"{(gain > 0.001).mean():.0%}"
    yield f"{(gain < -0.001).mean():.0%}"


def _drawn(values: Values, count: int) -> Drawn:
    rng = np.random.default_rng(count)
    unknown = Weighted.of(values)
    found = []
    for _ in range(DRAWS if count else 1):
        order = torch.from_numpy(rng.permutation(len(values.bad)))
        few, others = values.bad[order[:count]], values.bad[order[count:]]
        scores = (Weighted.of(values, few), unknown)
        found.append([one.auroc(values.good, others) for one in scores])
    return Drawn(*np.array(found).T)


def _picture(reached: dict[str, list[float]]) -> str:
    everything = [value for values in reached.values() for value in values]
    chart = Chart(
        linear_axis(COUNTS, widen=False, whole=True, count=8),
        linear_axis([min(everything), max(everything)], widen=True),
        labels=("real defects", "AUROC gained"),
        heading="What a few real defects bring",
    )
    for name, values in reached.items():
        chart.line(np.array(COUNTS, float), np.array(values), css=LINES[name])
        chart.key(Key(text=name.replace("_", " "), css=LINES[name]))
    words = "; ".join(f"{n}: {', '.join(f'{v:+.4f}' for v in vs)}" for n, vs in reached.items())
    return chart.render("AUROC gained by the number of real defects", words, standalone=True)
