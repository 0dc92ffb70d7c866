"""``convae check``: the data doctor."""

from typing import Any

import click

from convae.cli.io.data import Data
from convae.cli.options import GroupedCommand, images, speaking
from convae.cli.terminal.output import Voice

_HELP = """Look at images before training: sizes, channels, depths, ranges, and what is wrong with them.

\b
  convae check my_images
  convae check my_images --json
  convae check my_images --strict && convae fit autoencoder my_images --out my.convae

Names unreadable files, exact and near duplicates (and which would leak across a split), constant and black
images, missing pixels and odd scaling, each with advice.
"""


@click.command("check", cls=GroupedCommand, help=_HELP)
@images()
@click.option(
    "--strict", is_flag=True, help="Exit code 2 if a file cannot be read or there is a problem."
)
@click.option(
    "--max-images",
    type=click.IntRange(1),
    metavar="N",
    help="Look at no more than this many, spread evenly.  [default: all]",
)
@speaking
def command(
    data: tuple[str, ...],
    strict: bool,
    max_images: int | None,
    voice: Voice,
    **where: Any,
) -> None:
    """The help is above."""
    from convae.cli.runs.check import check

    check(Data(given=data, **where), voice, strict=strict, max_images=max_images)
