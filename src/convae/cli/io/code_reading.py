"""Read files of codes, a few rows at a time: those of ``convae encode``, and the user's own."""

import contextlib
import itertools
import zipfile
from collections.abc import Callable, Container, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convae.cli.io.code_writing import CHUNK, SUFFIXES, Coded, load_pyarrow, names_file
from convae.errors import InputError, brief, damage, unknown_name
from convae.filesystem.run_files import reading
from convae.filesystem.tables import TableReader, from_cell, read_table, unescape

Rows = Generator[Coded, None, None]
_TEXTS = ("name", "label", "sha256", "model")  # the columns other than the code
_COLUMNS = (*_TEXTS, "code_0")


def refuse_other_model(path: Path, row: Coded, made: str) -> None:
    """Check that a row was made by the model and layer ``made``; a row without that information passes.

    Raises:
        InputError: another model or layer made the row.
    """
    if row.model and row.model != made:
        theirs, ours = (text.partition(":")[2] for text in (row.model, made))
        if row.model.partition(":")[0] == made.partition(":")[0]:
            raise InputError(
                f"{path}: holds what layer {theirs or 'code'} gives, and {ours or 'the code'} is needed: "
                "encode the images again"
            )
        raise InputError(
            f"{path}: its codes are of another model: use that one, or encode the images again with this"
        )


@contextlib.contextmanager
def read_codes(path: Path, only: Container[int] | None = None) -> Iterator[Iterator[Coded]]:
    """Yield an iterator over the rows of a file of codes; values that the file lacks are empty.

    Args:
        path: the file; its suffix names its kind.
        only: the positions of the rows to read; None for all.

    Raises:
        InputError: the file is missing or damaged, is of an unknown kind, holds no codes or would have to be
            unpickled.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise unknown_name("kind of code file", path.suffix or path.name, SUFFIXES)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if reader is _read_parquet:
        load_pyarrow()
    reading(path)
    rows = reader(path, _Every() if only is None else only)
    try:
        yield _explained(path, rows)
    finally:
        rows.close()


class _Every(Container[int]):
    """A container of all positions."""

    def __contains__(self, position: object) -> bool:
        return True


def _explained(path: Path, rows: Rows) -> Iterator[Coded]:
    with damage(path, "a file of codes"):
        yield from rows


def _coded(code: np.ndarray, fields: Mapping[str, Any]) -> Coded:
    """Return a row from its code and the other values in the file."""
    label = fields.get("label")
    return Coded(
        name=str(fields.get("name") or ""),
        label=None if label in (None, "") else _whole(str(label)),
        code=np.asarray(code, dtype=np.float32),
        checksum=str(fields.get("sha256") or ""),
        model=str(fields.get("model") or ""),
    )


def _whole(label: str) -> int:
    try:
        return int(label)
    except ValueError:
        raise ValueError(f"a label must be the number of a class; got {brief(label)!r}") from None


def _read_npy(path: Path, only: Container[int]) -> Rows:
    codes = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(codes, np.ndarray):
        raise InputError(f"{path}: not an .npy file (it may be an .npz: rename it)")
    _check(path, codes)
    fields = _facts_from(names_file(path), path, len(codes))
    for index, of_one in zip(range(len(codes)), fields, strict=False):
        if index in only:
            yield _coded(codes[index], of_one)


def _facts_from(path: Path, codes: Path, count: int) -> Iterator[Mapping[str, str]]:
    """Yield the values of each code from the table next to an array; empty mappings without a table.

    Raises:
        InputError: the table has another number of rows than there are codes.
    """
    if not path.is_file():
        yield from itertools.repeat({}, count)
        return
    with read_table(path, _COLUMNS) as rows:
        known = sum(1 for _ in rows)
    if known != count:
        raise InputError(
            f"{path}: names {known:,} codes, and there are {count:,} in {codes.name}: encode the images "
            "again, or remove it"
        )
    with read_table(path, _COLUMNS) as rows:
        places = _places(rows)
        for cells in rows:
            yield {name: from_cell(cells[k]) for name, k in places.items()}


def _places(rows: TableReader) -> dict[str, int]:
    """Return the positions of the columns of text."""
    found = {name: rows.column(name) for name in _TEXTS}
    return {name: k for name, k in found.items() if k is not None}


def _read_npz(path: Path, only: Container[int]) -> Rows:
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise InputError(f"{path}: not an .npz file (it may be an .npy: rename it)")
        if "codes" not in archive.files:
            found = brief(", ".join(archive.files) or "none", 400)
            raise InputError(f"{path}: has no array 'codes'; it has: {found}")
        codes = archive["codes"]
        _check(path, codes)
        arrays = {
            name: archive[found]
            for name, found in zip(_TEXTS, ("names", "labels", "sha256", "model"), strict=True)
            if found in archive.files
        }
    model = arrays.pop("model", np.array(""))
    columns = {n: a.tolist() for n, a in arrays.items() if a.shape == (len(codes),)}
    made_by = model.item() if model.ndim == 0 else ""
    for index, code in enumerate(codes):
        if index in only:
            fields = {name: values[index] for name, values in columns.items()}
            yield _coded(code, _with_name({**fields, "model": made_by}))


def _with_name(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the same values with the name unescaped."""
    return {**fields, "name": unescape(str(fields.get("name") or ""))}


