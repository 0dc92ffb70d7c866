"""``convae search``: find the images most similar to a query image."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, Name, computing, images, overwriting, speaking
from convae.cli.terminal.output import Voice

METRICS = ("euclidean", "cosine")

_HELP = """The images whose codes are nearest to that of an image.

\b
  convae encode my.convae my_images --out codes.npy
  convae search my.convae new.png --in codes.npy
  convae search my.convae new.png --in codes.npy --out found.csv --images my_images

DATA is one image or several. The search compares with every code, a few at a time. Of more than a million
codes it uses an index where faiss is installed (pip install faiss-cpu): built once, kept beside the
codes, quick and not quite complete; --exact compares with every code all the same.

--out writes the table and, beside it, a picture (found.png) where the images are found: under --images, or
where their names lead from the folder of CODES, of the query, or from here.
"""


@click.command("search", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@click.option(
    "--in",
    "codes",
    type=click.Path(path_type=Path),
    required=True,
    metavar="CODES",
    help="Codes of 'convae encode', by the same model.",
)
@click.option(
    "-k",
    "count",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    metavar="N",
    help="How many to find.",
)
@click.option(
    "--metric",
    type=Name("metric", METRICS),
    default="euclidean",
    show_default=True,
    metavar="|".join(METRICS),
    help="What is near.",
)
@click.option(
    "--images",
    "shown",
    metavar="DATA",
    help="The images that were encoded, for the picture.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Write what was found, and a picture beside it.",
)
@click.option("--exact", is_flag=True, help="Compare with every code, however many there are.")
@overwriting
@computing
@speaking
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
    """The help is above."""
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
