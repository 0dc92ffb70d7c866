"""Write files of codes (``.npy``, ``.npz``, ``.csv``, ``.parquet``) a few rows at a time."""

import itertools
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convae.errors import InputError, MissingExtraError
from convae.filesystem.atomic import atomic_write
from convae.filesystem.tables import escape, write_table
from convae.images.files.npy_rows import ArrayFile, array_file

SUFFIXES = (".npy", ".npz", ".csv", ".parquet")
CHUNK = 1024  # rows of a table that are held at a time


@dataclass(frozen=True, slots=True)
class Coded:
    """One image's code.

    Attributes:
        name: of the image; empty if unknown.
        label: its class number, or None.
        code: (k,) or (k, h, w) float32.
        checksum: SHA-256 of its file or, for an array, of its bytes; empty if unknown.
        model: what made the code (:func:`convae.estimators.streaming.made_by`); empty if unknown.
    """

    name: str
    label: int | None
    code: np.ndarray
    checksum: str = ""
    model: str = ""


def write_codes(path: Path, rows: Iterable[Coded], first: Coded) -> int:
    """Write codes to a file of the kind that its suffix names.

    Args:
        rows: all rows, including ``first``.

    Returns:
        the number of rows written.
    """
    return _WRITERS[path.suffix.lower()](path, _of_one_shape(rows, first.code.shape), first)


def _of_one_shape(rows: Iterable[Coded], shape: tuple[int, ...]) -> Iterator[Coded]:
    for row in rows:
        if row.code.shape != shape:
            raise InputError(
                f"{row.name}: its code is {row.code.shape} and the others' {shape}, because its size is "
                "another: encode images of one size at a time"
            )
        yield row


def _write_npy(path: Path, rows: Iterable[Coded], first: Coded) -> int:
    """Write the codes, and their names next to them in ``CODES.names.csv``."""
    with (
        write_table(names_file(path), _name_columns(first)) as names,
        array_file(path, first.code.shape, np.float32) as codes,
    ):
        for row in rows:
            codes.append(row.code)
            names.row(_name_cells(row))
        return codes.rows


def names_file(path: Path) -> Path:
    """Return the path of the names: ``codes.names.csv`` for ``codes.npy``."""
    return path.with_name(f"{path.stem}.names.csv")


def _write_npz(path: Path, rows: Iterable[Coded], first: Coded) -> int:
    """Write codes, names, labels and checksums; codes are buffered on disk, the others in memory."""
    names, labels, checksums = list[str](), list[int](), list[str]()
    with atomic_write(path) as file, tempfile.TemporaryFile(dir=path.parent) as scratch:
        codes = ArrayFile(scratch, first.code.shape, np.dtype(np.float32))
        for row in rows:
            codes.append(row.code)
            names.append(escape(row.name))
            checksums.append(row.checksum)
            if row.label is not None:
                labels.append(row.label)
        codes.finish()
        scratch.seek(0)
        with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
            with archive.open("codes.npy", "w", force_zip64=True) as member:
                while block := scratch.read(2**20):
                    member.write(block)
            _add_array(archive, "names", np.array(names))
            _add_array(archive, "sha256", np.array(checksums))
            _add_array(archive, "model", np.array(first.model))
            if labels:
                _add_array(archive, "labels", np.array(labels, dtype=np.int64))
        return codes.rows


def _add_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def _write_csv(path: Path, rows: Iterable[Coded], first: Coded) -> int:
    """Write one line for each image: its name and other facts, and its code, exact for float32."""
    count = 0
    with write_table(path, [*_name_columns(first), *_code_columns(first)]) as lines:
        for row in rows:
            lines.row([*_name_cells(row), *row.code.reshape(-1)])
            count += 1
    return count


def _write_parquet(path: Path, rows: Iterable[Coded], first: Coded) -> int:
    """Write the same columns with types."""
    pyarrow, parquet = load_pyarrow()
    columns = _code_columns(first)
    labelled = first.label is not None
    fields = [("name", pyarrow.string())] + [("label", pyarrow.int64())] * labelled
    fields += [("sha256", pyarrow.string()), ("model", pyarrow.string())]
    schema = pyarrow.schema([*fields, *((name, pyarrow.float32()) for name in columns)])
    count = 0
    with atomic_write(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for chunk in batched(rows, CHUNK):
            codes = np.stack([row.code.reshape(-1) for row in chunk])
            values: list[Any] = [[escape(row.name) for row in chunk]]
            values += [[row.label for row in chunk]] * labelled
            values += [[row.checksum for row in chunk], [row.model for row in chunk]]
            values += list(codes.T)
            arrays = [
                pyarrow.array(value, type=field.type)
                for value, field in zip(values, schema, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            count += len(chunk)
    return count


_WRITERS: dict[str, Callable[[Path, Iterable[Coded], Coded], int]] = {
    ".npy": _write_npy,
    ".npz": _write_npz,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}


def _name_columns(first: Coded) -> list[str]:
    return ["name", *(["label"] if first.label is not None else []), "sha256", "model"]


def _name_cells(row: Coded) -> list[Any]:
    return [row.name, *([row.label] if row.label is not None else []), row.checksum, row.model]


def _code_columns(first: Coded) -> list[str]:
    return [f"code_{i}" for i in range(first.code.size)]


def load_pyarrow() -> tuple[Any, Any]:
    """Return pyarrow and its parquet module, or raise the error that states how to install it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("a .parquet file", "pyarrow") from None
    return pyarrow, pyarrow.parquet


def batched(items: Iterable[Coded], size: int) -> Iterator[list[Coded]]:
    """Yield lists of at most ``size`` items, in order."""
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
