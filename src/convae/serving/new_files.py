"""Which files of a folder are new and complete, by looking at it again and again.

There is no other way that works on network drives. A file counts as complete once its size and modification
time have not changed for a while.
"""

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from convae.errors import InputError
from convae.images.sources.folder_listing import list_images

Stamp = tuple[int, int]  # size in bytes, modification time in nanoseconds


@dataclass(frozen=True)
class NewFile:
    """A file that is ready.

    Attributes:
        name: relative to the folder.
        stamp: by which its content is recognised.
    """

    name: str
    stamp: Stamp


class NewFiles:
    """Looks for files that are new and complete.

    Args:
        folder: where they appear, in sub-folders, too.
        settle: seconds for which a file must not change.
        ignored: folders within it that hold results.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        folder: Path,
        settle: float,
        *,
        ignored: Collection[Path] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self._settle, self._clock = folder, settle, clock
        self._ignored = [Path(os.path.realpath(path)) for path in ignored]
        self._seen: dict[str, tuple[Stamp, float]] = {}
        self.pending = 0

    def look(self, known: Callable[[str, Stamp], bool]) -> list[NewFile]:
        """Return the files that are ready, in natural order.

        Args:
            known: whether a file with this name and stamp is done already.

        Raises:
            InputError: the folder cannot be read now.
        """
        now, ready = self._clock(), list[NewFile]()
        seen: dict[str, tuple[Stamp, float]] = {}
        for name in self._names():
            stamp = stamp_of(self.folder / name)
            if stamp is None or known(name, stamp):
                continue
            before = self._seen.get(name)
            since = before[1] if before is not None and before[0] == stamp else now
            seen[name] = stamp, since
            if now - since >= self._settle:
                ready.append(NewFile(name, stamp))
        self._seen = seen
        self.pending = len(seen) - len(ready)
        return ready

    def again(self, name: str) -> None:
        """Wait once more until a file has not changed for a while."""
        self._seen.pop(name, None)

    def _names(self) -> list[str]:
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: the folder cannot be read now")
        return [name for name in list_images(self.folder).names if not self._is_result(name)]

    def _is_result(self, name: str) -> bool:
        if not self._ignored:
            return False
        path = Path(os.path.realpath((self.folder / name).parent))
        return any(path.is_relative_to(folder) for folder in self._ignored)


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a file; None if it is gone."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
