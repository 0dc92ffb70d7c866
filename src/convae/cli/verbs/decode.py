"""``convae decode``: decode codes into images."""

from pathlib import Path

import click

from convae.cli.io.models import load_for
from convae.cli.options import (
    GroupedCommand,
    overwriting,
    path_option,
    running,
)
from convae.cli.terminal.output import Voice

_HELP = """Decode codes into images: codes of 'convae encode', or your own.

\b
  convae decode my.convae codes.npy --out decoded
  convae decode my.convae codes.csv --out decoded --format tiff

CODES is a .npy, .npz, .csv or .parquet file as 'convae encode' writes it; the names in it become the file
names. The images have the size, channels and depth of the images that the model was fitted on.
"""


@click.command("decode", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("codes", type=click.Path(path_type=Path))
@path_option("--out", metavar="DIR", help="Folder to write into.", required=True)
@click.option(
    "--format",
    metavar="KIND",
    help="Kind of file to write: png, tiff, jpeg, ...  [default: by the name, else png or tiff]",
)
@overwriting
@running()
def command(
    model: Path,
    codes: Path,
    out: Path,
    format: str | None,
    device: str,
    voice: Voice,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.decode import decode
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    decode(load_for(model, ConvAutoencoder, device=device), codes, out, voice, format=format)
