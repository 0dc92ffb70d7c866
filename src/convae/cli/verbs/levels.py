"""``convae levels``: show what each layer of a stacked autoencoder keeps of images."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import (
    GroupedCommand,
    images,
    number_option,
    overwriting,
    path_option,
    running,
)
from convae.cli.terminal.output import Voice

_HELP = """Draw the reconstructions by each layer (level) of a stacked autoencoder; print the errors.

\b
  convae levels my.convae my_images --out levels.png

The first row shows random images; the rows below show their reconstructions from level 1, the outermost
layer, to the code. After joint training, the reconstruction from a single layer may be worse than before.
"""


@click.command("levels", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@path_option("--out", metavar="LEVELS.png", help="Picture to write.", required=True)
@number_option("-n", "count", default=10, most=200, help="Number of images.")
@overwriting
@running(seed=True)
def command(
    model: Path,
    data: tuple[str, ...],
    out: Path,
    count: int,
    device: str,
    seed: int,
    voice: Voice,
    **where: Any,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.io.output_files import output_file
    from convae.cli.runs.levels import draw_levels
    from convae.estimators.autoencoders.stacked import StackedAutoencoder

    out = output_file(out, ".png")
    loaded = load_for(model, StackedAutoencoder, device=device)
    source = open_for(loaded, Data(given=data, **where))
    draw_levels(loaded, source, out, voice, count=count, seed=seed)
