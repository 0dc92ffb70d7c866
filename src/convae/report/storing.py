"""Files of a report on the disk: the whole new file or the old one, never a half."""

from pathlib import Path

from convae.filesystem.atomic import atomic_write


def store(path: str | Path, data: bytes) -> Path:
    """Write ``data`` to ``path``, whose folder exists; gives the path."""
    with atomic_write(path) as file:
        file.write(data)
    return Path(path)


def save_text(path: str | Path, text: str) -> Path:
    """Write text (an SVG) as UTF-8, whole or not at all; gives the path."""
    return store(path, text.encode("utf-8"))
