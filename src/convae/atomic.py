"""Files written beside and renamed into place: after an interruption, the old file or the new."""

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from convae.errors import InputError

_PREFIX, _SUFFIX = ".convae-", ".tmp"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ADVICE = {
    errno.ENOENT: "its folder does not exist; create it first",
    errno.ENOTDIR: "a part of its path is a file, not a folder; choose another path",
    errno.EACCES: "no permission to write there; choose a folder of your own",
    errno.EPERM: "no permission to write there; choose a folder of your own",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EISDIR: "is a folder; give the name of a file",
    errno.ELOOP: "is a symbolic link that leads to itself",
}


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path``; when the block ends well, it takes that name.

    The bytes are on the disk (fsync) before the rename, and the folder after it. When the block
    raises, nothing is left behind and the old file is as it was. Permissions are those of any new
    file (umask).

    Args:
        path: the file to write; a symbolic link is followed. Its folder must exist.

    Yields:
        the temporary file, open for writing, reading and seeking; its ``name`` is its path, for
        writers that want a path (they must write in place, not replace the file).

    Raises:
        InputError: it cannot be written: no permission, no such folder, disk full, ...
    """
    target = _target(Path(path))
    temporary = _temporary(target)
    with _explained(path):
        # Not tempfile.mkstemp: its files are private, and asking for the umask means setting it.
        descriptor = os.open(temporary, _FLAGS, 0o666)
    handle = open(temporary, "r+b", opener=lambda *_: descriptor)  # noqa: SIM115
    try:
        try:
            yield handle
        except OSError as fault:
            if fault.errno in _FULL:
                raise _write_error(path, fault) from fault
            raise
        with _explained(path):
            handle.flush()
            os.fsync(handle.fileno())
            handle.close()
            os.replace(temporary, target)
        _sync_folder(target.parent)
    finally:
        # Closing a file on a full disk raises once more, and would hide the first reason.
        with contextlib.suppress(OSError):
            handle.close()
        with contextlib.suppress(OSError):
            temporary.unlink()


def check_writable(path: str | Path) -> None:
    """Find out, before any work is done, whether :func:`atomic_write` can write ``path``.

    An empty temporary file is made next to it and removed; ``path`` itself is not touched.

    Raises:
        InputError: it cannot be written, as :func:`atomic_write` would say.
    """
    target = _target(Path(path))
    temporary = _temporary(target)
    with _explained(path):
        os.close(os.open(temporary, _FLAGS, 0o666))
        temporary.unlink()


_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def remove_leftovers(folder: str | Path, *, older_than: float = 3600.0) -> int:
    """Remove temporary files that killed runs left in a folder.

    Args:
        folder: where outputs are written; subfolders are not searched.
        older_than: seconds since the last write; younger ones may belong to a run at work.

    Returns:
        how many were removed.
    """
    removed = 0
    for path in Path(folder).glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > older_than:
                path.unlink()
                removed += 1
    return removed


def _temporary(target: Path) -> Path:
    return target.parent / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(6)}{_SUFFIX}"


def _target(path: Path) -> Path:
    with _explained(path):
        target = Path(os.path.realpath(path))
        with contextlib.suppress(FileNotFoundError):
            mode = target.stat().st_mode
            if stat.S_ISDIR(mode):
                raise InputError(f"{path}: {_ADVICE[errno.EISDIR]}")
            if not stat.S_ISREG(mode):
                raise InputError(f"{path}: is a device or a pipe; give the name of a file")
    return target


@contextlib.contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise _write_error(path, fault) from fault


def _write_error(path: str | Path, fault: OSError) -> InputError:
    if fault.errno in _FULL:
        return InputError(f"{path}: the disk is full; free some space or choose another folder")
    why = _ADVICE.get(fault.errno or 0, fault.strerror or str(fault))
    return InputError(f"{path}: cannot be written: {why}")


def _sync_folder(folder: Path) -> None:
    # Not every file system lets a folder be synced; the rename is atomic all the same.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
