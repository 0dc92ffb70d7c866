"""Write ``.npy`` files row by row: the number of rows is only known at the end."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from convae.errors import InputError
from convae.filesystem.atomic import atomic_write

_HEADER = 256  # bytes, room for any number of rows


class ArrayFile:
    """An array ``(n, *shape)`` to which rows are appended, in constant memory."""

    def __init__(self, file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._file, self.shape, self.dtype, self.rows = file, shape, dtype, 0
        self._begin = file.tell()
        file.write(npy_header((0, *shape), dtype))

    def append(self, row: np.ndarray) -> None:
        """Write the next row.

        Raises:
            InputError: its shape differs from the first row's.
        """
        if row.shape != self.shape:
            raise InputError(
                f"row {self.rows} is {_times(row.shape)} and the first {_times(self.shape)}: one array "
                "cannot hold both"
            )
        self._file.write(np.ascontiguousarray(row, dtype=self.dtype).data)
        self.rows += 1

    def finish(self) -> None:
        """Write the number of rows into the header."""
        end = self._file.tell()
        self._file.seek(self._begin)
        self._file.write(npy_header((self.rows, *self.shape), self.dtype))
        self._file.seek(end)


@contextlib.contextmanager
def array_file(path: Path, shape: tuple[int, ...], dtype: Any) -> Iterator[ArrayFile]:
    """Open a ``.npy`` file for rows of this shape and dtype; it appears whole or not at all."""
    with atomic_write(path) as file:
        rows = ArrayFile(file, shape, np.dtype(dtype))
        yield rows
        rows.finish()


def npy_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return the header of a ``.npy`` file (format 1.0), always of the same length.

    Raises:
        InputError: the shape has too many axes for this length.

    >>> len(npy_header((1_000_000, 28, 28), np.dtype("uint8")))
    256
    """
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    text = repr(fields).encode("latin-1")
    room = _HEADER - 10 - 1
    if len(text) > room:
        raise InputError(f"an array of {len(shape)} axes cannot be written")
    return b"\x93NUMPY\x01\x00" + (room + 1).to_bytes(2, "little") + text.ljust(room) + b"\n"


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a number"
