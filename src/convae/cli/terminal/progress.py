"""Progress of a verb on stderr: one rewritten line on a terminal, plain lines elsewhere."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from convae.training.observers import Quiet
from convae.training.progress import (
    Heartbeat,
    LivingTraining,
    Messages,
    PlainTraining,
    rewritten_line,
)
from convae.training.surroundings import is_terminal

if TYPE_CHECKING:
    from convae.cli.terminal.output import Voice

Counter = Callable[[int, int], None]


@contextlib.contextmanager
def training(voice: "Voice", *, runs: bool = False) -> Iterator[list[Quiet]]:
    """Yield the observers of a training run; with ``runs`` (many fits), single epochs are not printed."""
    if voice.quiet:
        yield []
    elif not is_terminal():
        heartbeat = Heartbeat(voice.note)
        lines = (Messages if runs else PlainTraining)(heartbeat.write)
        heartbeat.text = lines.text
        with heartbeat:
            yield [lines]
    else:
        with rewritten_line() as progress:
            yield [LivingTraining(progress)]


@contextlib.contextmanager
def counting(voice: "Voice", what: str) -> Iterator[Counter]:
    """Yield a function of (done, total) that shows progress: at once on a terminal, else every 30 seconds."""
    if voice.quiet:
        yield lambda done, total: None
        return
    if not is_terminal():
        state = [what]

        def keep(done: int, total: int) -> None:
            state[0] = f"{what}  {done:,} of {total:,}"

        heartbeat = Heartbeat(voice.note)
        heartbeat.text = lambda: state[0]
        with heartbeat:
            yield keep
        return
    with rewritten_line() as progress:
        task = progress.add_task(what, total=None, text=what)

        def show(done: int, total: int) -> None:
            text = f"{what}  {done:,} of {total:,}"
            progress.update(task, completed=done, total=max(total, 1), text=text)

        yield show