def _check(path: Path, codes: np.ndarray) -> None:
    if codes.ndim not in (2, 4) or codes.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: codes must be numbers (n, k) or (n, k, h, w); got {codes.dtype} {codes.shape}"
        )


def _read_csv(path: Path, only: Container[int]) -> Rows:
    with read_table(path, _COLUMNS) as rows:
        chosen, places = _chosen(path, rows.names), _places(rows)
        for index, cells in enumerate(rows):
            if index not in only:
                continue
            try:
                code = np.array([cells[k] for k in chosen], dtype=np.float32)
                yield _coded(code, {name: from_cell(cells[k]) for name, k in places.items()})
            except ValueError as error:
                wrong = _not_a_number(rows.names, cells, chosen) or brief(error)
                raise InputError(f"{path}: line {rows.line}: {wrong}") from error


def _not_a_number(names: Sequence[str], cells: Sequence[str], chosen: Sequence[int]) -> str:
    """Return a message on the first cell that is not a number, with advice on decimal commas; else empty."""
    for k in chosen:
        try:
            float(cells[k])
        except ValueError:
            advice = "; numbers must have a decimal point" if "," in cells[k] else ""
            return f"{names[k]} must be a number; got {brief(repr(cells[k]), 60)}{advice}"
    return ""


def _read_parquet(path: Path, only: Container[int]) -> Rows:
    pyarrow, parquet = load_pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            head = file.schema_arrow.names
            columns = [head[k] for k in _chosen(path, head)]
            fields = [name for name in _TEXTS if name in head]
            passed = 0
            for batch in file.iter_batches(CHUNK, columns=[*columns, *fields]):
                codes = np.stack([batch.column(name).to_numpy(False) for name in columns], axis=1)
                texts = [batch.column(name).to_pylist() for name in fields]
                for index in (i for i in range(len(codes)) if passed + i in only):
                    of_one = {n: values[index] for n, values in zip(fields, texts, strict=True)}
                    yield _coded(codes[index], _with_name(of_one))
                passed += len(codes)
    except pyarrow.ArrowException as error:
        raise InputError(f"{path}: damaged or not a parquet file: {error}") from error


def _chosen(path: Path, head: list[str]) -> list[int]:
    """Return the positions of the columns of the code, in order.

    Raises:
        InputError: a column is there twice, or the columns are not ``code_0``, ``code_1``, ...
    """
    found = {name: k for k, name in enumerate(head) if name.startswith("code_")}
    if twice := [name for name in found if head.count(name) > 1]:
        raise InputError(f"{path}: has the column {twice[0]} twice: keep one of them")
    ordered = [f"code_{i}" for i in range(len(found))]
    if not found or set(ordered) != set(found):
        has = brief(", ".join(head[:8]) or "none", 400)
        raise InputError(f"{path}: must have the columns code_0, code_1, ...; it has {has}")
    return [found[name] for name in ordered]


_READERS: dict[str, Callable[[Path, Container[int]], Rows]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}


def count_codes(path: Path) -> int:
    """Return about how many rows a file of codes has; 0 if it cannot be read (see :func:`read_codes`)."""
    try:
        return _COUNTS[path.suffix.lower()](path)
    except Exception:  # see convae.errors.damage
        return 0


def _count_npz(path: Path) -> int:
    with zipfile.ZipFile(path) as archive, archive.open("codes.npy") as member:
        np.lib.format.read_magic(member)
        return int(np.lib.format.read_array_header_1_0(member)[0][0])


def _count_csv(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b"")) - 1


def _count_parquet(path: Path) -> int:
    return int(load_pyarrow()[1].ParquetFile(path).metadata.num_rows)


_COUNTS: dict[str, Callable[[Path], int]] = {
    ".npy": lambda path: len(np.load(path, mmap_mode="r", allow_pickle=False)),
    ".npz": _count_npz,
    ".csv": _count_csv,
    ".parquet": _count_parquet,
}
