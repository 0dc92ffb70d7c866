"""What ``convae probe`` is to read from the codes: labels by folder, or from a CSV file."""

import csv
import math
from pathlib import Path

import numpy as np

from convae.cli.voice import Voice, printable
from convae.errors import InputError
from convae.images.image_source import ImageSource
from convae.probing.probe import Target

BY_FOLDER = "folder"


def read_labels(given: str, source: ImageSource, voice: Voice) -> tuple[ImageSource, Target]:
    """The images that have a label, and their labels.

    Args:
        given: ``folder``, or the path of a CSV file.

    Raises:
        InputError: there are none, they do not match, or the file cannot be read.
    """
    if given == BY_FOLDER:
        return source, _of_source(source)
    path = Path(given)
    column, known = _read(path)
    found = [known.get(name, known.get(printable(name))) for name in source.names]
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


def _read(path: Path) -> tuple[str, dict[str, str]]:
    """``label`` or ``target``, and name: what stands there; empty cells are left out."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            reader = csv.DictReader(file)
            head = set(reader.fieldnames or ())
            columns = head & {"label", "target"}
            if "name" not in head or len(columns) != 1:
                raise InputError(
                    f"--labels {path}: must have the columns name and label (classes), or name and target "
                    f"(numbers); it has {', '.join(reader.fieldnames or ()) or 'none'}"
                )
            column = columns.pop()
            rows = [(row["name"], (row[column] or "").strip()) for row in reader]
    except (OSError, csv.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"--labels {path}: cannot be read: {why}") from error
    return column, {str(name): value for name, value in rows if value}


def _classes(values: list[str]) -> Target:
    names, numbers = np.unique(values, return_inverse=True)
    return Target(values=numbers.astype(np.int64), names=tuple(names.tolist()))


def _numbers(path: Path, values: list[str]) -> Target:
    try:
        numbers = [float(value) for value in values]
    except ValueError as error:
        raise InputError(
            f"--labels {path}: the column target must hold numbers ({error}); for classes call it label"
        ) from error
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"--labels {path}: the column target holds NaN or infinite numbers")
    return Target(values=np.array(numbers))
