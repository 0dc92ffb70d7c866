r"""Tables as CSV files: the one writer and the one reader of all of them.

Written: UTF-8 without a byte order mark, commas, one line feed after each row; multi-line names are quoted.
Read: also the variants that spreadsheets write (:class:`TableReader`).

Every name is restored exactly. Two kinds of text are escaped in the file:

- Text that a spreadsheet would take for a formula (``=1+1.png``, ``-1.png``, ``@a.png``) is prefixed with an
  apostrophe, and so is a name that begins with apostrophes and such a sign.
- Bytes of a file name that are no UTF-8 are written ``\udcff``, and backslashes before such text doubled.

>>> [to_cell(name) for name in ("a.png", "-1.png", "b\udcff.png")]
['a.png', "'-1.png", 'b\\udcff.png']
>>> [from_cell(cell) for cell in ("a.png", "'-1.png", "b\\udcff.png")]
['a.png', '-1.png', 'b\udcff.png']
"""

import codecs
import contextlib
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from convae.errors import InputError
from convae.filesystem.atomic import atomic_write
from convae.filesystem.run_files import reading

DELIMITERS = (",", ";", "\t")
LONGEST = 2**28  # characters of a line
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, None),  # begins as that of UTF-16 does
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")
_ODD = re.compile("(\\\\*)([\ud800-\udfff]|u(?=d[89a-f][0-9a-f]{2}))")
_ESCAPED = re.compile(r"(\\+)u(d[89a-f][0-9a-f]{2})")
_SEPARATOR = re.compile(r'"?sep=([,;|\t])"?\s*')
_ADVICE = "save it as 'CSV UTF-8' or 'Unicode text'"


def to_cell(text: str) -> str:
    """Return a text as it is written into a cell; :func:`from_cell` inverts it."""
    return escape(f"'{text}" if _FORMULA.match(text) else text)


def from_cell(cell: str) -> str:
    """Return the text that a cell stands for."""
    text = unescape(cell)
    return text[1:] if _DEFUSED.match(text) else text


def escape(text: str) -> str:
    """A text that any file can hold: bytes of a file name that are no UTF-8 become ``\\udcff``."""
    return _ODD.sub(_escaped, text)


def unescape(text: str) -> str:
    """Return the text that :func:`escape` was given."""
    return _ESCAPED.sub(_unescaped, text) if "\\u" in text else text


def _escaped(match: re.Match[str]) -> str:
    before, odd = match.groups()
    return 2 * before + ("u" if odd == "u" else f"\\u{ord(odd):04x}")


