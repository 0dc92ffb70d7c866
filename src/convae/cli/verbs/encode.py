"""``convae encode``: encode images to codes."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, computing, images, overwriting, speaking
from convae.cli.terminal.output import Voice

_HELP = """Images to their codes.

\b
  convae encode my.convae my_images --out codes.csv
  convae encode my.convae my_images --out codes.npy
  convae encode my.convae my_images --out codes.parquet
  convae encode my.convae my_images --out maps.csv --layer encoder.1

.csv and .parquet have the columns name, label (if the images have any), sha256 (of the file or, in an array,
of the image's bytes), model (what made the code) and code_0, code_1, ...; .npz has the arrays codes, names,
labels, sha256 and model; beside codes.npy comes codes.names.csv with the columns. Spatial codes are
(n, k, h, w) in .npy and .npz, and flattened in the tables. Images that cannot be used are skipped and listed
beside the codes, in codes.skipped.csv.
"""


@click.command("encode", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="CODES",
    help="The file to write: .npy, .npz, .csv or .parquet.",
)
@click.option(
    "--layer",
    metavar="NAME",
    help="In place of the code what this layer gives, averaged over positions; 'convae info' lists them.",
)
@click.option("--strict", is_flag=True, help="Stop at an image that cannot be used.")
@overwriting
@computing
@speaking
def command(
    model: Path,
    data: tuple[str, ...],
    out: Path,
    layer: str | None,
    strict: bool,
    device: str,
    voice: Voice,
    **where: Any,
) -> None:
    """The help is above."""
    from convae.cli.io.code_writing import SUFFIXES, names_file
    from convae.cli.io.output_files import SKIPPED, named_after, output_file, planned
    from convae.cli.runs.encode import encode
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    out = output_file(out, *SUFFIXES)
    planned(named_after(out, SKIPPED), *([names_file(out)] if out.suffix.lower() == ".npy" else []))
    loaded = load_for(model, ConvAutoencoder, device=device)
    source = open_for(loaded, Data(given=data, **where))
    encode(loaded, source, out, voice, layer=layer, strict=strict)
