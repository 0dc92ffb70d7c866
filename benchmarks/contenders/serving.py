"""The child's side of a race: a contender works in portions and tells how long each took.

Requests and answers are JSON, one a line. ``{"do": "run", "amount": n}`` is answered with the seconds that n
units of work took, any other request by the measure of its name. Without a request nothing runs, so that
contenders which live side by side take turns. Standard output belongs to the answers: what libraries print
goes to standard error.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Facts = dict[str, Any]


class Gate:
    """What a contender passes after every step; it opens for as many as were asked for.

    Args:
        warmup: steps before the first answer, which says that the contender is ready.

    Attributes:
        left: steps until the gate closes.
        measures: what can be asked between two portions, by name.
    """

    def __init__(self, warmup: int) -> None:
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self.left = warmup
        self.measures: dict[str, Callable[[], Facts]] = {}
        self._amount, self._idle, self._began = warmup, 0.0, self.now()

    @staticmethod
    def now() -> float:
        """Seconds, as portions are measured in."""
        return time.perf_counter()

    def step(self) -> None:
        """A unit of work is done."""
        self.left -= 1
        if self.left <= 0:
            self.close()

    def idle(self, seconds: float) -> None:
        """So much of the portion was not work that is measured."""
        self._idle += seconds

    def close(self) -> None:
        """The portion is done: answer, and wait for the next."""
        seconds = self.now() - self._began - self._idle
        self.tell(seconds=seconds, amount=self._amount)
        self.left = self._amount = self._asked()
        self._idle, self._began = 0.0, self.now()

    def serve(self, work: Callable[[int], object]) -> None:
        """For what is no loop of its own: ``work(amount)`` for the warm-up and for each portion."""
        while True:
            work(self._amount)
            self.close()

    def tell(self, **facts: Any) -> None:
        """Answer, with the most memory that this process has held so far, in bytes."""
        print(json.dumps({**facts, "peak": peak()}), file=self._answers, flush=True)

    def _asked(self) -> int:
        while line := sys.stdin.readline():
            request = json.loads(line)
            if request["do"] == "run":
                return int(request["amount"])
            self.tell(**self.measures[request["do"]]())
        os._exit(0)  # whoever asked is gone; libraries take seconds to leave in order


def peak() -> int:
    """The most memory that this process has held, in bytes.

    On Linux ``getrusage`` would also count what its parent held when it was started.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        held = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(held.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
