"""Names of output files for images: relative, and no longer than a file system allows."""

import hashlib
import os
import re
from pathlib import PurePosixPath

LONGEST = 255  # bytes of a file name on every common file system


def below(name: str) -> str:
    """Return a relative path for an image of any name.

    >>> below("a/b.png"), below("../../etc/passwd"), below("stack.tif[7]")
    ('a/b.png', 'etc/passwd', 'stack.tif-000007')
    """
    page = re.fullmatch(r"(.*)\[(\d+)\]", name, flags=re.DOTALL)
    if page is not None:
        name = f"{page[1]}-{int(page[2]):06d}"
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..", ".")]
    return str(PurePosixPath(*parts)) if parts else "image"


def with_added_suffix(name: str, suffix: str) -> str:
    """Return a name with an added suffix; a name that is too long is cut and gets 8 digits of its SHA-256.

    >>> with_added_suffix("a/b.jpg", ".png")
    'a/b.jpg.png'
    >>> len(with_added_suffix("n" * 255, ".png"))
    255
    """
    path = PurePosixPath(name + suffix)
    if len(os.fsencode(path.name)) <= LONGEST:
        return name + suffix
    last = os.fsencode(PurePosixPath(name).name)
    end = f"~{hashlib.sha256(last).hexdigest()[:8]}{suffix}"
    start = last[: LONGEST - len(end.encode())].decode("utf-8", errors="ignore")
    return str(path.with_name(start + end))


def mask_name(name: str) -> str:
    """Return the name of an image's mask file, different from that of any other image.

    >>> mask_name("a/b.jpg"), mask_name("stack.tif[7]")
    ('a/b.jpg.png', 'stack.tif-000007.png')
    """
    return with_added_suffix(below(name), ".png")
