"""What a fit shows while it runs: a bar on a terminal or in a notebook, lines in a log, or nothing."""

import contextlib
import html
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from convae.errors import InputError
from convae.report.plain_text import harmless
from convae.training.observers import Observer, Row, StepProgress
from convae.training.progress import (
    PREPARING,
    REDRAWN,
    Heartbeat,
    LivingTraining,
    MovingTraining,
    PlainTraining,
    epoch_line,
    rewritten_line,
)
from convae.training.surroundings import in_command, in_notebook, is_terminal, one_of_many

Verbose = bool | int | Literal["auto", "lines"]


@contextlib.contextmanager
def display(verbose: Verbose) -> Iterator[Observer | None]:
    """Yield the observer that shows a fit; None where nothing is to be shown.

    Args:
        verbose: ``auto`` shows a bar on a terminal and in a notebook, and nothing elsewhere, in a command of
            convae, or where the fit is one of many (a worker of a grid search). True shows it in any case: as
            a bar where there can be one, otherwise as lines. ``lines`` writes a line for each epoch, for
            logs. False shows nothing.

    Raises:
        InputError: for another value.
    """
    way = way_of(verbose)
    if way == "notebook":
        with NotebookTraining.shown() as bar:
            yield bar
    elif way == "bar":
        with rewritten_line() as progress:
            yield LivingTraining(progress)
    elif way == "lines":
        heartbeat = Heartbeat(_write)
        lines = PlainTraining(heartbeat.write)
        heartbeat.text = lines.text
        with heartbeat:
            yield lines
    else:
        yield None


def way_of(verbose: Verbose) -> str:
    """Return how a fit is shown: ``notebook``, ``bar``, ``lines``, or empty for not at all.

    Raises:
        InputError: ``verbose`` has another value than those of :func:`display`.
    """
    if isinstance(verbose, str) and verbose not in ("auto", "lines"):
        raise InputError(f"verbose must be 'auto', 'lines', True or False; got {verbose!r}")
    if not isinstance(verbose, str | bool | int | np.bool_ | np.integer):
        raise InputError(f"verbose must be 'auto', 'lines', True or False; got {verbose!r}")
    if verbose == "lines":
        return "lines"
    many = one_of_many()
    if not verbose or (verbose == "auto" and (many or in_command())):
        return ""
    if not many and in_notebook():
        return "notebook"
    if not many and is_terminal():
        return "bar"
    return "" if verbose == "auto" else "lines"


def _write(text: str) -> None:
    """Write a line to the log: stderr, or what a notebook shows without a red ground."""
    stream = sys.stdout if in_notebook() else sys.stderr
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or there is none
        stream.write(harmless(text) + "\n")
        stream.flush()


@dataclass(frozen=True)
class Bar:
    """A progress bar as a notebook shows it; as text where it shows no HTML.

    Attributes:
        done: the fraction that is done.
        text: next to the bar.
        messages: lines below it.
    """

    done: float
    text: str
    messages: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        lines = "".join(f"<div>{html.escape(harmless(line))}</div>" for line in self.messages)
        return (
            '<div style="font-variant-numeric:tabular-nums">'
            f'<progress value="{self.done:.4f}" max="1" style="width:12em"></progress> '
            f"{html.escape(harmless(self.text))}{lines}</div>"
        )

    def __repr__(self) -> str:
        return "\n".join([f"{self.done:4.0%}  {self.text}", *self.messages])


@dataclass
class NotebookTraining(MovingTraining):
    """An observer that changes one bar below the cell of a notebook."""

    handle: Any
    _messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._bar, self._drawn, self._epochs = Bar(0.0, PREPARING), 0.0, 0

    @classmethod
    @contextlib.contextmanager
    def shown(cls) -> Iterator["NotebookTraining"]:
        """Show a bar, and leave it as it is at the end."""
        from IPython.display import display as show

        bar = cls(show(Bar(0.0, PREPARING), display_id=True))
        try:
            yield bar
        finally:
            bar.draw()

    def message(self, text: str) -> None:
        """Show the message below the bar."""
        self._messages.append(text)
        self._bar = Bar(self._bar.done, self._bar.text, tuple(self._messages))
        self.draw()

    def step(self, moment: StepProgress) -> None:
        """Show the progress."""
        self._epochs = moment.epochs
        super().step(moment)

    def epoch(self, row: Row) -> None:
        """Show the results of the epoch: those of the last one are what the notebook keeps."""
        super().epoch(row)
        if row["train_loss"] is not None and self._epochs:
            done = min(row["epoch"] / self._epochs, 1.0)
            self.show(done, epoch_line(row, f"/{self._epochs}", None))

    def show(self, done: float, text: str) -> None:
        """Change the bar, but not more often than people can read."""
        self._bar = Bar(done, text, tuple(self._messages))
        if done >= 1 or time.monotonic() - self._drawn >= 1 / REDRAWN:
            self.draw()

    def draw(self) -> None:
        """Show the bar as it is now."""
        self._drawn = time.monotonic()
        self.handle.update(self._bar)
