"""What is read in one attempt: a few files, changed by a random generator."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Seed:
    """A valid input.

    Attributes:
        name: for people.
        files: contents by relative path; the first is the one that is opened.
        folder: whether the folder is opened in place of the first file.
    """

    name: str
    files: dict[str, bytes]
    folder: bool = False

    def write(self, folder: Path) -> Path:
        """Write the files; return what a reader is to open."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder if self.folder else folder / next(iter(self.files))

    def changed(self, name: str, content: bytes) -> "Seed":
        """The same with another content of one file."""
        return replace(self, files={**self.files, name: content})


Mutation = Callable[[bytes, bytes, random.Random], bytes]  # of a content, and of another seed's
Read = Callable[[Path], None]


@dataclass(frozen=True)
class Reader:
    """One door into convae.

    Attributes:
        name: for people and for the command line.
        seeds: valid inputs.
        read: opens and uses an input; raises what convae raises.
        edits: mutations that know the structure of the file.
        share: of the CPU time, compared with other readers.
        memory: bytes that one input may take. A few bytes of a kind that compresses can be a large picture.
    """

    name: str
    seeds: Callable[[Path], list[Seed]]
    read: Read
    edits: tuple[Mutation, ...] = ()
    share: float = 1.0
    memory: int = 400 * 2**20
