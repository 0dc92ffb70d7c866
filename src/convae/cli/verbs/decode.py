"""``convae decode``: decode codes to images."""

from pathlib import Path

import click

from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, computing, overwriting, speaking
from convae.cli.terminal.output import Voice

_HELP = """Codes to images: of 'convae encode', or your own.

\b
  convae decode my.convae codes.npy --out decoded
  convae decode my.convae codes.csv --out decoded --format tiff

CODES is .npy, .npz, .csv or .parquet as 'convae encode' writes them; names in it become the names of the
files. The images have the size, channels and depth that the model was fitted on.
"""


@click.command("decode", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("codes", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write into.",
)
@click.option(
    "--format",
    metavar="KIND",
    help="Kind of file: png, tiff, jpeg, ...  [default: by the name, else png or tiff]",
)
@overwriting
@computing
@speaking
def command(
    model: Path,
    codes: Path,
    out: Path,
    format: str | None,
    device: str,
    voice: Voice,
) -> None:
    """The help is above."""
    from convae.cli.runs.decode import decode
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    decode(load_for(model, ConvAutoencoder, device=device), codes, out, voice, format=format)
