"""Array files: ``.npy`` is memory-mapped, ``.npz`` is read into memory; nothing is unpickled."""

import math
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from convae.errors import InputError, brief, damage
from convae.images.free_memory import available_memory
from convae.images.sources.array_sources import ArraySource

_LABEL_KEYS = ("y", "labels", "label", "targets", "y_{split}", "{split}_labels")
_IMAGE_KEYS = ("x", "X", "images", "data", "x_{split}", "X_{split}", "{split}_images")
_KIND = "a NumPy file"
_Described = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]


def npy_source(path: Path, *, channels_first: bool | None = None) -> ArraySource:
    """Open the images in a ``.npy`` file, memory-mapped: nothing is read yet.

    Args:
        path: the file.
        channels_first: as for :class:`~convae.images.sources.array_sources.ArraySource`.
    """
    with damage(path, _KIND):
        array = np.lib.format.open_memmap(path, mode="r")
    return ArraySource(array, stem=path.name, channels_first=channels_first)


def split_npz(path: str) -> tuple[str, str | None]:
    """Return file and key of ``file.npz:key``; the key is None without one.

    >>> split_npz("a/b.npz:images"), split_npz("c.npz")
    (('a/b.npz', 'images'), ('c.npz', None))
    """
    head, found, key = path.rpartition(".npz:")
    if found and key and not os.path.lexists(path):
        return head + ".npz", key
    return path, None


def npz_source(
    path: Path, key: str | None, split: str, *, channels_first: bool | None = None
) -> ArraySource:
    """Open the images in a ``.npz`` file, with its labels if there are any.

    Args:
        path: the file.
        key: the array to use; None: the only one that can be images, or one with a common name.
        split: ``train`` or ``test``: chooses between ``x_train`` and ``x_test``.
        channels_first: as for :class:`~convae.images.sources.array_sources.ArraySource`.

    Raises:
        InputError: the file is missing or damaged, no single array can be chosen, or it does not hold images.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with damage(path, _KIND):
        if not zipfile.is_zipfile(path):
            raise InputError(f"{path}: damaged or not an .npz file")
        with open(path, "rb") as raw, np.lib.npyio.NpzFile(raw, allow_pickle=False) as file:
            described = _describe(file)
            chosen = key if key is not None else _choose(path, described, split)
            images = _load(path, file, described, chosen)
            labels = _labels(file, described, len(images) if images.ndim else 0, split)
    stem = f"{path.name}:{chosen}"
    return ArraySource(images, stem=stem, labels=labels, channels_first=channels_first)


def _describe(file: Any) -> _Described:
    """Return shape and dtype of each array in the file, from the headers alone."""
    described: _Described = {}
    for name in file.files:
        member = _member(file, name)
        with file.zip.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version, np.lib.format.read_array_header_2_0)
            shape, _, dtype = read(stream)
        described[name] = (shape, dtype)
    return described


def _member(file: Any, name: str) -> str:
    """Return the name of an array within the archive."""
    return name if name in file.zip.namelist() else name + ".npy"


def _choose(path: Path, described: _Described, split: str) -> str:
    able = [
        k
        for k, (shape, dtype) in described.items()
        if len(shape) in (3, 4) and dtype.kind in "buif"
    ]
    if len(able) == 1:
        return able[0]
    common = [key.format(split=split) for key in _IMAGE_KEYS]
    named = [key for key in common if key in able]
    if len(named) == 1:
        return named[0]
    shown = ", ".join(
        f"{brief(key, 40)} {shape} {dtype}" for key, (shape, dtype) in described.items()
    )
    many = "several arrays could be the images" if able else "no array in it is a stack of images"
    raise InputError(f"{path}: {many} ({brief(shown, 400)}); choose one with {path.name}:KEY")


def _load(path: Path, file: Any, described: _Described, key: str) -> np.ndarray:
    if key not in described:
        raise InputError(
            f"{path}: has no array {key!r}; it has: {brief(', '.join(described), 400)}"
        )
    shape, dtype = described[key]
    if dtype.hasobject:
        raise InputError(f"{path}: {key} holds pickled objects, which are never loaded")
    needed, free = math.prod(shape) * dtype.itemsize, available_memory()
    held = file.zip.getinfo(_member(file, key)).file_size
    if held < needed:
        raise InputError(f"{path}: damaged: {key} {shape} needs {needed:,} bytes, it has {held:,}")
    if needed > free:
        raise InputError(
            f"{path}: {key} needs {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free; "
            "save it as .npy, which is not read into memory"
        )
    return np.asarray(file[key])


def _labels(file: Any, described: _Described, count: int, split: str) -> np.ndarray | None:
    for key in (name.format(split=split) for name in _LABEL_KEYS):
        if key in described:
            shape, dtype = described[key]
            if shape in ((count,), (count, 1)) and dtype.kind in "bui":
                return np.asarray(file[key])
    return None
