"""Output: results on stdout, notes and progress on stderr, one JSON object for programs."""

import contextlib
import json
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

# C0 and C1 control characters but tab and newline; marks that reverse the direction of text; halves of
# characters, which no encoding can print (bytes of a name that are no text)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Voice:
    """Where a verb prints its output.

    Attributes:
        quiet: no progress, no notes and no summary.
        json: one JSON object on stdout instead of all text there.
    """

    quiet: bool = False
    json: bool = False

    def note(self, text: str) -> None:
        """Print a note for the user, on stderr."""
        if not self.quiet:
            warn(text)

    def say(self, text: str = "") -> None:
        """Print a line of the summary, on stdout."""
        if not (self.quiet or self.json):
            print(harmless(text))

    def answer(self, text: str) -> None:
        """Print a line of the requested result, on stdout, even with ``--quiet``."""
        if not self.json:
            print(harmless(text))

    def result(self, values: Mapping[str, Any]) -> None:
        """Print the result as JSON, for programs."""
        if self.json:
            print(json.dumps(plain(values), allow_nan=False))


def warn(text: str) -> None:
    """Print a line on stderr. If nobody can read it, later lines are dropped and the work continues."""
    try:
        print(harmless(text), file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def harmless(text: str) -> str:
    """Return ``text`` without control characters: a file name must not move the cursor or change the
    terminal.

    >>> print(harmless("a\\x1b[2Jb.png".encode().decode("unicode_escape")))
    a\\x1b[2Jb.png
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def silence(stream: TextIO) -> None:
    """Redirect a stream to nowhere, so that the interpreter does not complain about it at shutdown."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: non-finite numbers become null, paths become text.

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
    """Return rows of cells as lines of a table: the first column left-aligned, the others right-aligned.

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
    """Return names and values as lines of two columns.

    >>> facts({"images": 12, "size": "8x8"})
    ['images  12', 'size    8x8']
    """
    return aligned([(name, str(value)) for name, value in values.items()], right=False)


def printable(name: str) -> str:
    """Return a file name as text that any file can hold: bytes that are not UTF-8 become ``\\udcff``.

    >>> printable("a\\udcff.png")
    'a\\\\udcff.png'
    """
    return name.encode("utf-8", "backslashreplace").decode()
