"""Print results on stdout, notes and progress on stderr, and one JSON object for programs."""

import contextlib
import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from convae.report.plain_text import aligned, harmless


@dataclass(frozen=True)
class Voice:
    """The output of a verb.

    Attributes:
        quiet: print no progress, no notes and no summary.
        json: print one JSON object on stdout instead of text.
    """

    quiet: bool = False
    json: bool = False

    def note(self, text: str) -> None:
        """Print a note for the user on stderr."""
        if not self.quiet:
            warn(text)

    def say(self, text: str = "") -> None:
        """Print a line of the summary on stdout."""
        if not (self.quiet or self.json):
            print(harmless(text))

    def answer(self, text: str) -> None:
        """Print a line of the requested result on stdout, even with ``--quiet``."""
        if not self.json:
            print(harmless(text))

    def result(self, values: Mapping[str, Any]) -> None:
        """Print the results for programs, with ``--json``."""
        if self.json:
            print(json.dumps(plain(values), allow_nan=False))


def warn(text: str) -> None:
    """Print a line on stderr; if stderr cannot be written, drop this and later lines and continue."""
    try:
        print(harmless(text), file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Redirect a stream to the null device, so that the interpreter reports no error when it shuts down."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: NaN and infinity become null, paths become text.

    >>> from pathlib import Path
    >>> plain({"a": float("inf"), 1: (2, Path("x"))})
    {'a': None, '1': [2, 'x']}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):  # arrays and scalars of numpy
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def facts(values: Mapping[str, object]) -> list[str]:
    """Format names and values as lines of two columns.

    >>> facts({"images": 12, "size": "8x8"})
    ['images  12', 'size    8x8']
    """
    return aligned([(name, str(value)) for name, value in values.items()], right=False)
