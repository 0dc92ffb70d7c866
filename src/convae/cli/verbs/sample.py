"""``convae sample``: sample new images."""

from pathlib import Path

import click

from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, Name, computing, overwriting, seeded, speaking
from convae.cli.terminal.output import Voice

SOURCES = ("prior", "gaussian", "mixture")

_HELP = """New images, drawn from what a variational autoencoder has learnt.

\b
  convae sample my.convae --out samples.png
  convae sample my.convae --out samples -n 1000 --from mixture

Into a file .png goes one picture of all of them; into a folder one file each, with the size, channels and
depth that the model was fitted on.
"""


@click.command("sample", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PICTURE.png|DIR",
    help="A picture of all, or the folder to write files into.",
)
@click.option(
    "-n",
    "count",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    metavar="N",
    help="How many.",
)
@click.option(
    "--from",
    "from_",
    type=Name("density", SOURCES),
    default="prior",
    show_default=True,
    metavar="|".join(SOURCES),
    help="What codes are drawn from: the standard normal distribution, or one fitted to those of training "
    "images.",
)
@click.option("--format", metavar="KIND", help="Kind of file: png, tiff, jpeg, ...")
@overwriting
@computing
@seeded
@speaking
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
    """The help is above."""
    from convae.cli.runs.sample import Wanted, sample
    from convae.estimators.autoencoders.variational import VariationalAutoencoder

    loaded = load_for(model, VariationalAutoencoder, device=device)
    wanted = Wanted(count=count, from_=from_, seed=seed, format=format)
    sample(loaded, out, wanted, voice)
