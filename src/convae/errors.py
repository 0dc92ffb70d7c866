"""The errors convae raises on purpose, and how it answers an unknown name.

Every message says which argument or file is wrong, what must hold, what came and what to do. On the
command line an :class:`InputError` is one sentence and exit code 2; anything else is our fault, exit code 1.
"""

import difflib
from collections.abc import Iterable
from typing import Any


class ConvaeError(Exception):
    """The base of every error that convae raises on purpose."""


class InputError(ConvaeError, ValueError):
    """What the user gave (a value, a file, a combination) cannot be used."""


class ImageError(InputError):
    """One image cannot be read or written.

    Attributes:
        name: the image as the user knows it: a path, ``stack.tif[3]``, ``array[7]``.
        reason: why, in a few words and without the name.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.reason)


class ModelFileError(InputError):
    """A model file or checkpoint is damaged, foreign, hostile, or from a newer version."""


class TrainingError(ConvaeError, RuntimeError):
    """Training cannot go on: the loss stayed non-finite after a roll-back."""


class MissingExtraError(InputError, ImportError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an extra: pip install 'convae[{extra}]'")


def unknown_name(kind: str, name: object, known: Iterable[str]) -> InputError:
    """The error for a name that is not in a registry: the nearest known one, then all of them.

    >>> print(unknown_name("preset", "tutorail", ["tutorial", "pooled"]))
    unknown preset 'tutorail': did you mean 'tutorial'? Known: pooled, tutorial
    """
    names = sorted(known)
    shown = str(name)[:80]  # a hostile file may hold a name of any length
    close = difflib.get_close_matches(shown, names, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return InputError(f"unknown {kind} {name!r:.100}: {hint}Known: {', '.join(names)}")


def raise_faults(what: str, faults: list[str]) -> None:
    """Raise one :class:`InputError` that lists all faults found in ``what``; none, no error."""
    if len(faults) == 1:
        raise InputError(f"{what}: {faults[0]}")
    if faults:
        raise InputError(f"{what}: " + "; ".join(f"({i}) {f}" for i, f in enumerate(faults, 1)))
