"""One door for all images: ``open_source`` takes whatever holds images and gives an ImageSource.

>>> import numpy as np
>>> source = open_source(np.zeros((5, 8, 8), np.uint8))
>>> len(source), source.names[4], source.read(4).pixels.shape
(5, 'array[4]', (8, 8, 1))
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from convae.errors import InputError, unknown_name
from convae.images.array_files import npy_source, npz_source, split_npz
from convae.images.array_sources import (
    ArraySource,
    DatasetSource,
    ListSource,
    is_tensor,
    plain_array,
)
from convae.images.datasets import NAMES, canonical_name, open_named
from convae.images.file_sources import (
    file_source,
    folder_source,
    glob_source,
    path_fault,
    paths_source,
)
from convae.images.idx import is_idx, labels_file, read_idx
from convae.images.image import ReadLimits
from convae.images.image_source import ImageSource, Selection, Skipped

__all__ = ["ImageSource", "Selection", "Skipped", "open_source"]

Split = Literal["train", "test"]


def open_source(
    data: Any,
    *,
    data_dir: str | Path | None = None,
    limits: ReadLimits | None = None,
    split: Split = "train",
    download: bool = False,
) -> ImageSource:
    """Open whatever holds images; nothing is decoded yet.

    Arguments:
        data: one of
            a folder (recursive; a sub-folder for each class gives labels), a glob (``a/**/*.png``),
            an image file (each page of a TIFF is an image), a list of files and folders;
            an array ``(n, h, w)`` or ``(n, h, w, c)`` of any real dtype, a torch tensor ``(n, h, w)`` or
            ``(n, c, h, w)``, a list of arrays of any sizes, a ``.npy`` file (memory-mapped), a ``.npz``
            file (``file.npz:key`` when it holds several arrays), an IDX file (also gzipped);
            a torch ``Dataset``; the name of a known set: ``digits``, ``mnist``, ``fashion-mnist``,
            ``cifar10`` (a folder of that name comes first); or an ImageSource, which is given back.
        data_dir: where named sets are looked for first.
        limits: what one image may cost.
        split: the part of a named set (or of a ``.npz`` with ``x_train`` and ``x_test``) to open.
        download: whether a named set that is not on this machine may be fetched.
    Raises: InputError, with what came and what to do.
    """
    if isinstance(data, ImageSource):
        return data
    if split not in ("train", "test"):
        raise unknown_name("split", split, ["train", "test"])
    limits = limits or ReadLimits()
    if isinstance(data, str) and (name := canonical_name(data)) is not None:
        return _open_name(data, name, limits, split, data_dir, download)
    if isinstance(data, str | os.PathLike):
        return _open_path(os.path.expanduser(os.fspath(data)), limits, split)
    if isinstance(data, np.ndarray):
        return ArraySource(data)
    if is_tensor(data):
        array = plain_array(data)
        return ArraySource(np.moveaxis(array, 1, 3) if array.ndim == 4 else array, stem="tensor")
    if isinstance(data, list | tuple):
        return _open_list(data, limits)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        return DatasetSource(data)
    raise InputError(
        f"cannot take images from a {type(data).__name__}: give a folder, a file, a glob, a list of "
        f"paths, an array, a torch Dataset, or a name ({', '.join(NAMES)})"
    )


def _open_name(
    data: str,
    name: str,
    limits: ReadLimits,
    split: Split,
    data_dir: str | Path | None,
    download: bool,
) -> ImageSource:
    """A folder of that name, or the set."""
    if os.path.isdir(data):
        source = _open_path(data, limits, split)
        source.notes.append(
            f"{data!r} is a folder here and is read as one; for the set of that name go to another folder"
        )
        return source
    source = open_named(name, split=split, data_dir=data_dir, download=download)
    if os.path.exists(data):
        source.notes.append(f"{data!r} is taken as the set {name}; for the path write ./{data}")
    return source


def _open_path(path: str, limits: ReadLimits, split: Split) -> ImageSource:
    if "\0" in path or not path:
        raise InputError(f"{path!r} is no path")
    file, key = split_npz(path)
    if key is not None:
        return npz_source(Path(file), key, split)
    if os.path.isdir(path):
        return folder_source(Path(path), limits)
    if not os.path.lexists(path):
        if set("*?[") & set(path):
            return glob_source(path, limits)
        raise _missing(path)
    if fault := path_fault(path):
        raise InputError(f"{path}: {fault}")
    return _open_file(Path(path), limits, split)


def _open_file(path: Path, limits: ReadLimits, split: Split) -> ImageSource:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return npy_source(path)
    if suffix == ".npz":
        return npz_source(path, None, split)
    if is_idx(path):
        return _idx_source(path)
    return file_source(path, limits)


def _idx_source(path: Path) -> ArraySource:
    images = read_idx(path)
    if images.ndim < 3:
        raise InputError(f"{path}: has {images.ndim} axes: labels, not images")
    source = ArraySource(images, stem=path.name)
    beside = labels_file(path)
    if beside is not None:
        labels = read_idx(beside)
        if labels.shape == (len(images),):
            return ArraySource(images, stem=path.name, labels=labels)
        source.notes.append(f"{beside.name} holds {labels.shape} labels and is not used")
    return source


def _open_list(data: Sequence[Any], limits: ReadLimits) -> ImageSource:
    if not data:
        raise InputError("the list is empty: there is no image in it")
    are_paths = [isinstance(item, str | os.PathLike) for item in data]
    if all(are_paths):
        return paths_source(data, limits)
    if any(are_paths):
        raise InputError("a list must hold either paths or arrays, not both")
    if all(isinstance(item, int | float | list | tuple) for item in data):
        try:
            return ArraySource(np.asarray(data))
        except ValueError as error:  # ragged nested lists
            raise InputError(f"nested lists must form one array (n, h, w): {error}") from error
    return ListSource(data)


def _missing(path: str) -> InputError:
    plain = os.sep not in path and "." not in path
    if plain and "did you mean" in str(error := unknown_name("set", path, NAMES)):
        return InputError(f"{error}; and there is no file or folder of that name")
    known = f" (known sets: {', '.join(NAMES)})" if plain else ""
    return InputError(f"{path}: no such file or folder{known}")
