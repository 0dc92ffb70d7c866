"""``convae info``: describe a model file."""

from pathlib import Path

import click

from convae.cli.options import GroupedCommand, speaking
from convae.cli.terminal.output import Voice

_HELP = """What a model file holds: its network, how it was trained, on what, and how good it is.

\b
  convae info my.convae
  convae info my.convae --json

Only the description in the file is read, not the weights.
"""


@click.command("info", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@speaking
def command(model: Path, voice: Voice) -> None:
    """The help is above."""
    from convae.cli.runs.info import describe

    describe(model, voice)
