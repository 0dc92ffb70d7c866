"""How much a server takes in at one time: a number of requests, and a number of bytes of their bodies."""

import math
import threading
from collections import deque

from convae.server.failures import BusyError

_REMEMBERED = 50  # durations from which the time until there is room again is estimated


class Admission:
    """Counts requests and bytes; more than the limits are refused at once, before anything is read.

    Args:
        requests: the largest number of requests at one time.
        held: the largest number of bytes of all bodies at one time.
    """

    def __init__(self, requests: int, held: int) -> None:
        self.limit, self.most_bytes = requests, held
        self.requests = self.bytes = 0
        self._lock = threading.Lock()
        self._seconds: deque[float] = deque([0.1], maxlen=_REMEMBERED)

    def enter(self) -> None:
        """Take in a request.

        Raises:
            BusyError: 503, there are as many as the limit.
        """
        with self._lock:
            if self.requests >= self.limit:
                raise BusyError(f"{self.limit} requests are being answered", self.retry_after())
            self.requests += 1

    def leave(self, held: int, seconds: float) -> None:
        """Let a request go, with the bytes that it held and the time that it took."""
        with self._lock:
            self.requests -= 1
            self.bytes -= held
            self._seconds.append(seconds)

    def hold(self, count: int) -> None:
        """Add bytes of a body.

        Raises:
            BusyError: 503, the bodies of all requests would be larger than the limit.
        """
        with self._lock:
            if self.bytes + count > self.most_bytes:
                raise BusyError("the images that are waiting fill the memory", self.retry_after())
            self.bytes += count

    def retry_after(self) -> int:
        """Return after how many whole seconds a client should try again, at least 1."""
        return max(1, min(60, math.ceil(sum(self._seconds) / len(self._seconds))))
