"""Rare garbage collection while modules load: there is no garbage then, and looking for it takes time."""

import contextlib
import gc
from collections.abc import Iterator

USUAL = gc.get_threshold()
LOADING = (100_000, 50, 50)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Collect garbage rarely inside this context, until it ends or :func:`loaded` is called."""
    gc.set_threshold(*LOADING)
    try:
        yield
    finally:
        loaded()


def loaded() -> None:
    """Restore the default thresholds: images that are no longer needed must be freed."""
    gc.set_threshold(*USUAL)
