"""Folders of results: each contains a marker that lists the files of the run, which identifies the folder.

The marker (:data:`MARKER`) is a table: a row with the version and the verb, then one for each file, written
before the file is. Such a folder is excluded when images are listed. The next run into it replaces all files
that the marker lists, and no others. The marker is named like the tables that accompany pictures, so that
a script that reads the pictures of a folder skips it.
"""

import contextlib
import csv
import io
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from convae.errors import InputError
from convae.filesystem.run_files import RunFiles
from convae.version import __version__

MARKER = ".convae-output.csv"
_EARLIER = ".convae-earlier-"
_WHOLE, _PART, _FILE, _END = "whole", "part", "file", "\r\n"


@dataclass(frozen=True)
class Marked:
    """The contents of a marker.

    Attributes:
        verb: the verb that filled the folder.
        whole: whether the folder was empty before the first run.
    """

    verb: str
    whole: bool


def marked(folder: str | os.PathLike[str]) -> Marked | None:
    """Return the contents of a folder's marker; None without a marker."""
    rows = _rows(folder)
    head = next(rows, None)
    if head is None:
        return None
    _, _, verb, extent = head if len(head) == 4 else ("", "", "", "")
    return Marked(verb, extent != _PART)


def recorded(folder: str | os.PathLike[str]) -> Iterator[str]:
    """Return the files of the run, relative to the folder; names that lead out of it are left out."""
    rows = _rows(folder)
    next(rows, None)
    for row in rows:
        parts = PurePosixPath(row[1]).parts if len(row) == 2 and row[0] == _FILE else ()
        if parts and not {"..", "/"} & set(parts) and parts[-1] != MARKER:
            yield row[1]


def _rows(folder: str | os.PathLike[str]) -> Iterator[list[str]]:
    """Return the rows of a marker, without an incomplete last row; none without a marker."""
    try:
        text = (Path(folder) / MARKER).read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return
    whole = text[: text.rfind("\n") + 1]
    with contextlib.suppress(csv.Error):
        yield from csv.reader(io.StringIO(whole, newline=""))


class ResultFolder:
    """A folder of results while a run fills it.

    Args:
        path: the folder, which must exist.
        run: the command.
        what: the command-line option that names the folder.
        resume: whether the run goes on with what an earlier one left, instead of replacing it.
        lists: whether the marker lists every file; a run of unlimited length keeps a journal of its own.

    Raises:
        InputError: it holds an earlier run, which may not be replaced.
    """

    def __init__(
        self, path: Path, run: RunFiles, *, what: str, resume: bool = False, lists: bool = True
    ) -> None:
        if not resume:
            check_result_folder(path, run, what=what)
        if marked(path) and (read := run.reads_within(path)):
            raise InputError(f"{what} {path}: holds {read}, which is read; choose another folder")
        self.path = Path(os.path.realpath(path))
        earlier = marked(path)
        whole = earlier.whole if earlier else not any(self.path.iterdir())
        self._lock, self._any, self._refused = threading.Lock(), False, False
        goes_on = resume and earlier is not None
        self._aside = None if earlier is None or goes_on else self._set_aside()
        self._file = (self.path / MARKER).open(
            "a" if goes_on else "w", encoding="utf-8", errors="surrogateescape", newline=""
        )
        if not goes_on:
            self._add("convae", __version__, run.verb, _WHOLE if whole else _PART)
        if lists:
            run.watchers.append(self.note)
        run.closers.append(self.finish)

    def note(self, target: Path) -> None:
        """List a file in the marker before it is written.

        Raises:
            InputError: the file exists already and is not from a run.
        """
        if not target.is_relative_to(self.path) or target.name == MARKER:
            return
        name = target.relative_to(self.path).as_posix()
        with self._lock:
            if os.path.lexists(target):
                if name in recorded(self.path):
                    return
                self._refused = True
                raise InputError(
                    f"{target}: is there already, and no earlier run of convae wrote it; choose another "
                    "folder"
                )
            self._any = True
            if name not in recorded(self.path):
                self._add(_FILE, name)

    def finish(self, failed: bool) -> None:
        """Remove the earlier run, or restore it if the new one failed.

        A run that failed because a file was in the way leaves nothing behind, so that it can be repeated
        once the file is gone.
        """
        self._file.close()
        if failed and (self._aside is not None or self._refused):
            self._remove_new()
            if self._aside is not None:
                _move_all(self._aside, self.path)
        elif failed and not self._any and not any(recorded(self.path)):
            (self.path / MARKER).unlink(missing_ok=True)
        self.settle()

    def settle(self) -> None:
        """Remove the earlier run for good: from now on the new one stays, even if it fails."""
        if self._aside is not None:
            folders = [os.path.relpath(inner, self._aside) for inner, _, _ in os.walk(self._aside)]
            shutil.rmtree(self._aside, ignore_errors=True)
            for folder in sorted(folders, key=len, reverse=True):
                with contextlib.suppress(OSError):  # it is not empty
                    os.rmdir(self.path / folder)
            self._aside = None

    def _add(self, *row: str) -> None:
        csv.writer(self._file, lineterminator=_END).writerow(row)
        self._file.flush()

    def _set_aside(self) -> Path:
        """Set aside the files of the earlier run, and those that a killed run had set aside."""
        aside = self.path / f"{_EARLIER}{os.getpid()}-{secrets.token_hex(4)}"
        older = [path.name for path in self.path.glob(f"{_EARLIER}*")]
        aside.mkdir()
        for name in (*recorded(self.path), *older, MARKER):
            source, target = self.path / name, aside / name
            inside = Path(os.path.realpath(source.parent)).is_relative_to(self.path)
            if inside and os.path.lexists(source):
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(source, target)
        return aside

    def _remove_new(self) -> None:
        for name in (*recorded(self.path), MARKER):
            with contextlib.suppress(OSError):
                (self.path / name).unlink()
            for folder in PurePosixPath(name).parents:
                with contextlib.suppress(OSError):  # it is not empty
                    os.rmdir(self.path / folder)


def check_result_folder(path: Path, run: RunFiles, *, what: str) -> None:
    """Raise if the folder holds an earlier run, and ``--overwrite`` was not given.

    Args:
        path: the folder; it need not exist.
        run: states whether earlier results may be replaced.
        what: the name of the option or argument in the error.

    Raises:
        InputError: the folder holds the results of an earlier run, and ``run.overwrite`` is false.
    """
    earlier = marked(path)
    if earlier is None or run.overwrite:
        return
    raise InputError(
        f"{what} {path}: holds the results of an earlier 'convae {earlier.verb}': give --overwrite to "
        "replace them as a whole, or choose another folder"
    )


def _move_all(source: Path, target: Path) -> None:
    for folder, _, names in os.walk(source):
        there = target / os.path.relpath(folder, source)
        there.mkdir(parents=True, exist_ok=True)
        for name in names:
            os.replace(os.path.join(folder, name), there / name)
