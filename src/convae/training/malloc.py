"""Keep freed memory in the process, so that training steps can use it again."""

import contextlib
import ctypes
from collections.abc import Iterator

# From glibc's malloc.h: the size above which blocks are mapped one by one, and the amount of free memory
# above which it is returned to the kernel.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_NEVER = 2**31 - 1
# The limit that glibc itself reaches in programs that free large blocks.
_USUAL_MMAP, _USUAL_TRIM = 2**25, 2**26


@contextlib.contextmanager
def steady_memory() -> Iterator[None]:
    """Keep freed memory in the process, on Linux; return the rest at the end.

    A step allocates its maps and frees them again. By default, glibc returns that memory to the kernel every
    time and gets it back page by page, and each page is cleared: this takes a fifth to a third of a training
    step.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, _NEVER) or libc.mallopt(_MMAP_THRESHOLD, _USUAL_MMAP)
    libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, _USUAL_MMAP)
        libc.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, "gnu_get_libc_version") else None
    except (OSError, TypeError):  # no such library, or Windows
        return None
