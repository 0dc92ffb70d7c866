"""Folders that a command creates; those that are still empty when it fails are removed."""

import contextlib
import os
from pathlib import Path

_made: list[Path] = []


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents."""
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    path.mkdir(parents=True, exist_ok=True)
    _made.extend(missing)


def remove_made_folders(*, failed: bool) -> None:
    """Remove the created folders that hold no file, if the command ``failed``; then forget all."""
    made = sorted(_made, key=lambda folder: -len(folder.parts))
    _made.clear()
    for folder in made if failed else ():
        for inner, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):  # it is not empty
                os.rmdir(inner)
