"""Folders that are made when they are missing, and removed again if nothing came into them."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def make_folder(path: Path) -> list[Path]:
    """Make a folder and its missing parents; return those that were missing.

    Raises:
        OSError: it cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    path.mkdir(parents=True, exist_ok=True)
    return missing


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove the folders, and those in them, that hold no file."""
    for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
        for inner, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):  # it is not empty
                os.rmdir(inner)
