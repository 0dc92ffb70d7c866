"""``convae map``: draw a picture of a folder, similar images side by side."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import (
    GroupedCommand,
    Name,
    computing,
    images,
    overwriting,
    seeded,
    speaking,
)
from convae.cli.terminal.output import Voice

METHODS = ("pca", "tsne")

_HELP = """A picture of a folder: each image lies where its code lies.

\b
  convae map my.convae my_images --out map.png
  convae map my.convae my_images --out map.png --method tsne
  convae map my.convae my_images --out map.html

Codes of two numbers are taken as they are, longer ones by their first two principal components, or by t-SNE,
which keeps neighbours together and says nothing of distances. In map.png no picture covers another: each has
a cell of a grid, and where there are too many the most central of each cell is shown. In map.html every image
is a dot that shows itself under the pointer.
Frames and dots have the colour of the image's class where a sub-folder for each class gives one.
"""


@click.command("map", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="MAP",
    help="The file to write: .png or .html.",
)
@click.option(
    "--method",
    type=Name("method", METHODS),
    default="pca",
    show_default=True,
    metavar="|".join(METHODS),
    help="How codes of more than two numbers become two.",
)
@click.option(
    "--max-images",
    "most",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Images on the map; of more a random choice is taken.",
)
@overwriting
@computing
@seeded
@speaking
def command(
    model: Path,
    data: tuple[str, ...],
    out: Path,
    method: str,
    most: int,
    device: str,
    seed: int,
    voice: Voice,
    **where: Any,
) -> None:
    """The help is above."""
    from convae.cli.io.output_files import SKIPPED, named_after, output_file, planned
    from convae.cli.runs.map import Wanted, draw_map
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    out = output_file(out, ".png", ".html")
    planned(named_after(out, SKIPPED))
    loaded = load_for(model, ConvAutoencoder, device=device)
    source = open_for(loaded, Data(given=data, **where))
    draw_map(loaded, source, out, Wanted(method=method, most=most, seed=seed), voice)
