"""``convae search``: find the images most similar to a query image."""

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

METRICS = ("euclidean", "cosine")

_HELP = """Find the images most similar to a query image, by their codes.

\b
  convae encode my.convae my_images --out codes.npy
  convae search my.convae new.png --in codes.npy
  convae search my.convae new.png --in codes.npy --out found.csv --images my_images

DATA is one query image or several. Up to a million codes, the search compares each query with every code. For
more codes it uses an index, if faiss is installed (pip install faiss-cpu): the index is built once and kept
next to the codes; it is fast but may miss a few neighbours. --exact compares with every code all the same.

--out writes a table and, next to it, a picture (found.png) if the images are found: in --images, or by their
names relative to the folder of CODES, of the query, or the current folder.
"""


@click.command("search", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@path_option(
    "--in",
    "codes",
    metavar="CODES",
    help="File of codes, written by 'convae encode' with the same model.",
    required=True,
)
@number_option(
    "-k", "count", default=10, most=1000, help="Number of images to find for each query."
)
@name_option(
    "--metric", kind="metric", known=METRICS, default="euclidean", help="Distance between codes."
)
@click.option(
    "--images",
    "shown",
    metavar="DATA",
    help="The images that were encoded, for the picture.",
)
@path_option("--out", metavar="FILE.csv", help="Table to write; a picture is written next to it.")
@click.option("--exact", is_flag=True, help="Compare with every code, however many there are.")
@overwriting
@running()
def command(
    model: Path,
    data: tuple[str, ...],
    codes: Path,
    count: int,
    metric: str,
    shown: str | None,
    out: Path | None,
    exact: bool,
    device: str,
    voice: Voice,
    **where: Any,
) -> None:
    """Run the verb; the help is above."""
    from dataclasses import replace

    from convae.cli.io.output_files import output_file
    from convae.cli.runs.search import Wanted, search
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    if out is not None:
        out = output_file(out, ".csv")
        output_file(out.with_suffix(".png"), what="the picture of --out")
    loaded = load_for(model, ConvAutoencoder, device=device)
    given = Data(given=data, **where)
    source = open_for(loaded, given)
    pictured = None if shown is None else open_for(loaded, replace(given, given=(shown,)))
    wanted = Wanted(codes=codes, count=count, metric=metric, exact=exact)
    search(loaded, source, wanted, voice, out=out, images=pictured)
