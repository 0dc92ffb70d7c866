"""Measure a detector on labelled images: find labels and masks, and print the results."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from convae.cli.io.data import Data
from convae.cli.io.image_tables import read_by_name, values_of
from convae.errors import InputError
from convae.filesystem.tables import write_table
from convae.images.sources.base import ImageSource
from convae.images.sources.defect_labels import kind_by_folder, kind_of_label, layout_of

if TYPE_CHECKING:
    from convae.evaluation.labelled_anomaly import LabelledEvaluation

BY_FOLDER = "folder"
SCORES = "scores.csv"
COLUMNS = ("name", "label", "kind", "score", "p_value", "called_anomalous", "pixel_auroc")


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """The labels and masks of a test set.

    Attributes:
        kinds: (n,) the kind of defect of each image; empty for a normal one, None for no label.
        masks: of the anomalous images; None for none.
    """

    kinds: Sequence[str | None]
    masks: ImageSource | None


def images_of(data: Data) -> tuple[Data, Path | None]:
    """Return the images of a test set, and the folder of their masks if its layout has one."""
    if len(data.given) != 1 or not Path(data.given[0]).is_dir():
        return data, None
    layout = layout_of(Path(data.given[0]))
    return replace(data, given=(str(layout.images),)), layout.masks


def labels_of(source: ImageSource, given: str) -> list[str | None]:
    """Return the kind of defect of each image.

    Args:
        given: ``folder``, or the path of a CSV file with the columns name and label.

    Raises:
        InputError: no image has a label, or the file cannot be read.
    """
    if given == BY_FOLDER:
        found = [kind_by_folder(name) for name in source.names]
        if all(kind is None for kind in found):
            raise InputError(
                f"{source.description}: its images have no labels: put normal images into a sub-folder "
                "good and those of each kind of defect into one of their own, or give --labels FILE.csv with "
                "the columns name and label"
            )
        return found
    path = Path(given)
    _, known = read_by_name(path, "--labels", {"label": "the columns name and label"})
    labels = values_of(source.names, known)
    if all(label is None for label in labels):
        raise InputError(
            f"--labels {path}: none of {len(source)} images has a label in it, such as {source.names[0]}: "
            "name them as 'convae check' does, relative to the folder"
        )
    return [None if label is None else kind_of_label(label) for label in labels]


def lines_of(found: "LabelledEvaluation", sentences: Sequence[str]) -> list[str]:
    """Return the tables and the sentences below them."""
    from convae.cli.terminal.output import aligned, printable
    from convae.model_reports.labelled_anomaly import (
        KINDS,
        VERDICTS,
        caveats,
        kind_rows,
        verdict_rows,
    )

    kinds = [[printable(row[0]), *row[1:]] for row in kind_rows(found)]
    lines = [*aligned([VERDICTS, *verdict_rows(found)]), "", *aligned([KINDS, *kinds]), ""]
    return [*lines, *sentences, *caveats(found)]


def write_scores(path: Path, found: "LabelledEvaluation") -> None:
    """Write one row for each image; unknown values are empty cells."""
    with write_table(path, COLUMNS) as table:
        for one in found.images:
            label = "anomalous" if one.anomalous else "normal"
            score = one.score if math.isfinite(one.score) else None
            cells = (score, one.p_value, int(one.called), one.pixel_auroc)
            table.row([one.name, label, one.kind or "normal", *cells])
