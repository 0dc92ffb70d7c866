"""Handle Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 during training: finish the step, save, then stop."""

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

# SIGHUP: the terminal was closed (not handled if it is ignored, as under nohup). SIGUSR1: sent by batch
# systems before the time of a job ends (SLURM's --signal=USR1@90).
ASKED, IF_NOT_IGNORED = ("SIGINT", "SIGTERM"), ("SIGHUP", "SIGUSR1")


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped between two steps by the user or the system.

    Attributes:
        at: where training stopped, for people.
        signal: the signal's number (2 for Ctrl-C, 15 for SIGTERM, ...).
        saved: whether a checkpoint holds the state.
    """

    def __init__(self, at: str, signal: int, *, saved: bool) -> None:
        super().__init__(f"interrupted at {at}" + ("; the state is saved" if saved else ""))
        self.at, self.signal, self.saved = at, signal, saved


class Interrupt(contextlib.AbstractContextManager["Interrupt"]):
    """A context that records the first of these signals; the second has its normal effect."""

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    @property
    def requested(self) -> bool:
        """Whether training should stop."""
        return self.signal != 0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in ASKED + IF_NOT_IGNORED:
                self._take(name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def _take(self, name: str) -> None:
        number = getattr(signal, name, None)  # Windows lacks some of them
        if number is None:
            return
        before = signal.getsignal(number)
        if before is None:  # installed by code in another language, and not to be replaced
            return
        if name in IF_NOT_IGNORED and before == signal.SIG_IGN:
            return
        self._before[number] = signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
