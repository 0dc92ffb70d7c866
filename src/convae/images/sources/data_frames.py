"""Data frames and series of pandas and polars: a column of paths or images, and one of labels.

They are recognised by what they offer, so that neither package is imported.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from convae.errors import InputError, unknown_name
from convae.images.files.image import ReadLimits
from convae.images.sources.array_sources import ListSource, numbered_labels
from convae.images.sources.base import ImageSource
from convae.images.sources.file_sources import files_source, path_fault
from convae.images.sources.folder_listing import natural_key

PATH_COLUMNS = ("path", "file", "image")
LABEL_COLUMNS = ("label", "class", "target")
SHOWN = 3  # bad rows that an error names


def is_series(data: Any) -> bool:
    """Return whether ``data`` is a column of pandas or polars."""
    if hasattr(data, "iloc"):
        return bool(data.ndim == 1)
    return all(hasattr(data, name) for name in ("to_list", "dtype", "name", "is_null"))


def is_frame(data: Any) -> bool:
    """Return whether ``data`` is a data frame of pandas or polars."""
    return (
        hasattr(data, "columns")
        and hasattr(data, "__getitem__")
        and len(getattr(data, "shape", ())) == 2
    )


def path_column(frame: Any) -> str | None:
    """Return the name of the column of paths or images that a data frame has; None if it has none."""
    if not is_frame(frame):
        return None
    names = {str(name) for name in frame.columns}
    return next((name for name in PATH_COLUMNS if name in names), None)


def holds_files(data: Any) -> bool:
    """Return whether ``data`` is a data frame with a column of paths or images, and not of numbers."""
    name = path_column(data)
    if name is None or not len(data):
        return False
    return not isinstance(next(iter(data[name])), int | float | np.number)


def frame_source(
    frame: Any, column: str | None, limits: ReadLimits, channels_first: bool | None
) -> ImageSource:
    """Open the images of a data frame, with the labels of a column called label, class or target.

    Args:
        column: the column of paths or images; None for that called path, file or image.

    Raises:
        InputError: there is no such column, or a row holds no path of a file and no image.
    """
    names = [str(name) for name in frame.columns]
    if column is None and (column := path_column(frame)) is None:
        raise InputError(
            f"a {type(frame).__name__} with the columns {', '.join(names[:20])} has none called "
            f"{', '.join(PATH_COLUMNS)}: give one of its columns, or open_source(frame, column=...); rows of "
            "pixels must be numbers"
        )
    if column not in names:
        raise unknown_name("column", column, names)
    source = column_source(_values(frame[column]), column, limits, channels_first)
    label = next((name for name in LABEL_COLUMNS if name in names and name != column), None)
    if label is not None:
        _label(source, _values(frame[label]), label)
    return source


def series_source(series: Any, limits: ReadLimits, channels_first: bool | None) -> ImageSource:
    """Open the images of a series of paths or of images.

    Raises:
        InputError: a row holds no path of a file and no image.
    """
    name = getattr(series, "name", None)
    return column_source(_values(series), str(name or "series"), limits, channels_first)


def column_source(
    values: Sequence[Any], name: str, limits: ReadLimits, channels_first: bool | None
) -> ImageSource:
    """Open paths or images; each row is one file, or one image.

    Args:
        values: the cells of the column.
        name: of the column, for errors.

    Raises:
        InputError: there are no rows, or a row holds something else; names the row.
    """
    if not len(values):
        raise InputError(f"column {name!r} has no rows: there is no image in it")
    paths = [isinstance(value, str | os.PathLike) for value in values]
    if not any(paths):
        what, faults = "an image", [_image_fault(value) for value in values]
    else:
        what = "the path of a file"
        faults = [
            _path_fault(value) if is_path else _shown(value)
            for value, is_path in zip(values, paths, strict=True)
        ]
    bad = [(row, fault) for row, fault in enumerate(faults) if fault]
    if bad:
        shown = "; ".join(f"row {row}: {fault}" for row, fault in bad[:SHOWN])
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise InputError(
            f"column {name!r} must hold {what} in each row (the first is row 0): {shown}{more}"
        )
    if not any(paths):
        return ListSource(values, channels_first=channels_first)
    if channels_first is not None:
        raise InputError(
            f"column {name!r}: the place of the channels can be set for arrays only; image files state it"
        )
    return files_source([os.path.expanduser(os.fspath(path)) for path in values], limits)


def _values(series: Any) -> list[Any]:
    """Return the cells of a column as Python values."""
    return list(series.tolist() if hasattr(series, "tolist") else series.to_list())


def _path_fault(value: Any) -> str:
    path = os.path.expanduser(os.fspath(value))
    if not path:
        return "an empty text"
    if os.path.isdir(path):
        return f"{path}: it is a folder"
    fault = path_fault(path)
    return f"{path}: {fault}" if fault else ""


def _image_fault(value: Any) -> str:
    """Return what a cell is if it cannot be an image; the pixels are checked when it is read."""
    if hasattr(value, "getbands") or len(getattr(value, "shape", ())) >= 2:
        return ""
    nested = isinstance(value, list | tuple) and len(value) > 0 and hasattr(value[0], "__len__")
    return "" if nested else _shown(value)


def _shown(value: Any) -> str:
    return f"{value!r:.60}" if value is not None else "an empty cell"


def _label(source: ImageSource, values: list[Any], name: str) -> None:
    """Set the labels of a source, one a row; labels that cannot be used are noted."""
    empty = sum(value is None or value != value for value in values)
    if empty:
        cells = f"{empty} empty cell{'s' * (empty != 1)}"
        source.notes.append(f"column {name!r} has {cells} and is not used for labels")
        return
    if all(isinstance(value, str) for value in values):
        classes = sorted(set(values), key=natural_key)
        number = {label: i for i, label in enumerate(classes)}
        source.set_labels(np.array([number[value] for value in values]), tuple(classes))
        return
    if not all(isinstance(value, int | np.integer) for value in values):
        source.notes.append(f"column {name!r} holds neither texts nor whole numbers: no labels")
        return
    labels = np.array([int(value) for value in values], dtype=np.int64)
    source.set_labels(labels, numbered_labels(labels))
