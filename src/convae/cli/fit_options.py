"""Command-line options that all kinds of ``convae fit`` share."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data
from convae.cli.options import SETTINGS_OPTIONS, Function, overwriting, path_option
from convae.cli.settings import Values, collect
from convae.config.setting import Setting

MODEL_SUFFIX = ".convae"


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The options of a fit, without the parameters of the estimator.

    Attributes:
        data: the images.
        out: the model file.
        config, pairs: a TOML file, and ``name=value`` pairs.
        groups: a CSV file that names the group of each image.
        checkpoint: the folder of the checkpoint; None for one next to the model.
        checkpoint_every: seconds between checkpoints.
        resume: whether to continue from the checkpoint.
        restart: whether to discard the checkpoint.
        report: whether to write report.html and pictures.
        trackers: texts such as ``tensorboard:runs``.
    """

    data: Data
    out: Path
    config: Path | None = None
    pairs: tuple[str, ...] = ()
    groups: Path | None = None
    checkpoint: Path | None = None
    checkpoint_every: float = 60.0
    resume: bool = False
    restart: bool = False
    report: bool = True
    trackers: tuple[str, ...] = ()

    def parameters(self, table: Sequence[Setting], flags: dict[str, Any]) -> Values:
        """Collect the estimator's parameters from file, pairs and flags, see :func:`collect`."""
        return collect(table, config=self.config, pairs=self.pairs, flags=flags)

    @property
    def report_folder(self) -> Path:
        """The folder of the report: ``tiles-report`` for ``tiles.convae``."""
        return self.out.with_name(f"{self.out.stem}-report")


def command_line(*, resume: bool = False) -> str:
    """Return the typed command, quoted for the shell; with ``resume``, the command that resumes it."""
    words = [word for word in sys.argv[1:] if not (resume and word in ("--resume", "--restart"))]
    return shlex.join(["convae", *words, *(["--resume"] if resume else [])])


_OPTIONS = (
    path_option("--out", metavar="MODEL.convae", help="Model file to write.", required=True),
    *SETTINGS_OPTIONS,
    click.option(
        "--resume", is_flag=True, help="Continue an interrupted run exactly where it stopped."
    ),
    click.option(
        "--restart",
        is_flag=True,
        help="Start again and discard the checkpoint of an interrupted run.",
    ),
    path_option(
        "--checkpoint",
        metavar="DIR",
        help="Folder of the checkpoint.  [default: MODEL.convae.checkpoint]",
    ),
    click.option(
        "--checkpoint-every",
        type=click.FloatRange(0),
        default=60.0,
        metavar="SECONDS",
        help="Seconds between checkpoints; the first is saved after 5 seconds of training.  [default: 60]",
    ),
    click.option(
        "--report/--no-report",
        default=True,
        help="Write MODEL-report/ with report.html and pictures.",
    ),
    click.option(
        "--tracker",
        "trackers",
        multiple=True,
        metavar="KIND:FOLDER",
        help="Record the losses of each epoch in a folder for tensorboard, mlflow or wandb (Weights & "
        "Biases), such as tensorboard:runs; several times for several. Nothing is sent over the network.",
    ),
)


def fitting(function: Function) -> Function:
    """Add the options of all fits; the verb gets them as one :class:`Fit`."""

    @wraps(function)
    def gather(*args: Any, **options: Any) -> Any:
        data = Data.taken(options)
        own = {name: options.pop(name) for name in Fit.__dataclass_fields__.keys() - {"data"}}
        fit = Fit(data=data, **own)
        return function(*args, fit=fit, **options)

    decorated: Any = overwriting(gather)
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
