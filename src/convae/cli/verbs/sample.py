"""``convae sample``: generate new images."""

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

SOURCES = ("prior", "gaussian", "mixture")

_HELP = """Generate new images with a variational autoencoder.

\b
  convae sample my.convae --out samples.png
  convae sample my.convae --out samples -n 1000 --from mixture

Codes are sampled from a distribution (--from) and decoded. A .png file gets one picture of all images; a
folder gets one file for each image, with the size, channels and bit depth of the training images.
"""


@click.command("sample", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@path_option(
    "--out",
    metavar="PICTURE.png|DIR",
    help="Picture of all images, or folder to write one file per image into.",
    required=True,
)
@number_option("-n", "count", default=64, help="Number of images.")
@name_option(
    "--from",
    "from_",
    kind="density",
    known=SOURCES,
    default="prior",
    help="Distribution to sample codes from: the standard normal distribution (prior), or a normal "
    "distribution (gaussian) or a mixture of normal distributions (mixture) fitted to the codes of training "
    "images.",
)
@click.option(
    "--format",
    metavar="KIND",
    help="Kind of file to write: png, tiff, jpeg, ...  [default: png or tiff]",
)
@overwriting
@running(seed=True)
def command(
    model: Path,
    out: Path,
    count: int,
    from_: str,
    format: str | None,
    device: str,
    seed: int,
    voice: Voice,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.sample import Wanted, sample
    from convae.estimators.autoencoders.variational import VariationalAutoencoder

    loaded = load_for(model, VariationalAutoencoder, device=device)
    wanted = Wanted(count=count, from_=from_, seed=seed, format=format)
    sample(loaded, out, wanted, voice)
