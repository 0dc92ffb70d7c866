"""Make garbage collection rare while modules load: there is no garbage then, and searching takes time."""

import contextlib
import gc
from collections.abc import Iterator

USUAL = gc.get_threshold()
LOADING = (100_000, 50, 50)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Collect rarely inside this block, until :func:`loaded` is called."""
    gc.set_threshold(*LOADING)
    try:
        yield
    finally:
        loaded()


def loaded() -> None:
    """Collect at Python's normal rate from now on, so that unused images are freed."""
    gc.set_threshold(*USUAL)
