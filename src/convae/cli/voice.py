"""What is said where: results on stdout, notes and progress on stderr, one JSON object for programs."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Voice:
    """How a verb speaks.

    Attributes:
        quiet: no progress, no notes and no account of what was done.
        json: one JSON object on stdout in place of all text there.
    """

    quiet: bool = False
    json: bool = False

    def note(self, text: str) -> None:
        """Something the user should know, on stderr."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def say(self, text: str = "") -> None:
        """A line of the account of what was done, on stdout."""
        if not (self.quiet or self.json):
            print(text)

    def answer(self, text: str) -> None:
        """A line of what was asked for, on stdout: not even ``--quiet`` leaves it out."""
        if not self.json:
            print(text)

    def result(self, values: Mapping[str, Any]) -> None:
        """The same for programs."""
        if self.json:
            print(json.dumps(plain(values), allow_nan=False))


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: numbers that are none become null, paths text.

    >>> from pathlib import Path
    >>> plain({"a": float("inf"), 1: (2, Path("x"))})
    {'a': None, '1': [2, 'x']}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):  # numpy's arrays and scalars
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def aligned(rows: Sequence[Sequence[str]], *, right: bool = True) -> list[str]:
    """Rows of cells as lines of a table: the first column to the left, the others to the right.

    >>> aligned([("", "model", "PCA"), ("MSE", "0.1", "0.25")])
    ['     model   PCA', 'MSE    0.1  0.25']
    """
    widths = [max(len(row[k]) for row in rows if k < len(row)) for k in range(max(map(len, rows)))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(widths[k]) if right and k else cell.ljust(widths[k])
            for k, cell in enumerate(row)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def facts(values: Mapping[str, object]) -> list[str]:
    """Names and values as lines of two columns.

    >>> facts({"images": 12, "size": "8x8"})
    ['images  12', 'size    8x8']
    """
    return aligned([(name, str(value)) for name, value in values.items()], right=False)


def printable(name: str) -> str:
    """A file name as text that any file can hold: bytes that are no UTF-8 become ``\\udcff``.

    >>> printable("a\\udcff.png")
    'a\\\\udcff.png'
    """
    return name.encode("utf-8", "backslashreplace").decode()
