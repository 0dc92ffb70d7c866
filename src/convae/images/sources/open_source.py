"""Open images of any kind: ``open_source`` returns an ImageSource for all supported inputs.

>>> import numpy as np
>>> source = open_source(np.zeros((5, 8, 8), np.uint8))
>>> len(source), source.names[4], source.read(4).pixels.shape
(5, 'array[4]', (8, 8, 1))
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from convae.errors import InputError, unknown_name
from convae.filesystem.run_files import reading
from convae.images.files.image import ReadLimits
from convae.images.sources.array_sources import (
    ArraySource,
    ListSource,
    is_tensor,
    plain_array,
)
from convae.images.sources.base import ImageSource, Selection, Skipped
from convae.images.sources.data_frames import frame_source, is_frame, is_series, series_source
from convae.images.sources.file_sources import (
    file_source,
    folder_source,
    glob_source,
    path_fault,
    paths_source,
)
from convae.images.sources.idx import is_idx, labels_file, read_idx
from convae.images.sources.item_sources import DatasetSource, images_from, one_pass
from convae.images.sources.named_sets import NAMES, canonical_name, open_named
from convae.images.sources.npy import npy_source, npz_source, split_npz

__all__ = ["ImageSource", "Selection", "Skipped", "open_source"]

Split = Literal["train", "test"]


def open_source(
    data: Any,
    *,
    data_dir: str | Path | None = None,
    limits: ReadLimits | None = None,
    split: Split = "train",
    download: bool = False,
    channels_first: bool | None = None,
    column: str | None = None,
) -> ImageSource:
    """Open images of any kind; nothing is decoded yet.

    Args:
        data: one of
            a folder (recursive; a sub-folder for each class gives labels), a glob (``a/**/*.png``),
            an image file (each page of a TIFF is an image), a list of files and folders;
            an array or torch tensor ``(n, h, w)``, ``(n, h, w, c)`` or ``(n, c, h, w)`` of any real dtype,
            one colour image ``(h, w, 3)``, a list of arrays of any sizes, a ``.npy`` file (memory-mapped), a
            ``.npz`` file (``file.npz:key`` when it holds several arrays), an IDX file (also gzipped);
            a torch ``Dataset`` or a data set of Hugging Face;
            a data frame of pandas or polars with a column of paths or images, called ``path``, ``file`` or
            ``image`` (and of labels: ``label``, ``class`` or ``target``), or such a column by itself;
            an object that can be iterated over again and has a length (see :func:`images_from` for others);
            the name of a known set: ``digits``, ``mnist``, ``fashion-mnist``, ``cifar10`` (a folder of that
            name comes first); or an ImageSource, which is returned.
        data_dir: where named sets are searched for first.
        limits: the limits for one image.
        split: the part of a named set (or of a ``.npz`` with ``x_train`` and ``x_test``) to open.
        download: whether a named set that is not on this machine may be downloaded.
        channels_first: whether images with an axis of channels are ``(c, h, w)`` and not ``(h, w, c)``; None
            infers it from the shape (``convae.images.files.axes``), and refuses a shape that may be either.
        column: the column of the images in a data frame or a data set, where its name does not say it.

    Raises:
        InputError: the data cannot be opened; the message states what was given and what to do.
    """
    if isinstance(data, ImageSource):
        return data
    if split not in ("train", "test"):
        raise unknown_name("split", split, ["train", "test"])
    limits, data = limits or ReadLimits(), _as_list(data)
    if is_frame(data):
        return frame_source(data, column, limits, channels_first)
    if is_series(data):
        return series_source(data, limits, channels_first)
    if column is not None and not _has_items(data):
        raise InputError("column is for data frames, and for data sets whose items are tables")
    if isinstance(data, str) and (name := canonical_name(data)) is not None:
        return _open_name(data, name, limits, split, data_dir, download, channels_first)
    if isinstance(data, str | os.PathLike):
        return _open_path(os.path.expanduser(os.fspath(data)), limits, split, channels_first)
    if isinstance(data, np.ndarray):
        return ArraySource(data, channels_first=channels_first)
    if is_tensor(data):
        return ArraySource(plain_array(data), stem="tensor", channels_first=channels_first)
    if isinstance(data, list | tuple):
        return _open_list(data, limits, channels_first)
    return _open_items(data, channels_first, column)


def _as_list(data: Any) -> Any:
    """Return an array of Python objects as a list; anything else as it is."""
    objects = isinstance(data, np.ndarray) and data.dtype == object and data.ndim == 1
    return list(data) if objects else data


def _has_items(data: Any) -> bool:
    """Return whether ``data`` is an object of a program that gives items by position."""
    known = isinstance(data, str | os.PathLike | np.ndarray | list | tuple) or is_tensor(data)
    return not known and hasattr(data, "__len__") and hasattr(data, "__getitem__")


def _open_items(data: Any, channels_first: bool | None, column: str | None) -> ImageSource:
    """Open a data set, or something to iterate over.

    Raises:
        InputError: it is neither, it can be read only once, or its items must be chosen first.
    """
    if isinstance(data, Mapping):
        raise InputError(
            f"a {type(data).__name__} is a table of several things ({', '.join(map(str, list(data)[:5]))}): "
            "give one of them, such as data['train']"
        )
    if hasattr(data, "batch_size") and hasattr(data, "dataset"):
        raise InputError(
            f"a {type(data).__name__} gives batches, and images are needed: give its dataset"
        )
    iterable = hasattr(data, "__iter__") and not hasattr(data, "read")  # an open file is none
    if iterable and hasattr(data, "__next__"):
        raise InputError(one_pass(data))
    if _has_items(data):
        try:
            return DatasetSource(data, channels_first=channels_first, column=column)
        except NotImplementedError:  # an IterableDataset of torch has no items by position
            pass
    if iterable and hasattr(data, "__len__"):
        return images_from(data, channels_first=channels_first)
    if iterable or callable(data):
        raise InputError(
            f"the number of images of a {type(data).__name__} is not known: give "
            "convae.images_from(it, length=N)"
        )
    raise InputError(
        f"cannot take images from a {type(data).__name__}: give a folder, a file, a glob, a list of "
        f"paths, an array, a data frame, a torch Dataset, or a name ({', '.join(NAMES)})"
    )


def _open_name(
    data: str,
    name: str,
    limits: ReadLimits,
    split: Split,
    data_dir: str | Path | None,
    download: bool,
    channels_first: bool | None,
) -> ImageSource:
    """Open a folder of that name, or the set."""
    if os.path.isdir(data):
        source = _open_path(data, limits, split, channels_first)
        source.notes.append(
            f"{data!r} is a folder here and is read as one; for the set of that name go to another folder"
        )
        return source
    _only_for_arrays(name, channels_first)
    source = open_named(name, split=split, data_dir=data_dir, download=download)
    if os.path.exists(data):
        source.notes.append(f"{data!r} is taken as the set {name}; for the path write ./{data}")
    return source


def _open_path(
    path: str, limits: ReadLimits, split: Split, channels_first: bool | None
) -> ImageSource:
    if "\0" in path or not path:
        raise InputError(f"{path!r} is no path")
    file, key = split_npz(path)
    if key is not None:
        reading(file)
        return npz_source(Path(file), key, split, channels_first=channels_first)
    if os.path.isdir(path):
        _only_for_arrays(path, channels_first)
        return folder_source(Path(path), limits)
    if not os.path.lexists(path):
        if set("*?[") & set(path):
            _only_for_arrays(path, channels_first)
            return glob_source(path, limits)
        raise _missing(path)
    if fault := path_fault(path):
        raise InputError(f"{path}: {fault}")
    return _open_file(Path(path), limits, split, channels_first)


def _open_file(
    path: Path, limits: ReadLimits, split: Split, channels_first: bool | None
) -> ImageSource:
    reading(path)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return npy_source(path, channels_first=channels_first)
    if suffix == ".npz":
        return npz_source(path, None, split, channels_first=channels_first)
    if is_idx(path):
        return _idx_source(path, channels_first)
    _only_for_arrays(path, channels_first)
    return file_source(path, limits)


def _only_for_arrays(path: str | Path, channels_first: bool | None) -> None:
    if channels_first is not None:
        raise InputError(
            f"{path}: the place of the channels can be set for arrays only; image files and sets state it"
        )


def _idx_source(path: Path, channels_first: bool | None) -> ArraySource:
    images = read_idx(path)
    if images.ndim < 3:
        raise InputError(f"{path}: has {images.ndim} axes: labels, not images")
    labels_path = labels_file(path)
    labels = None if labels_path is None else read_idx(labels_path)
    fits = labels is not None and labels.shape == (len(images),)
    source = ArraySource(
        images,
        stem=path.name,
        labels=labels if fits else None,
        channels_first=channels_first,
    )
    if labels_path is not None and labels is not None and not fits:
        source.notes.append(f"{labels_path.name} holds {labels.shape} labels and is not used")
    return source


def _open_list(data: Sequence[Any], limits: ReadLimits, channels_first: bool | None) -> ImageSource:
    if not data:
        raise InputError("the list is empty: there is no image in it")
    are_paths = [isinstance(item, str | os.PathLike) for item in data]
    if all(are_paths):
        _only_for_arrays("a list of paths", channels_first)
        return paths_source(data, limits)
    if any(are_paths):
        raise InputError("a list must hold either paths or arrays, not both")
    if all(isinstance(item, int | float | list | tuple) for item in data):
        try:
            return ArraySource(np.asarray(data), channels_first=channels_first)
        except InputError:
            raise
        except ValueError as error:  # ragged nested lists
            raise InputError(f"nested lists must form one array (n, h, w): {error}") from error
    return ListSource(data, channels_first=channels_first)


def _missing(path: str) -> InputError:
    plain = os.sep not in path and "." not in path
    if plain and "did you mean" in str(error := unknown_name("set", path, NAMES)):
        return InputError(f"{error}; and there is no file or folder of that name")
    known = f" (known sets: {', '.join(NAMES)})" if plain else ""
    return InputError(f"{path}: no such file or folder{known}")
