"""What a watch has done: a line for each image, and a line before each so that nothing is done twice."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from convae.errors import InputError
from convae.filesystem.journal import Journal
from convae.filesystem.tables import escape, unescape
from convae.serving.new_files import NewFile, Stamp

NAME = "journal.jsonl"
HEAD, BEGUN, DONE, BAD = "watch", "begun", "done", "bad"


@dataclass(frozen=True)
class Head:
    """What the results of a folder were made with.

    Attributes:
        model: the SHA-256 of the model file.
        verb: what was done.
        options: the options that change results, as text.
    """

    model: str
    verb: str
    options: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"event": HEAD, "model": self.model, "verb": self.verb, "options": self.options}


@dataclass
class WatchJournal:
    """The journal of one folder of results.

    Attributes:
        journal: the file.
        done: the stamp of each finished image file, by name.
        files: the image file that a result belongs to, by the name of the result.
        bad: the reason of each image file that could not be used.
        counts: images with a result, and without one, of all runs.
    """

    journal: Journal
    done: dict[str, Stamp] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    @classmethod
    def opened(cls, path: Path, head: Head) -> Self:
        """Open the journal of a folder, and read what is done.

        Raises:
            InputError: it belongs to another model, verb or options, is damaged, or another process writes
                it.
        """
        found = cls(Journal(path))
        try:
            found._read(head)
        except BaseException:
            found.journal.__exit__()
            raise
        return found

    def _read(self, head: Head) -> None:
        first = True
        for entry in self.journal.entries():
            if first and entry != head.to_dict():
                raise InputError(
                    f"{self.journal.path}: its results were made with another model or other options: choose "
                    "another folder"
                )
            if not first:
                self._take(entry)
            first = False
        if first:
            self.journal.add(head.to_dict())

    def _take(self, entry: dict[str, Any]) -> None:
        try:
            event = entry["event"]
            if event == BEGUN:
                self.begun.update(map(unescape, entry["names"]))
                return
            name, (size, changed) = unescape(entry["name"]), entry["stamp"]
            self._note(name, (int(size), int(changed)), map(str, entry.get("files", ())))
            if event == BAD:
                self.bad[name] = str(entry["error"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.journal.path}: a line is not one of a watch ({error}); choose another folder"
            ) from error

    def _note(self, name: str, stamp: Stamp, files: Iterable[str]) -> None:
        self.done[name] = stamp
        self.begun.discard(name)
        self.bad.pop(name, None)
        for file in files:
            self.files[unescape(file)] = name

    def known(self, name: str, stamp: Stamp) -> bool:
        """Return whether a file with this content is done."""
        return self.done.get(name) == stamp

    def begin(self, files: Iterable[NewFile]) -> None:
        """Note files whose results are about to be written."""
        names = [one.name for one in files if one.name not in self.begun]
        if names:
            self.begun.update(names)
            self.journal.add({"event": BEGUN, "names": [escape(name) for name in names]})

    def may_replace(self, name: str, was_begun: bool, file: str) -> bool:
        """Return whether a result that exists is one of this image file.

        Args:
            name: of the image file.
            was_begun: whether an earlier run, which was ended, may have written it without noting it.
            file: the name of the result.
        """
        owner = self.files.get(file)
        return owner == name or (owner is None and was_begun)

    def finish(
        self, one: NewFile, files: list[str], images: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Note a finished image file; return its line."""
        entry = {
            "event": DONE,
            "name": escape(one.name),
            "stamp": list(one.stamp),
            "files": [escape(file) for file in files],
            "images": images,
        }
        self.journal.add(entry)
        self._note(one.name, one.stamp, files)
        return entry

    def refuse(self, one: NewFile, reason: str) -> dict[str, Any]:
        """Note an image file that cannot be used; return its line."""
        entry = {
            "event": BAD,
            "name": escape(one.name),
            "stamp": list(one.stamp),
            "error": escape(reason),
        }
        self.journal.add(entry)
        self._note(one.name, one.stamp, ())
        self.bad[one.name] = reason
        return entry

    def close(self) -> None:
        """Close the file."""
        self.journal.__exit__()
