"""Failures of a request: a status, one sentence, and headers; never a traceback."""

from collections.abc import Mapping


class RequestError(Exception):
    """A request that cannot be answered.

    Attributes:
        status: the HTTP status, 400 to 503.
        message: one sentence on what is wrong and what to do.
        headers: further headers of the response.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


class BusyError(RequestError):
    """The server has as much to do as it accepts; ``seconds`` says when to try again."""

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(
            503,
            f"{reason}; try again in {seconds} second{'s' * (seconds != 1)}",
            {"Retry-After": str(seconds)},
        )


class GoneError(Exception):
    """The client has closed the connection: nobody waits for an answer."""
