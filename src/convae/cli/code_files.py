"""Files of codes: ``.npy``, ``.npz``, ``.csv``, ``.parquet``, written and read a few rows at a time."""

import contextlib
import csv
import itertools
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convae.atomic import atomic_write
from convae.cli.array_files import ArrayFile, array_file
from convae.cli.outputs import table
from convae.cli.voice import printable
from convae.errors import InputError, MissingExtraError, unknown_name

SUFFIXES = (".npy", ".npz", ".csv", ".parquet")
Rows = Generator[tuple[str, np.ndarray], None, None]
CHUNK = 1024  # rows of a table that are held at a time


@dataclass(frozen=True, slots=True)
class Coded:
    """One image's code.

    Attributes:
        name: of the image; empty if it is not known.
        label: its class number, or None.
        code: (k,) or (k, h, w) float32.
    """

    name: str
    label: int | None
    code: np.ndarray


def write_codes(path: Path, rows: Iterable[Coded], first: Coded) -> int:
    """Write codes to a file of the kind that its suffix names.

    Args:
        rows: all of them, ``first`` included.

    Returns:
        how many there were.
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
    """The codes, and their names beside them in ``CODES.names.csv``."""
    with (
        table(names_file(path), _name_columns(first)) as names,
        array_file(path, first.code.shape, np.float32) as codes,
    ):
        for row in rows:
            codes.append(row.code)
            names.row(_name_cells(row))
        return codes.rows


def names_file(path: Path) -> Path:
    """``codes.npy`` has its names in ``codes.names.csv``."""
    return path.with_name(f"{path.stem}.names.csv")


def _write_npz(path: Path, rows: Iterable[Coded], first: Coded) -> int:
    """Codes, names and labels; the codes go through the disk, the names through memory."""
    names, labels = list[str](), list[int]()
    with atomic_write(path) as file, tempfile.TemporaryFile(dir=path.parent) as scratch:
        codes = ArrayFile(scratch, first.code.shape, np.dtype(np.float32))
        for row in rows:
            codes.append(row.code)
            names.append(printable(row.name))
            if row.label is not None:
                labels.append(row.label)
        codes.finish()
        scratch.seek(0)
        with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
            with archive.open("codes.npy", "w", force_zip64=True) as member:
                while block := scratch.read(2**20):
                    member.write(block)
            _add_array(archive, "names", np.array(names))
            if labels:
                _add_array(archive, "labels", np.array(labels, dtype=np.int64))
        return codes.rows


def _add_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def _write_csv(path: Path, rows: Iterable[Coded], first: Coded) -> int:
    """One line an image: name, label if there are any, and the numbers, exact for float32."""
    count = 0
    with table(path, [*_name_columns(first), *_code_columns(first)]) as lines:
        for row in rows:
            lines.row([*_name_cells(row), *row.code.reshape(-1).astype(str)])
            count += 1
    return count


def _write_parquet(path: Path, rows: Iterable[Coded], first: Coded) -> int:
    """The same columns, with types."""
    pyarrow, parquet = _pyarrow()
    columns = _code_columns(first)
    labelled = first.label is not None
    fields = [("name", pyarrow.string())] + [("label", pyarrow.int64())] * labelled
    schema = pyarrow.schema([*fields, *((name, pyarrow.float32()) for name in columns)])
    count = 0
    with atomic_write(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for chunk in batched(rows, CHUNK):
            codes = np.stack([row.code.reshape(-1) for row in chunk])
            values: list[Any] = [[printable(row.name) for row in chunk]]
            values += [[row.label for row in chunk]] * labelled
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
    return ["name"] if first.label is None else ["name", "label"]


def _name_cells(row: Coded) -> list[Any]:
    return [row.name] if row.label is None else [row.name, row.label]


def _code_columns(first: Coded) -> list[str]:
    return [f"code_{i}" for i in range(first.code.size)]


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("a .parquet file", "parquet") from None
    return pyarrow, pyarrow.parquet


def batched(items: Iterable[Coded], size: int) -> Iterator[list[Coded]]:
    """Lists of at most ``size`` items, in order."""
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


@contextlib.contextmanager
def read_codes(path: Path) -> Iterator[Iterator[tuple[str, np.ndarray]]]:
    """(name or an empty text, code) of each row of a file of codes, a few rows at a time.

    Raises:
        InputError: the file is missing, damaged, holds no codes or would have to be unpickled.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise unknown_name("kind of code file", path.suffix or path.name, SUFFIXES)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if reader is _read_parquet:
        _pyarrow()
    rows = reader(path)
    try:
        yield _explained(path, rows)
    finally:
        rows.close()


