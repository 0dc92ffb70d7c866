"""``convae interpolate``: interpolate between two images."""

from pathlib import Path

import click

from convae.cli.io.models import load_for
from convae.cli.options import (
    GroupedCommand,
    name_option,
    number_option,
    overwriting,
    path_option,
    running,
)
from convae.cli.terminal.output import Voice

PATHS = ("linear", "spherical")

_HELP = """Interpolate between two images: decode codes between those of both.

\b
  convae interpolate my.convae first.png last.png --out way.png
  convae interpolate my.convae first.png last.png --out way --steps 30 --path spherical

A file .png gets one picture of all images; a folder gets one file for each image.
"""


@click.command("interpolate", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("last", type=click.Path(path_type=Path))
@path_option(
    "--out",
    metavar="PICTURE.png|DIR",
    help="Picture of all images, or folder to write one file per image into.",
    required=True,
)
@number_option("--steps", default=8, least=2, help="Number of images, including both ends.")
@name_option(
    "--path",
    kind="path",
    known=PATHS,
    default="linear",
    help="Interpolate along a straight line, or such that codes in between are as long as those at the ends.",
)
@click.option(
    "--format",
    metavar="KIND",
    help="Kind of file to write: png, tiff, jpeg, ...  [default: png or tiff]",
)
@overwriting
@running()
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
    """Run the verb; the help is above."""
    from convae.cli.runs.sample import interpolate
    from convae.estimators.autoencoders.variational import VariationalAutoencoder

    loaded = load_for(model, VariationalAutoencoder, device=device)
    interpolate(loaded, (first, last), out, voice, steps=steps, path=path, format=format)
