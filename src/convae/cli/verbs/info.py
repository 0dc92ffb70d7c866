"""``convae info``: show what a model file holds."""

from pathlib import Path

import click

from convae.cli.options import GroupedCommand, speaking
from convae.cli.terminal.output import Voice

_HELP = """Show what a model file holds: the network, the training, the data, and the quality of the model.

\b
  convae info my.convae
  convae info my.convae --json

Only the description in the file is read, not the weights.
"""


@click.command("info", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@speaking
def command(model: Path, voice: Voice) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.info import describe

    describe(model, voice)