def _explained(path: Path, rows: Rows) -> Iterator[tuple[str, np.ndarray]]:
    try:
        yield from rows
    except InputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "allow_pickle" in text or "Python objects" in text:
            text = "it holds pickled objects, which are never loaded"
        raise InputError(f"{path}: damaged or not a file of codes: {text}") from error


def _read_npy(path: Path) -> Rows:
    codes = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(codes, np.ndarray):
        raise InputError(f"{path}: not an .npy file (it may be an .npz: rename it)")
    _check(path, codes)
    beside = names_file(path)
    names: Iterable[str] = itertools.repeat("")
    if beside.is_file():
        with beside.open(encoding="utf-8", newline="") as file:
            known = [row.get("name") or "" for row in csv.DictReader(file)]
        names = known if len(known) == len(codes) else names
    for name, code in zip(names, codes, strict=False):
        yield name, np.asarray(code, dtype=np.float32)


def _read_npz(path: Path) -> Rows:
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise InputError(f"{path}: not an .npz file (it may be an .npy: rename it)")
        if "codes" not in archive.files:
            raise InputError(
                f"{path}: has no array 'codes'; it has: {', '.join(archive.files) or 'none'}"
            )
        codes = archive["codes"]
        _check(path, codes)
        names = archive["names"].tolist() if "names" in archive.files else []
    known = names if len(names) == len(codes) else itertools.repeat("")
    for name, code in zip(known, codes, strict=False):
        yield str(name), code.astype(np.float32)


def _check(path: Path, codes: np.ndarray) -> None:
    if codes.ndim not in (2, 4) or codes.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: codes must be numbers (n, k) or (n, k, h, w); got {codes.dtype} {codes.shape}"
        )


def _read_csv(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        head = next(lines, [])
        chosen = _chosen(path, head)
        named = head.index("name") if "name" in head else None
        for line in lines:
            if len(line) != len(head):
                raise InputError(
                    f"{path}: line {lines.line_num} has {len(line)} cells and the first {len(head)}"
                )
            try:
                code = np.array([line[k] for k in chosen], dtype=np.float32)
            except ValueError as error:
                raise InputError(f"{path}: line {lines.line_num}: {error}") from error
            yield "" if named is None else line[named], code


def _read_parquet(path: Path) -> Rows:
    pyarrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            head = file.schema_arrow.names
            columns = [head[k] for k in _chosen(path, head)]
            named = "name" in head
            wanted = [*columns, "name"] if named else columns
            for batch in file.iter_batches(CHUNK, columns=wanted):
                codes = np.stack([batch.column(name).to_numpy(False) for name in columns], axis=1)
                names = batch.column("name").to_pylist() if named else [""] * len(codes)
                yield from zip(names, codes.astype(np.float32), strict=True)
    except pyarrow.ArrowException as error:
        raise InputError(f"{path}: damaged or not a parquet file: {error}") from error


def _chosen(path: Path, head: list[str]) -> list[int]:
    """Which columns are the code, in the order of their numbers."""
    found = {name: k for k, name in enumerate(head) if name.startswith("code_")}
    ordered = [f"code_{i}" for i in range(len(found))]
    if not found or set(ordered) != set(found):
        raise InputError(
            f"{path}: must have the columns code_0, code_1, ...; it has {', '.join(head[:8]) or 'none'}"
        )
    return [found[name] for name in ordered]


_READERS: dict[str, Callable[[Path], Rows]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