def _unescaped(match: re.Match[str]) -> str:
    before, digits = match.groups()
    kept = before[: len(before) // 2]
    return kept + (chr(int(digits, 16)) if len(before) % 2 else f"u{digits}")


class TableWriter:
    """A CSV file to which rows are appended."""

    def __init__(self, file: BinaryIO) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        # With this line terminator the module quotes both of its characters, on every version of Python.
        self._writer = csv.writer(self, lineterminator="\r\n")

    def row(self, values: Sequence[Any]) -> None:
        """Write one row: texts escaped, numbers as they are, None as an empty cell."""
        self._writer.writerow([to_cell(v) if isinstance(v, str) else v for v in values])

    def write(self, line: str) -> None:
        """Write a row of the csv writer with the common line terminator."""
        self._text.write(line.removesuffix("\r\n") + "\n")

    def detach(self) -> None:
        """Return the file, with everything written."""
        self._text.flush()
        self._text.detach()


@contextlib.contextmanager
def write_table(path: Path, names: Sequence[str]) -> Iterator[TableWriter]:
    """Open a CSV file with these column names for writing; it appears whole or not at all."""
    with atomic_write(path) as file:
        rows = TableWriter(file)
        rows.row(names)
        try:
            yield rows
        finally:
            rows.detach()


class TableReader:
    """The rows of a CSV file: raw cells, which :func:`from_cell` converts to names.

    Commas, semicolons or tabs separate cells, detected from the first line (or from Excel's ``sep=;``). UTF-8
    with or without a byte order mark, UTF-16 with one; any line ends; empty lines are skipped.

    Attributes:
        label: the name of the file in errors.
        names: of the columns.
        line: the number of the last line read.
    """

    def __init__(self, file: TextIO, label: str, columns: Sequence[str]) -> None:
        self.label, self._first = label, 0
        lines = _lines(file)
        first = next(lines, "")
        if declared := _SEPARATOR.fullmatch(first):
            first, self._first = next(lines, ""), 1
        delimiter = declared[1] if declared else delimiter_of(first, columns)
        others = first.split(delimiter)[1:]
        spaced = bool(others) and all(cell.startswith(" ") for cell in others)
        self._rows = csv.reader(
            _behind(first, lines), delimiter=delimiter, skipinitialspace=spaced, strict=True
        )
        self.names = [from_cell(cell.strip()) for cell in next(self._rows, [])]

    @property
    def line(self) -> int:
        """Return the number of the last line read, counted from 1."""
        return self._rows.line_num + self._first

    def column(self, name: str) -> int | None:
        """Return the position of a column, None if there is none.

        Raises:
            InputError: two columns have that name.
        """
        if self.names.count(name) > 1:
            raise InputError(f"{self.label}: has the column {name} twice: keep one of them")
        return self.names.index(name) if name in self.names else None

    def __iter__(self) -> Iterator[list[str]]:
        width = len(self.names)
        for cells in self._rows:
            if not cells or (width > 1 and not any(cells)):
                continue
            if len(cells) != width and (len(cells) < width or any(cells[width:])):
                raise InputError(
                    f"{self.label}: line {self.line} has {len(cells)} cells and the first {width}; a name "
                    "with the sign that separates cells must stand in quotes"
                )
            yield cells[:width]


@contextlib.contextmanager
def read_table(
    path: Path, columns: Sequence[str] = (), *, label: str = ""
) -> Iterator[TableReader]:
    """Open a CSV file from any program; rows are read lazily.

    Args:
        path: the file.
        columns: names that its first line may have, used to detect the separator.
        label: the name of the file in errors; the path by default.

    Raises:
        InputError: the file cannot be read, is damaged or has another encoding.
    """
    label = label or str(path)
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{label}: is not a file; give the name of a CSV file")
        reading(path)
        with path.open("rb") as file:
            text = io.TextIOWrapper(file, encoding=_encoding(file, label), newline="")
            yield TableReader(text, label, columns)
    except UnicodeError as error:
        found = getattr(error, "object", b"")[getattr(error, "start", 0) :][:1]
        byte = f" (byte 0x{found.hex()})" if isinstance(found, bytes) and found else ""
        raise InputError(f"{label}: is not UTF-8{byte}: {_ADVICE}") from error
    except csv.Error as error:
        raise InputError(f"{label}: is not a CSV file: {error}") from error
    except OSError as error:
        raise InputError(f"{label}: cannot be read: {error.strerror}") from error


def delimiter_of(line: str, columns: Sequence[str] = ()) -> str:
    """Detect the separator of a first line: the one that finds most of ``columns``, then most cells.

    >>> delimiter_of("name;group"), delimiter_of("name;a,b,c", ["name"]), delimiter_of("name")
    (';', ';', ',')
    """

    def fit(delimiter: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([line.strip("\r\n")], delimiter=delimiter), [])
        except csv.Error:
            return 0, 0
        return len({cell.strip() for cell in cells} & set(columns)), len(cells)

    return max(DELIMITERS, key=fit)


def _encoding(file: BinaryIO, label: str) -> str:
    """Detect the encoding by the byte order mark; rewind the file."""
    head = file.read(4)
    file.seek(0)
    known = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
    if known is None or (known == "utf-8" and b"\0" in head):
        raise InputError(f"{label}: is not UTF-8: {_ADVICE}")
    return known


def _lines(file: TextIO) -> Iterator[str]:
    """Yield the lines of a file, limited in length."""
    while line := file.readline(LONGEST):
        if len(line) == LONGEST:
            raise csv.Error(f"a line has more than {LONGEST:,} characters")
        yield line


def _behind(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines
