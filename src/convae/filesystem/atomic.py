"""Files written under a temporary name and renamed: an interruption leaves the old file or the new one."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from convae.errors import ConvaeError, DiskFullError, InputError
from convae.filesystem.run_files import writing

# .convae-HOST-PID-RANDOM.tmp; the host as a short hash of its name
_NAME = re.compile(r"\.convae-([0-9a-f]{8})-([0-9]{1,10})-[0-9a-f]{12}\.tmp")
_HOST = hashlib.sha256(socket.gethostname().encode(errors="replace")).hexdigest()[:8]
_RECYCLED = 3600.0  # seconds after which the number of a dead process may belong to another one
_FULL = (errno.ENOSPC, errno.EDQUOT)
_ADVICE = {
    errno.ENOENT: "its folder does not exist; create it first",
    errno.ENOTDIR: "a part of its path is a file, not a folder; choose another path",
    errno.EACCES: "no permission to write there; choose a folder of your own",
    errno.EPERM: "no permission to write there; choose a folder of your own",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EISDIR: "is a folder; give the name of a file",
    errno.ELOOP: "is a symbolic link that leads to itself",
    errno.EFBIG: "larger than the file system or a limit (ulimit -f) allows",
}
_cleared: set[Path] = set()  # folders that this process has already searched for leftovers


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file next to ``path``; when the block succeeds, rename it to ``path``.

    The bytes are on the disk (fsync) before the rename, and the folder after it. When the block
    raises, nothing is left behind and the old file is as it was. Permissions are those of any new
    file (umask). What killed processes of this machine left in the folder is removed at the first write.

    Args:
        path: the file to write; a symbolic link is followed. Its folder must exist.

    Yields:
        the temporary file, open for writing, reading and seeking; its ``name`` is its path, for
        writers that want a path (they must write in place, not replace the file).

    Raises:
        InputError: it cannot be written: no permission, no such folder, ...
        DiskFullError: the disk has no room; states how much is needed and how much is free.
    """
    target = _target(Path(path))
    writing(target)
    if target.parent not in _cleared:
        _cleared.add(target.parent)
        remove_leftovers(target.parent)
    temporary = _temporary(target.parent)
    with _explained(path):
        # Not tempfile.mkstemp: its files are private, and the umask can only be read by setting it.
        descriptor = os.open(temporary, _FLAGS, 0o666)
    handle = open(temporary, "r+b", opener=lambda *_: descriptor)  # noqa: SIM115
    _lock(descriptor)
    try:
        try:
            yield handle
        except OSError as fault:
            if fault.errno in (*_FULL, errno.EFBIG):
                raise _write_error(path, fault, handle) from fault
            raise
        with _explained(path, handle):
            handle.flush()
            os.fsync(handle.fileno())
            handle.close()
            os.replace(temporary, target)
        sync_folder(target.parent)
    finally:
        # Closing a file on a full disk raises again, which would hide the first reason.
        with contextlib.suppress(OSError):
            handle.close()
        with contextlib.suppress(OSError):
            temporary.unlink()


def check_writable(path: str | Path) -> None:
    """Check, before any work is done, that :func:`atomic_write` can write ``path``.

    An empty temporary file is made next to it and removed; ``path`` itself is not touched.

    Raises:
        InputError: it cannot be written; the message is that of :func:`atomic_write`.
    """
    target = _target(Path(path))
    with _explained(path):
        probe_folder(target.parent)


def probe_folder(folder: Path) -> None:
    """Create a temporary file in a folder and remove it; raise OSError if that fails."""
    temporary = _temporary(folder)
    os.close(os.open(temporary, _FLAGS, 0o666))
    temporary.unlink()


_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def remove_leftovers(folder: str | Path, *, locked: bool = False) -> int:
    """Remove temporary files that killed runs left in a folder.

    A file is a leftover if its name is one that only :func:`atomic_write` gives, this machine wrote it, its
    process is dead, and nobody holds the lock that a writer takes. The lock decides where processes do not
    see each other (containers), the process where the file system has no locks.

    Args:
        folder: where outputs are written; subfolders are not searched.
        locked: nobody else can be writing there, so leftovers of other machines are removed as well.

    Returns:
        the number of files removed.
    """
    removed = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _NAME.fullmatch(entry.name)
            if found is None or not entry.is_file(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError):
                if locked or (found[1] == _HOST and _abandoned(Path(entry.path), int(found[2]))):
                    os.unlink(entry.path)
                    removed += 1
    return removed


def _abandoned(path: Path, process: int) -> bool:
    """Return whether the process that wrote a temporary file on this machine has ended."""
    if _alive(process) and time.time() - path.stat().st_mtime < _RECYCLED:
        return False
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def _alive(process: int) -> bool:
    if os.name == "nt":  # on Windows os.kill would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # the process belongs to another user
        return True
    return True


def _lock(descriptor: int) -> bool:
    """Take the lock of a temporary file, which ends with the process; return False if another holds it."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system has no locks
        return True
    return True


def _temporary(folder: Path) -> Path:
    return folder / f".convae-{_HOST}-{os.getpid()}-{secrets.token_hex(6)}.tmp"


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
def _explained(path: str | Path, handle: BinaryIO | None = None) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise _write_error(path, fault, handle) from fault


def _write_error(path: str | Path, fault: OSError, handle: BinaryIO | None = None) -> ConvaeError:
    if fault.errno in _FULL:
        written, needed = 0, 1
        with contextlib.suppress(OSError, ValueError):
            assert handle is not None
            written = os.fstat(handle.fileno()).st_size
            needed = max(written, handle.tell(), 1)
        free = shutil.disk_usage(os.path.realpath(Path(path).parent)).free + written
        return DiskFullError(path, needed, free, "free some space or choose another folder")
    why = _ADVICE.get(fault.errno or 0, fault.strerror or str(fault))
    return InputError(f"{path}: cannot be written: {why}")


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk, where the file system allows it.

    Without it, a rename is atomic all the same, but may be lost with the power.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def store(path: str | Path, data: bytes) -> Path:
    """Write bytes to a file whose folder exists, whole or not at all; return the path."""
    with atomic_write(path) as file:
        file.write(data)
    return Path(path)


def save_text(path: str | Path, text: str) -> Path:
    """Write text (an SVG) as UTF-8, whole or not at all; return the path."""
    return store(path, text.encode("utf-8"))
