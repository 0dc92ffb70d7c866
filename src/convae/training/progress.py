"""The progress of a training as text: a line for each epoch, or one line that is rewritten."""

import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from convae.report.plain_text import harmless
from convae.training.observers import Quiet, Row, StepProgress

if TYPE_CHECKING:
    from rich.progress import Progress

EVERY = 30.0  # longest time without a line, in seconds, where there is no terminal
# Redraws per second; rich's default, ten, takes two percent of the time of a small network.
REDRAWN = 4
PREPARING = "reading and preparing images"


def number(value: float | None) -> str:
    """Format a loss: four significant digits, or a dash.

    >>> number(0.0123456), number(None), number(float("nan"))
    ('0.01235', '-', 'nan')
    """
    return "-" if value is None else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Format a duration for people.

    >>> duration(7.4), duration(75), duration(7384)
    ('7 s', '1 min 15 s', '2 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Pace:
    """Estimates the remaining time of a run from the progress of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start: tuple[float, float] | None = None
        self._last = 0.0

    def left(self, done: float) -> float | None:
        """Return the seconds left when the fraction ``done`` of the run is done; None if not yet known."""
        now = self._clock()
        if self._start is None or done < self._last:  # the next of several runs begins
            self._start, self._last = (now, done), done
            return None
        self._last = done
        began, first = self._start
        if done <= first:
            return None
        return (now - began) / (done - first) * (1 - done)


class Heartbeat:
    """Writes the progress of a run if nothing was written for a while: logs show that the run is alive.

    Attributes:
        text: a function that returns the line to write.
    """

    def __init__(self, write: Callable[[str], None], every: float = EVERY) -> None:
        """Set up the heartbeat; it runs inside a ``with`` block.

        Args:
            write: a function that writes a line.
            every: the longest time without a line, in seconds.
        """
        self.text: Callable[[], str] = lambda: "still at work"
        self._write, self._every = write, every
        self._last = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="convae progress", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def write(self, text: str) -> None:
        """Write a line; the next line of the heartbeat is written ``every`` seconds later."""
        self._last = time.monotonic()
        self._write(text)

    def _beat(self) -> None:
        while not self._ended.wait(max(0.0, self._last + self._every - time.monotonic())):
            if time.monotonic() - self._last >= self._every:
                self.write(self.text())


class PlainTraining(Quiet):
    """An observer that writes one line for each epoch, for logs; :meth:`text` returns the current state."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write, self._pace, self._epochs = write, Pace(), 0
        self._began = time.monotonic()
        self._moment: StepProgress | None = None

    def text(self) -> str:
        """Return a line on the progress, also within an epoch."""
        moment = self._moment
        if moment is None:
            return f"{PREPARING}, {duration(time.monotonic() - self._began)}"
        left = self._pace.left(_fraction(moment))
        parts = [
            f"epoch {moment.epoch}/{moment.epochs}, step {moment.step:,} of {moment.steps:,}",
            f"loss {number(moment.loss)}",
            *([] if left is None else [f"{duration(left)} left"]),
        ]
        return "  ".join(parts)

    def message(self, text: str) -> None:
        """Write the message."""
        self._write(text)

    def step(self, moment: StepProgress) -> None:
        """Record the progress."""
        self._epochs, self._moment = moment.epochs, moment
        self._pace.left(_fraction(moment))

    def epoch(self, row: Row) -> None:
        """Write the line of the epoch."""
        of = f"/{self._epochs}" if self._epochs else ""
        done = row["epoch"] / self._epochs if self._epochs else 1.0
        left = self._pace.left(done) if 0 < done < 1 else None
        self._write(epoch_line(row, of, left))


def epoch_line(row: Row, of: str, left: float | None) -> str:
    """Return the line of an epoch."""
    if row["train_loss"] is None:
        return f"start  validation {number(row['validation_loss'])}"
    parts = [
        f"epoch {row['epoch']}{of}",
        f"loss {number(row['train_loss'])}",
        f"validation {number(row['validation_loss'])}",
        *code_text(row),
        f"{row['images_per_second']:,.0f} images/s",
    ]
    if left is not None and math.isfinite(left):
        parts.append(f"{duration(left)} left")
    return "  ".join(parts)


def code_text(row: Row) -> list[str]:
    """Return the information in a variational code or the use of a codebook, if the row has it."""
    if "used_entries" in row:
        used = row["used_entries"]
        entries = f"{used:,} {'entry' if used == 1 else 'entries'}"
        return [f"code of {entries}, perplexity {row['perplexity']:.1f}"]
    if "code_nats" not in row:
        return []
    return [f"code {row['code_nats']:.1f} nats in {row['active_numbers']} of {row['code_numbers']}"]


class Messages(PlainTraining):
    """An observer that writes messages but no epochs, for experiments of many fits, in logs."""

    def epoch(self, row: Row) -> None:
        """Write nothing."""


class MovingTraining(Quiet):
    """The base class of observers that show the progress in one place, which changes as training goes on."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._validation: float | None = None
        self._code: list[str] = []

    def show(self, done: float, text: str) -> None:
        """Show the progress: the fraction that is done, and a text."""
        raise NotImplementedError

    def step(self, moment: StepProgress) -> None:
        """Show the progress."""
        done = _fraction(moment)
        left = self._pace.left(done)
        rate = moment.images / moment.seconds if moment.seconds else 0.0
        text = [
            f"epoch {moment.epoch}/{moment.epochs}",
            f"loss {number(moment.loss)}",
            f"validation {number(self._validation)}",
            *self._code,
            f"{rate:,.0f} images/s",
            "" if left is None else f"{duration(left)} left",
        ]
        self.show(done, "  ".join(text))

    def epoch(self, row: Row) -> None:
        """Record the validation loss."""
        self._validation, self._code = row["validation_loss"], code_text(row)


class LivingTraining(MovingTraining):
    """An observer that rewrites one line of a terminal during training."""

    def __init__(self, progress: "Progress") -> None:
        super().__init__()
        self._progress = progress
        self._task = progress.add_task("training", total=1.0, text=PREPARING)

    def message(self, text: str) -> None:
        """Print the message above the line."""
        self._progress.console.print(harmless(text), markup=False, highlight=False)

    def show(self, done: float, text: str) -> None:
        """Rewrite the line."""
        self._progress.update(self._task, completed=done, text=text)


def _fraction(moment: StepProgress) -> float:
    return (moment.epoch - 1 + moment.step / moment.steps) / moment.epochs


def rewritten_line() -> Any:
    """Return a progress line of rich on stderr: a short bar and a text."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        BarColumn(bar_width=16),
        TextColumn("{task.fields[text]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=REDRAWN,
    )
