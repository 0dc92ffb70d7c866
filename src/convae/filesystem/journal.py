"""A file of JSON lines that is only ever appended to, and survives the end of its process at any moment.

A line is on the disk before :meth:`Journal.add` returns. A line that was cut off by the end of a process is
removed when the file is opened again. One process at a time can have a journal open.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

from convae.errors import InputError
from convae.filesystem.atomic import sync_folder


class Journal:
    """An open journal.

    Args:
        path: the file; created if it is missing. Its folder must exist.

    Raises:
        InputError: another process has it open, it cannot be written, or it is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = open(path, "a+b")  # noqa: SIM115
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            _lock(self._file, path)
            self._remove_rest()
        except BaseException:
            self._file.close()
            raise
        sync_folder(path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield all lines.

        Raises:
            InputError: a line is no JSON object.
        """
        self._file.seek(0)
        for number, line in enumerate(self._file, 1):
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            if not isinstance(entry, dict):
                raise InputError(
                    f"{self.path}: line {number} is no line of a journal of convae; choose another folder"
                )
            yield entry

    def add(self, *entries: dict[str, Any]) -> None:
        """Append lines, and return once they are on the disk.

        Raises:
            OSError: they cannot be written.
        """
        text = "".join(json.dumps(entry, allow_nan=False) + "\n" for entry in entries)
        self._file.seek(0, os.SEEK_END)
        self._file.write(text.encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def _remove_rest(self) -> None:
        """Remove what follows the last end of a line."""
        size = self._file.seek(0, os.SEEK_END)
        at, whole = size, 0
        while at > 0:
            start = max(0, at - 65_536)
            self._file.seek(start)
            last = self._file.read(at - start).rfind(b"\n")
            if last >= 0:
                whole = start + last + 1
                break
            at = start
        if whole < size:
            self._file.truncate(whole)


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"{path}: another process is writing it: stop that one, or choose another folder"
        ) from None
    except OSError:  # this file system has no locks
        pass
