"""The inputs and outputs of a command: inputs are never overwritten, and outputs can be recorded.

Only the command line keeps such a list (:func:`run_files`). A Python program chooses its own outputs, and
this module does not affect it.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from convae.errors import InputError

Paths = Callable[[], Iterable[str | os.PathLike[str]]]


class RunFiles:
    """The files that one command reads and writes.

    Args:
        command: its words, without the program's name.

    Attributes:
        overwrite: whether the results of an earlier run may be replaced.
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
        """Return the verb: ``denoise``, ``fit anomaly``."""
        words = [word for word in self.command if not word.startswith("-")]
        return " ".join(words[: 2 if words[:1] == ["fit"] else 1])

    def reads(self, paths: Paths) -> None:
        """Note files that are read; raise if one of them is to be written."""
        self._inputs.append(paths)
        self._cleared.clear()
        for path, what in self._planned:
            self._check(path, what)

    def plans(self, path: Path, what: str) -> None:
        """Note a file that will be written; raise if it is one of those that are read."""
        self._planned.append((path, what))
        self._check(path, what)

    def allows(self, path: Path) -> None:
        """Allow a file that is read to be replaced: for commands that change a file in place."""
        self._allowed.add(os.path.realpath(path))

    def may_replace(self, path: Path) -> bool:
        """Return whether an existing file may be replaced."""
        return self.overwrite or os.path.realpath(path) in self._allowed

    def reads_within(self, folder: str | os.PathLike[str]) -> str | None:
        """Return the first input file in a folder or its sub-folders; None if there is none."""
        root, real = Path(os.path.realpath(folder)), cache(os.path.realpath)
        for paths in self._inputs:
            for path in paths():
                if Path(real(os.path.dirname(os.path.abspath(path)))).is_relative_to(root):
                    return os.fspath(path)
        return None

    def close(self, *, failed: bool) -> None:
        """Call the closers, even if some of them raise."""
        with contextlib.ExitStack() as stack:
            for closer in self.closers:
                stack.callback(closer, failed)

    def writes(self, target: Path) -> None:
        """Check a file that is about to be written, and call the watchers."""
        self._check(target, "")
        for watcher in self.watchers:
            watcher(target)

    def _check(self, path: Path, what: str) -> None:
        """Raise if an input is the same file, also by a link or another spelling of the path."""
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
    """Keep the list of files of one command while it runs."""
    global _run
    before, _run = _run, RunFiles(command)
    try:
        yield _run
    finally:
        _run = before


def current_run() -> RunFiles | None:
    """Return the list of the running command; None in a Python program."""
    return _run


def reading(*paths: str | os.PathLike[str]) -> None:
    """Note files that are read."""
    if _run is not None:
        _run.reads(lambda: paths)


def reading_all(paths: Paths) -> None:
    """Note very many files that are read; the names are evaluated when a file is to be overwritten."""
    if _run is not None:
        _run.reads(paths)


def writing(target: Path) -> None:
    """Note a file that is about to be written; raise if that is forbidden."""
    if _run is not None:
        _run.writes(target)


def _identity(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
