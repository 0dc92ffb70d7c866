"""Storage of prepared images during training: in memory, in a cache file, or none."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from convae.errors import DiskFullError, InputError
from convae.images.dataset.preparation import Plan
from convae.images.files.image import Pixels
from convae.images.free_memory import available_memory

RESIDENT_SHARE = 0.4  # fraction of the free memory; training needs the rest
CACHE_SHARE = 0.5  # fraction of the free space in the folder of temporary files


class Store(Protocol):
    """The storage of prepared images; ``kind`` is its name in reports."""

    kind: str

    def append(self, pixels: Pixels) -> None:
        """Add the next image, (H, W, C)."""

    def get(self, position: int) -> Pixels:
        """Return image ``position``, (H, W, C), before any random crop."""

    def many(self, positions: np.ndarray) -> Pixels | None:
        """Return (n, C, H, W) of several images if that is faster than one by one."""

    def all(self) -> Pixels | None:
        """Return (n, C, H, W) of all images without a copy, where that is possible."""

    def keep(self, positions: np.ndarray) -> None:
        """Drop all images but these, and close the gaps; positions rise."""


class FlatStore:
    """All images in one contiguous array, in memory or mapped from an unlinked temporary file."""

    def __init__(self, kind: str, shapes: np.ndarray, depth: str) -> None:
        self.kind = kind
        total = int(shapes.prod(axis=1, dtype=np.int64).sum())
        if kind == "resident":
            self._values: np.ndarray = np.empty(total, depth)
        else:
            with tempfile.NamedTemporaryFile(prefix="convae-cache-") as file:
                _reserve(file.fileno(), total * np.dtype(depth).itemsize)
                self._values = np.asarray(np.memmap(file, depth, "r+", shape=(total,)))
        self._shapes = np.empty((len(shapes), 3), np.int64)
        self._starts = np.zeros(len(shapes) + 1, np.int64)
        self._count = 0
        self._uniform = bool((shapes == shapes[0]).all())

    def append(self, pixels: Pixels) -> None:
        """Add the next image, converted to channels first."""
        i = self._count
        self._shapes[i] = pixels.shape
        self._starts[i + 1] = self._starts[i] + pixels.size
        self._values[self._starts[i] : self._starts[i + 1]] = np.moveaxis(pixels, 2, 0).reshape(-1)
        self._count += 1

    def fill(self, images: Pixels) -> None:
        """Add all images (n, H, W, C) at once."""
        self._values[: images.size] = np.moveaxis(images, 3, 1).reshape(-1)
        self._shapes[:] = images.shape[1:]
        self._starts[:] = images[0].size * np.arange(len(images) + 1)
        self._count = len(images)

    def get(self, position: int) -> Pixels:
        """Return image ``position``, (H, W, C)."""
        height, width, channels = self._shapes[position]
        values = self._values[self._starts[position] : self._starts[position + 1]]
        return np.moveaxis(values.reshape(channels, height, width), 0, 2)

    def many(self, positions: np.ndarray) -> Pixels | None:
        """Return (n, C, H, W) by one selection, if all images have one shape."""
        images = self.all()
        return None if images is None else images[positions]

    def all(self) -> Pixels | None:
        """Return (n, C, H, W), if all images have one shape."""
        if not self._uniform:
            return None
        height, width, channels = self._shapes[0]
        images: Pixels = self._values[: self._starts[self._count]]
        return images.reshape(-1, channels, height, width)

    def keep(self, positions: np.ndarray) -> None:
        """Drop all images but these; in place, because there may be no room for a copy."""
        for i, position in enumerate(positions.tolist()):
            start, end = self._starts[position], self._starts[position + 1]
            self._shapes[i] = self._shapes[position]
            self._starts[i + 1] = self._starts[i] + end - start
            self._values[self._starts[i] : self._starts[i + 1]] = self._values[start:end]
        self._count = len(positions)


class StreamedStore:
    """No storage: every image is read from its file each time."""

    kind = "streamed"

    def __init__(self, read: Callable[[int], Pixels]) -> None:
        self._read = read

    def append(self, pixels: Pixels) -> None:
        """Do nothing: images are not kept."""

    def get(self, position: int) -> Pixels:
        """Read and prepare image ``position`` again."""
        return self._read(position)

    def many(self, positions: np.ndarray) -> Pixels | None:
        """Return None: images can only be read one by one."""
        return None

    def all(self) -> Pixels | None:
        """Return None: images are not kept."""
        return None

    def keep(self, positions: np.ndarray) -> None:
        """Do nothing: the caller keeps the list of positions."""


def make_store(
    wanted: str, shapes: np.ndarray, plan: Plan, read: Callable[[int], Pixels]
) -> FlatStore | StreamedStore:
    """Return an empty store for images of these shapes (n, 3).

    Args:
        wanted: as :class:`~convae.images.dataset.preparation.Preparation` has it.
        read: reads and prepares the image at a position again, for a store that keeps none.

    Raises:
        InputError: if there is no room for a cache file.
    """
    size = int(shapes.prod(axis=1, dtype=np.int64).sum()) * np.dtype(plan.depth).itemsize
    kind = wanted if wanted != "auto" else _choose_storage(size)
    if kind == "streamed":
        return StreamedStore(read)
    return FlatStore(kind, shapes, plan.depth)


def _reserve(descriptor: int, size: int) -> None:
    """Allocate the disk space now: writing to a mapped file on a full disk kills the process."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
        else:
            os.truncate(descriptor, size)
    except OSError as error:
        where = tempfile.gettempdir()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(where).free
            advice = "set TMPDIR to a folder with room, or choose storage 'streamed'"
            raise DiskFullError(f"the cache of images in {where}", size, free, advice) from error
        raise InputError(
            f"the cache of {size:,} bytes cannot be made in {where} ({error.strerror}): "
            "set TMPDIR to a folder with room, or choose storage 'streamed'"
        ) from error


def _choose_storage(size: int) -> str:
    """Choose the kind: resident if most memory stays free, cached if the disk has room, else streamed."""
    if size <= RESIDENT_SHARE * available_memory():
        return "resident"
    free = shutil.disk_usage(Path(tempfile.gettempdir())).free
    return "cached" if size <= CACHE_SHARE * free else "streamed"
