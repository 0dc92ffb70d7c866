"""``convae map``: draw a map of a folder, similar images side by side."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import (
    GroupedCommand,
    images,
    name_option,
    number_option,
    overwriting,
    path_option,
    running,
)
from convae.cli.terminal.output import Voice

METHODS = ("pca", "tsne")

_HELP = """Draw a map of a folder: each image lies where its code lies.

\b
  convae map my.convae my_images --out map.png
  convae map my.convae my_images --out map.png --method tsne
  convae map my.convae my_images --out map.html

Codes of two numbers are drawn as they are. Longer codes are reduced to two numbers: to their first two
principal components, or by t-SNE, which keeps neighbours together but does not preserve distances. A .png
file shows the images in the cells of a grid, so that they do not overlap; of several images in one cell it
shows the most central one. A .html file shows a dot for each image, and the image itself under the pointer.
Frames and dots have the colour of the image's class, if each class has a sub-folder.
"""


@click.command("map", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@path_option("--out", metavar="MAP", help="File to write: .png or .html.", required=True)
@name_option(
    "--method",
    kind="method",
    known=METHODS,
    default="pca",
    help="How codes of more than two dimensions are reduced to two.",
)
@number_option(
    "--max-images",
    "most",
    default=10_000,
    help="Largest number of images on the map; of more, take a random choice.",
)
@overwriting
@running(seed=True)
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
    """Run the verb; the help is above."""
    from convae.cli.io.output_files import SKIPPED, named_after, output_file, planned
    from convae.cli.runs.map import Wanted, draw_map
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    out = output_file(out, ".png", ".html")
    planned(named_after(out, SKIPPED))
    loaded = load_for(model, ConvAutoencoder, device=device)
    source = open_for(loaded, Data(given=data, **where))
    draw_map(loaded, source, out, Wanted(method=method, most=most, seed=seed), voice)
