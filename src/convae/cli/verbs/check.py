"""``convae check``: inspect images before training."""

from typing import Any

import click

from convae.cli.io.data import Data
from convae.cli.options import GroupedCommand, images, speaking
from convae.cli.terminal.output import Voice

_HELP = """Inspect images before training: sizes, channels, depths, value ranges and problems.

\b
  convae check my_images
  convae check my_images --json
  convae check my_images --strict && convae fit autoencoder my_images --out my.convae

Lists unreadable files, constant and black images, missing pixels and unusual scaling, each with advice; also
exact and near duplicates, and those in both a train and a test folder: a model that has seen an image in
training is too good on its copy.
"""


@click.command("check", cls=GroupedCommand, help=_HELP)
@images()
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with code 2 if a file cannot be read or there is a problem.",
)
@click.option(
    "--max-images",
    type=click.IntRange(1),
    metavar="N",
    help="Check at most this many images, evenly spaced.  [default: all]",
)
@speaking
def command(
    data: tuple[str, ...],
    strict: bool,
    max_images: int | None,
    voice: Voice,
    **where: Any,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.check import check

    check(Data(given=data, **where), voice, strict=strict, max_images=max_images)
