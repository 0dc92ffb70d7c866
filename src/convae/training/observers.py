"""Observers of a training run: progress, history files, trackers. None of them can change it."""

import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from convae.errors import FitWarning, brief, warn_user
from convae.training.surroundings import in_command, one_of_many

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class StepProgress:
    """The progress of a run after a step.

    Attributes:
        epoch, epochs: the current epoch (from 1) and the number of epochs.
        step, steps: steps done in this epoch, and its number of steps.
        loss: mean training loss of this epoch so far.
        images: images seen in this epoch so far.
        seconds: since the epoch began (in this process).
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    images: int
    seconds: float


class Observer(Protocol):
    """The methods called during training; subclass :class:`Quiet` to leave out those that are not needed."""

    def message(self, text: str) -> None:
        """Receive a message for the user, once."""

    def step(self, progress: StepProgress) -> None:
        """Receive the progress after a step; called at most a few times a second."""

    def epoch(self, row: Row) -> None:
        """Receive ``row``, the row of the history for an epoch that is done."""


class Quiet:
    """An observer that does nothing; a base class for observers that need only some of the methods.

    An observer may have the methods :meth:`begin` and :meth:`end`, too, which are called before and after
    each training; a fit may consist of several.

    Attributes:
        may_fail: whether an error of this observer is reported and the observer dropped; otherwise its error
            stops the training.
    """

    may_fail = False

    def begin(self, settings: dict[str, object]) -> None:
        """Ignore the settings of a training that begins."""

    def end(self) -> None:
        """Ignore the end of a training."""

    def message(self, text: str) -> None:
        """Ignore."""

    def step(self, progress: StepProgress) -> None:
        """Ignore."""

    def epoch(self, row: Row) -> None:
        """Ignore."""


_warned_of = set[str]()  # in this process, by fits that are among many


class Observers(Quiet):
    """Several observers as one; steps are passed on at most every ``interval`` seconds.

    Args:
        observers: all of them.
        interval: seconds.
        display: what the user sees of the fit, in addition; it shows no warnings, which Python shows.
        warns: whether :meth:`warn` gives warnings of Python; not for fits that a user did not ask for.
    """

    def __init__(
        self,
        observers: Sequence[Observer],
        interval: float = 0.2,
        *,
        display: Observer | None = None,
        warns: bool = False,
    ) -> None:
        self._display = display
        self._observers = [*observers, *([] if display is None else [display])]
        self._interval = interval
        self._last = 0.0
        self._warns = warns
        self._warned = set[str]()

    def message(self, text: str) -> None:
        """Pass the message to all."""
        self._call("message", text)

    def begin(self, settings: dict[str, object]) -> None:
        """Pass the settings of a training that begins to the observers that have this method."""
        self._call("begin", settings)

    def end(self) -> None:
        """Pass the end of a training to the observers that have this method."""
        self._call("end")

    def warn(self, text: str) -> None:
        """Pass on what limits the result: as a message, and as a :class:`~convae.errors.FitWarning`, once.

        A command of convae prints the message, and gives no warning. Of many fits (a grid search), the first
        in each process gives the warning.
        """
        self._call("message", text, shown=False)
        known = _warned_of if one_of_many() else self._warned
        if self._warns and text not in known and not in_command():
            known.add(text)
            warn_user(FitWarning(text))

    def due(self) -> bool:
        """Return whether it is time to call :meth:`step` again."""
        return bool(self._observers) and time.monotonic() - self._last >= self._interval

    def step(self, progress: StepProgress) -> None:
        """Pass the progress to all."""
        self._last = time.monotonic()
        self._call("step", progress)

    def epoch(self, row: Row) -> None:
        """Pass the row to all."""
        self._call("epoch", row)

    def _call(self, method: str, *values: object, shown: bool = True) -> None:
        """Call a method of all observers, or of those that are not the display; drop those that may fail."""
        for observer in list(self._observers):
            if observer is self._display and not shown:
                continue
            try:
                if (function := getattr(observer, method, None)) is not None:
                    function(*values)
            except Exception as error:  # of a library that is not ours
                if not getattr(observer, "may_fail", False):
                    raise
                self._drop(observer, error)

    def _drop(self, observer: Observer, error: Exception) -> None:
        self._observers.remove(observer)
        text = (
            f"{type(observer).__name__} failed and is left out from here on; the training continues "
            f"({type(error).__name__}: {brief(error, 300)})"
        )
        if self._observers:
            self.message(text)
        else:
            warnings.warn(text, UserWarning, stacklevel=2)


class Once(Observers):
    """Several observers as one, for many fits of the same images: each message is passed on once."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        super().__init__(list(observers))
        self._sent: set[str] = set()

    def message(self, text: str) -> None:
        """Pass the message to all, the first time."""
        if text not in self._sent:
            self._sent.add(text)
            super().message(text)
