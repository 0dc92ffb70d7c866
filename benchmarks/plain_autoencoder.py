"""The error of a plain autoencoder: as a method by itself, and as a further cue of the detector."""

import numpy as np
import torch

from anomaly_sets import all_sets
from convae.estimators.anomaly.fusion import BLURS
from convae.metrics.ranking import auroc
from cue_values import (
    AUTO,
    CODE,
    REBUILT,
    STEPS,
    PlainAutoencoder,
    Values,
    Weighted,
    part_of,
    values_of,
)
from record import Section

SEED = 0
LARGEST = 2 * BLURS.index(
    2.0
)  # of the ways to pool a map: its highest value after a blur of 2 pixels
METHODS = {
    "components": "PCA-16",
    "mean": "mean image",
    "nearest": "nearest normal",
    PlainAutoencoder.name: "plain autoencoder",
}


def plain_autoencoder() -> None:
    """The table."""
    section = Section(
        "plain_autoencoder",
        "The error of a plain autoencoder, by itself and as a further cue of the detector",
        ("set", "score", "AUROC", "CPU s of one fit"),
    )
    for name in REBUILT:
        values = values_of(name, all_sets()[name], SEED)
        for cue, method in METHODS.items():
            once = values.autoencoder_cpu / 5 if cue == PlainAutoencoder.name else "-"
            section.row(name, f"{method}, largest blurred error", _largest(values, cue), once)
        with_it = (*AUTO, PlainAutoencoder.name)
        section.row(name, "the default's cues", _fused(values, AUTO), values.cpu)
        both = values.cpu + values.autoencoder_cpu
        section.row(name, "the same and the plain autoencoder", _fused(values, with_it), both)
    section.remarks.append(
        f"Four strided convolutions, {CODE} numbers, as many back; {STEPS} steps of Adam on normal images "
        "at no more than 128 pixels a side. As a cue it is fitted five times, for the four folds that tell "
        "how it does on images that it has not seen, and for use; it is of the kind of the other cues of "
        "whole images. The seconds of the detector are those of a fit that computes every cue. "
        "The same fits as in section *one_set_out*."
    )
    section.write()


def _largest(values: Values, cue: str) -> float:
    place = values.cues.index(cue)
    scores = torch.cat([values.good, values.bad])[:, place, LARGEST].double().numpy()
    return auroc(scores, np.repeat([False, True], [len(values.good), len(values.bad)]))


def _fused(values: Values, cues: tuple[str, ...]) -> float:
    some = part_of(values, cues)
    return Weighted.of(some).auroc(some.good, some.bad)
