"""Keep track of the folders that a command makes; if it fails, empty ones are removed."""

from pathlib import Path

from convae.filesystem import folders

_made: list[Path] = []


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents.

    Raises:
        OSError: it cannot be made.
    """
    _made.extend(folders.make_folder(path))


def remove_made_folders(*, failed: bool) -> None:
    """If the command ``failed``, remove the folders it made that hold no file; then forget all."""
    made = list(_made)
    _made.clear()
    if failed:
        folders.remove_empty(made)
