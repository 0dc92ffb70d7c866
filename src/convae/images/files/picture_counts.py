"""Detect files that may hold several pictures, by a few of their first bytes."""

import os

from convae.images.files.file_kinds import kind_of
from convae.images.files.png_chunks import SIGNATURE

# Kinds that hold one picture (of an MPO the first is read): they are not opened for a count.
_SINGLE = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".dib", ".tga", ".pcx", ".sgi", ".ico",
    ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".pfm",
)  # fmt: skip
_HEAD = 512
_GIF, _RIFF, _EXTENDED, _ANIMATED = b"GIF8", b"RIFF", b"VP8X", 2
_MOST_CHUNKS = 64  # before the pixels of a PNG


def may_hold_several(path: str) -> bool:
    """Return whether to count the pictures of a file: a stack, an animation, concatenated pictures.

    Not for a PNG or WebP without animation, nor for a file that cannot be opened: reading reports the reason.
    """
    if path.lower().endswith(_SINGLE):
        return False
    try:
        file = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except (OSError, ValueError):
        return False
    try:
        head = os.read(file, _HEAD)
        if head.startswith(SIGNATURE):
            return _is_animated_png(file, head)
    except OSError:
        return False
    finally:
        os.close(file)
    if head.startswith(_RIFF):
        return head[12:16] == _EXTENDED and bool(head[20] & _ANIMATED)
    return head.startswith(_GIF) or kind_of(head).reader in ("tiff", "netpbm")


def _is_animated_png(file: int, head: bytes) -> bool:
    """Return whether the animation chunk comes before the pixels, as it must."""
    at = len(SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        start = head[at : at + 8]
        if len(start) < 8:
            os.lseek(file, at, os.SEEK_SET)
            start = os.read(file, 8)
        if len(start) < 8 or start[4:] == b"IDAT":
            return False
        if start[4:] == b"acTL":
            return True
        at += 12 + int.from_bytes(start[:4], "big")
    return False
