"""Suppress warnings and log lines of decoders, which convae reports in its own sentences.

Images are decoded in many threads, and ``warnings.catch_warnings`` replaces a list that all threads share.
Therefore one filter is put into that list, which only matches in a thread that is decoding at that moment;
warnings of other threads are unaffected.
"""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

_thread = threading.local()


def _decoding() -> bool:
    return getattr(_thread, "depth", 0) > 0


class _WhileDecoding:
    """Replaces the module pattern of a warning filter; matches by thread instead.

    scikit-learn copies filters by their ``pattern`` into its workers; this one matches no module.
    """

    pattern = r"(?!)"

    def match(self, module: str) -> bool:
        return _decoding()


class _DropWhileDecoding(logging.Filter):
    """Drops the log records of a thread that is decoding."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _decoding()


_IGNORE = ("ignore", None, Warning, _WhileDecoding(), 0)
_DROP = _DropWhileDecoding()


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings, and log lines of Pillow and tifffile, in this thread within the block."""
    filters = cast("list[Any]", warnings.filters)
    # Test runners and applications replace the list, so it is checked each time.
    if not filters or filters[0] is not _IGNORE:
        filters.insert(0, _IGNORE)
    _thread.depth = getattr(_thread, "depth", 0) + 1
    try:
        yield
    finally:
        _thread.depth -= 1


def _drop_logs() -> None:
    for name in ("tifffile", "PIL"):
        logging.getLogger(name).addFilter(_DROP)
    # A filter on a logger does not apply to the records of its children.
    for name in ("PIL.TiffImagePlugin", "PIL.PngImagePlugin", "PIL.Image"):
        logging.getLogger(name).addFilter(_DROP)


_drop_logs()
