"""Read the labels that ``convae probe`` predicts: by folder, or from a CSV file."""

import math
from pathlib import Path

import numpy as np

from convae.cli.io.image_tables import read_by_name, values_of
from convae.cli.terminal.output import Voice
from convae.errors import InputError, brief
from convae.evaluation.probe.probe import Target
from convae.images.sources.base import ImageSource
from convae.report.plain_text import printable

BY_FOLDER = "folder"
_COLUMNS = {
    "label": "the columns name and label (classes)",
    "target": "name and target (numbers)",
}


def read_labels(given: str, source: ImageSource, voice: Voice) -> tuple[ImageSource, Target]:
    """Return the images that have a label, and their labels.

    Args:
        given: ``folder``, or the path of a CSV file.

    Raises:
        InputError: there are no labels, none matches an image, or the file cannot be read.
    """
    if given == BY_FOLDER:
        return source, _of_source(source)
    path = Path(given)
    column, known = read_by_name(path, "--labels", _COLUMNS)
    found = values_of(source.names, known)
    kept = [i for i, value in enumerate(found) if value is not None]
    if not kept:
        raise InputError(
            f"--labels {path}: none of {len(source)} images has a label in it, such as {source.names[0]}: "
            "name them as 'convae check' does, relative to the folder"
        )
    if len(kept) < len(source):
        first = source.names[next(i for i, value in enumerate(found) if value is None)]
        voice.note(
            f"{len(source) - len(kept):,} of {len(source):,} images have no label in {path} and are left "
            f"out, such as {printable(first)}"
        )
    values = [str(found[i]) for i in kept]
    return source.select(kept), _numbers(path, values) if column == "target" else _classes(values)


def _of_source(source: ImageSource) -> Target:
    if source.labels is None:
        raise InputError(
            f"{source.description}: its images have no labels: put those of each class into a sub-folder, or "
            "give --labels FILE.csv with the columns name and label, or name and target"
        )
    return Target(values=source.labels.astype(np.int64), names=tuple(source.label_names))


def _classes(values: list[str]) -> Target:
    names, numbers = np.unique(values, return_inverse=True)
    return Target(values=numbers.astype(np.int64), names=tuple(names.tolist()))


def _numbers(path: Path, values: list[str]) -> Target:
    try:
        numbers = [float(value) for value in values]
    except ValueError as error:
        raise InputError(
            f"--labels {path}: the column target must hold numbers ({brief(error)}); for classes call "
            "it label"
        ) from error
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"--labels {path}: the column target holds NaN or infinite numbers")
    return Target(values=np.array(numbers))
