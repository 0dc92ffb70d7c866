"""Ctrl-C and SIGTERM while training: finish the step, save, then stop."""

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped between two steps by the user or the system.

    Attributes:
        at: where, for people.
        signal: the signal's number (2 for Ctrl-C, 15 for SIGTERM).
        saved: whether a checkpoint holds the state.
    """

    def __init__(self, at: str, signal: int, *, saved: bool) -> None:
        super().__init__(f"interrupted at {at}" + ("; the state is saved" if saved else ""))
        self.at, self.signal, self.saved = at, signal, saved


class Interrupt(contextlib.AbstractContextManager["Interrupt"]):
    """Notes the first SIGINT or SIGTERM; the second acts as if this were not here."""

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    @property
    def requested(self) -> bool:
        """Whether someone wants training to stop."""
        return self.signal != 0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if (
                    signal.getsignal(number) is not None
                ):  # else another language's, and not ours to move
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
