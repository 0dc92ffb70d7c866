"""The errors that convae raises deliberately, and suggestions for unknown names.

Every message states which argument or file is wrong, what must hold, what was given and what to do. On the
command line an :class:`InputError` is one sentence and exit code 2; any other error is ours, exit code 1.
"""

import difflib
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


class ConvaeError(Exception):
    """The base class of every error that convae raises deliberately."""


class InputError(ConvaeError, ValueError):
    """The user's input (a value, a file, a combination) cannot be used.

    Attributes:
        faults: what is wrong, if several faults were found at once; otherwise empty.
    """

    faults: tuple[str, ...] = ()


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
    """Training cannot continue: the loss stayed non-finite after a roll-back."""


class ConvaeWarning(UserWarning):
    """The base class of the warnings that have a class of their own."""


class ImageWarning(ConvaeWarning):
    """Images can be used, but the results may be unexpected. The command line prints the message."""


class FitWarning(ConvaeWarning):
    """Something limits the result of a fit: images that were skipped, none held out, no improvement.

    The command line prints the message as a note of the fit.
    """


class DiskFullError(ConvaeError, RuntimeError):
    """A file cannot be written because the disk has no room for it. Exit code 1: the input is not at fault.

    Attributes:
        needed: minimum number of bytes that the file takes.
        free: number of bytes that were available.
    """

    def __init__(self, path: object, needed: int, free: int, advice: str) -> None:
        super().__init__(
            f"{path}: the disk is full: {needed:,} bytes or more are needed and {free:,} are free; {advice}"
        )
        self.needed, self.free = needed, free


class MissingExtraError(InputError, ImportError):
    """A feature needs an optional dependency that is not installed.

    Args:
        what: the feature.
        package: the name to install it by, or several; of those in the extras of ``pyproject.toml``.
    """

    def __init__(self, what: str, package: str) -> None:
        super().__init__(needs_package(what, package))


def needs_package(what: str, package: str) -> str:
    """Return the sentence on a missing optional dependency; the package name works from a clone as well.

    >>> needs_package("a .parquet file", "pyarrow")
    'a .parquet file needs the package pyarrow: pip install pyarrow'
    >>> needs_package("convae serve", "fastapi uvicorn")
    'convae serve needs the packages fastapi and uvicorn: pip install fastapi uvicorn'
    """
    names = package.split()
    word = "package" if len(names) == 1 else "packages"
    return f"{what} needs the {word} {' and '.join(names)}: pip install {package}"


def unknown_name(kind: str, name: object, known: Iterable[str]) -> InputError:
    """Return the error for a name that is not in a registry: the nearest known name, then all names.

    >>> print(unknown_name("preset", "tutorail", ["tutorial", "pooled"]))
    unknown preset 'tutorail': did you mean 'tutorial'? Known: pooled, tutorial
    """
    names = sorted(known)
    shown = str(name)[:80]  # a hostile file may hold a name of any length
    close = difflib.get_close_matches(shown, names, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return InputError(f"unknown {kind} {name!r:.100}: {hint}Known: {', '.join(names)}")


def raise_faults(what: str, faults: list[str]) -> None:
    """Raise one :class:`InputError` that lists all faults found in ``what``; do nothing without faults."""
    if not faults:
        return
    numbered = [f"({i}) {fault}" for i, fault in enumerate(faults, 1)] if faults[1:] else faults
    error = InputError(f"{what}: " + "; ".join(numbered))
    error.faults = tuple(faults)
    raise error


def warn_user(warning: ConvaeWarning) -> None:
    """Warn, and name the line of the user's program that led here, so that Python shows it once a line.

    Frames of convae, and of scikit-learn and joblib in between, are passed over.
    """
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and _is_inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def _is_inside(module: str) -> bool:
    return module.split(".")[0] in ("convae", "sklearn", "joblib", "contextlib")


def brief(fault: object, most: int = 160) -> str:
    """Return the message of a fault as part of one sentence: one line, no control characters, limited length.

    >>> brief(ValueError("a\\n  b"))
    'a b'
    """
    text = str(fault) or type(fault).__name__
    text = re.sub(
        r" at 0x[0-9a-f]+", "", text
    )  # addresses of objects in memory mean nothing to users
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return text if len(text) <= most else text[: most - 3] + "..."


@contextmanager
def damage(what: object, kind: str, error: type[InputError] = InputError) -> Iterator[None]:
    """Convert any error of a parser on a damaged or foreign file into one error.

    Parsers of the standard library and of NumPy promise no set of exceptions: damaged files have ended in
    ``TokenError``, ``OverflowError``, ``NotImplementedError`` and a dozen others.

    Args:
        what: the file as the user knows it.
        kind: what it should be, with its article: ``a NumPy file``.
        error: the class of the error.

    Raises:
        InputError: or ``error``, for any exception in the block that is not a ConvaeError. Those pass.
    """
    try:
        yield
    except ConvaeError:
        raise
    except MemoryError as fault:
        raise error(f"{what}: there is not enough memory to read it, or it is damaged") from fault
    except Exception as fault:
        if isinstance(fault, OSError) and fault.strerror:
            raise error(f"{what}: cannot be read: {fault.strerror}") from fault
        text = brief(fault)
        if "allow_pickle" in text or "Python objects" in text:
            raise error(f"{what}: holds pickled objects, which are never loaded") from fault
        raise error(f"{what}: damaged or not {kind} ({text})") from fault
