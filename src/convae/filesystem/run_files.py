"""The files of one command: what it reads it never writes over, and what it writes can be put on record.

Only the command line keeps such a list (:func:`run_files`); a Python program says itself what it writes
where, and nothing here changes what it does.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from convae.errors import InputError

Paths = Callable[[], Iterable[str | os.PathLike[str]]]


class RunFiles:
    """What one command reads and writes.

    Args:
        command: its words, without the program's name.

    Attributes:
        overwrite: whether it may replace what an earlier run wrote.
        watchers: each is called with the real path of a file before it is written, and may raise.
        closers: each is called at the end, with whether the command failed.
    """

    def __init__(self, command: Sequence[str] = ()) -> None:
        self.command = tuple(command)
        self.overwrite = False
        self.watchers: list[Callable[[Path], None]] = []
        self.closers: list[Callable[[bool], None]] = []
        self._inputs: list[Paths] = []
        self._planned: list[tuple[Path, str]] = []
        self._allowed: set[str] = set()
        self._cleared: set[str] = set()

    @property
    def verb(self) -> str:
        """``denoise``, ``fit anomaly``."""
        words = [word for word in self.command if not word.startswith("-")]
        return " ".join(words[: 2 if words[:1] == ["fit"] else 1])

    def reads(self, paths: Paths) -> None:
        """Note files that are read; raises if one of them is to be written."""
        self._inputs.append(paths)
        self._cleared.clear()
        for path, what in self._planned:
            self._check(path, what)

    def plans(self, path: Path, what: str) -> None:
        """Note a file that will be written; raises if it is one of those that are read."""
        self._planned.append((path, what))
        self._check(path, what)

    def allows(self, path: Path) -> None:
        """Let a file be replaced although it is read: for what a command is there to change."""
        self._allowed.add(os.path.realpath(path))

    def may_replace(self, path: Path) -> bool:
        """Whether a file that exists may be replaced."""
        return self.overwrite or os.path.realpath(path) in self._allowed

    def reads_within(self, folder: str | os.PathLike[str]) -> str | None:
        """The first file that is read from a folder, or from one in it; None if there is none."""
        root, real = Path(os.path.realpath(folder)), cache(os.path.realpath)
        for paths in self._inputs:
            for path in paths():
                if Path(real(os.path.dirname(os.path.abspath(path)))).is_relative_to(root):
                    return os.fspath(path)
        return None

    def close(self, *, failed: bool) -> None:
        """Call the closers, whatever some of them do."""
        with contextlib.ExitStack() as stack:
            for closer in self.closers:
                stack.callback(closer, failed)

    def writes(self, target: Path) -> None:
        """Check a file that is about to be written, and tell the watchers."""
        self._check(target, "")
        for watcher in self.watchers:
            watcher(target)

    def _check(self, path: Path, what: str) -> None:
        """By what the system calls one file, so that links and other spellings of a path do not matter."""
        real = os.path.realpath(path)
        identity = _identity(path)
        if identity is None or real in self._allowed or real in self._cleared:
            return
        for paths in self._inputs:
            for read in paths():
                if _identity(read) == identity:
                    raise InputError(
                        f"{what} {path}: is one of the files that are read; choose another name".strip()
                    )
        self._cleared.add(real)


_run: RunFiles | None = None


@contextlib.contextmanager
def run_files(command: Sequence[str] = ()) -> Iterator[RunFiles]:
    """Keep the list of one command while it runs."""
    global _run
    before, _run = _run, RunFiles(command)
    try:
        yield _run
    finally:
        _run = before


def current_run() -> RunFiles | None:
    """The list of the command that runs; None in a Python program."""
    return _run


def reading(*paths: str | os.PathLike[str]) -> None:
    """Note files that are read."""
    if _run is not None:
        _run.reads(lambda: paths)


def reading_all(paths: Paths) -> None:
    """Note very many files that are read: they are asked for when something is to be written over."""
    if _run is not None:
        _run.reads(paths)


def writing(target: Path) -> None:
    """Note a file that is about to be written; raises if that must not be."""
    if _run is not None:
        _run.writes(target)


def _identity(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
