"""``convae interpolate``: interpolate between two images."""

from pathlib import Path

import click

from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, Name, computing, overwriting, speaking
from convae.cli.terminal.output import Voice

PATHS = ("linear", "spherical")

_HELP = """Images on the way from one image to another, through their codes.

\b
  convae interpolate my.convae first.png last.png --out way.png
  convae interpolate my.convae first.png last.png --out way --steps 30 --path spherical

Into a file .png goes one picture of all of them; into a folder one file each.
"""


@click.command("interpolate", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("last", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PICTURE.png|DIR",
    help="A picture of all, or the folder to write files into.",
)
@click.option(
    "--steps",
    type=click.IntRange(2),
    default=8,
    show_default=True,
    metavar="N",
    help="Images in all, both ends included.",
)
@click.option(
    "--path",
    type=Name("path", PATHS),
    default="linear",
    show_default=True,
    metavar="|".join(PATHS),
    help="Straight, or with codes on the way as long as those at the ends.",
)
@click.option("--format", metavar="KIND", help="Kind of file: png, tiff, jpeg, ...")
@overwriting
@computing
@speaking
def command(
    model: Path,
    first: Path,
    last: Path,
    out: Path,
    steps: int,
    path: str,
    format: str | None,
    device: str,
    voice: Voice,
) -> None:
    """The help is above."""
    from convae.cli.runs.sample import interpolate
    from convae.estimators.autoencoders.variational import VariationalAutoencoder

    loaded = load_for(model, VariationalAutoencoder, device=device)
    interpolate(loaded, (first, last), out, voice, steps=steps, path=path, format=format)
