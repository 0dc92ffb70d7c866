"""Python's collector of garbage: while modules load there is none, and looking for it takes time."""

import contextlib
import gc
from collections.abc import Iterator

USUAL = gc.get_threshold()
LOADING = (100_000, 50, 50)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Collect rarely in here, until :func:`loaded` says that the work begins."""
    gc.set_threshold(*LOADING)
    try:
        yield
    finally:
        loaded()


def loaded() -> None:
    """Collect as usual from now on: images that nobody needs any more must go."""
    gc.set_threshold(*USUAL)
