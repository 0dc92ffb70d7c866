"""Log lines as JSON, one object a line on stderr; a request has an id that the client gets, too."""

import json
import logging
import re
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_lock = threading.Lock()

Log = Callable[..., None]


def request_id(given: str | None) -> str:
    """Return the id that a client gave, if it is a harmless one, or else a new one.

    >>> request_id("order-7")
    'order-7'
    >>> len(request_id("<script>"))
    16
    """
    if given is not None and _ID.fullmatch(given):
        return given
    return secrets.token_hex(8)


def log(event: str, level: str = "info", **values: Any) -> None:
    """Write one line: time (UTC, ISO 8601), level, event, and values."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    line = json.dumps({"time": stamp, "level": level, "event": event, **values}, default=str)
    try:
        with _lock:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
    except (OSError, ValueError):  # nobody reads the log any more
        pass


def trace_of(error: BaseException) -> list[str]:
    """Return where an unexpected error came from, for one line of the log."""
    return [line.rstrip() for line in traceback.format_exception(error)][-12:]


class JsonHandler(logging.Handler):
    """Passes warnings and errors of uvicorn on as such lines."""

    def __init__(self, write: Log = log) -> None:
        super().__init__(logging.WARNING)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; its traceback is left out, because the application logs its own."""
        message = " ".join(record.getMessage().split())[:400]
        self._write("server", record.levelname.lower(), message=message)
