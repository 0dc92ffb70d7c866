"""``convae encode``: write the codes of images."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import (
    GroupedCommand,
    images,
    overwriting,
    path_option,
    running,
)
from convae.cli.terminal.output import Voice

_HELP = """Write the codes of images.

\b
  convae encode my.convae my_images --out codes.csv
  convae encode my.convae my_images --out codes.npy
  convae encode my.convae my_images --out codes.parquet
  convae encode my.convae my_images --out maps.csv --layer encoder.1

.csv and .parquet files have the columns name, label (if the images have labels), sha256 (of the file or, for
an array, of the bytes of the image), model (the model that made the code) and code_0, code_1, ...; .npz
files have the arrays codes, names, labels, sha256 and model; with codes.npy, the other columns are written
to codes.names.csv. A dense code is one vector for each image: the shape is (n, k) for n images and a latent
dimension of k. A spatial code is a vector at each position of a map: its shape is (n, k, h, w) in .npy and
.npz files, and in tables each code is one row of k * h * w numbers. Images that cannot be used are skipped
and listed next to the codes, in codes.skipped.csv.
"""


@click.command("encode", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@path_option(
    "--out", metavar="CODES", help="File to write: .npy, .npz, .csv or .parquet.", required=True
)
@click.option(
    "--layer",
    metavar="NAME",
    help="Write the output of this layer, averaged over positions, instead of the code; 'convae info' lists "
    "the layers.",
)
@click.option(
    "--strict", is_flag=True, help="Stop at an image that cannot be used, instead of skipping it."
)
@overwriting
@running()
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
    """Run the verb; the help is above."""
    from convae.cli.io.code_writing import SUFFIXES, names_file
    from convae.cli.io.output_files import SKIPPED, named_after, output_file, planned
    from convae.cli.runs.encode import encode
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    out = output_file(out, *SUFFIXES)
    planned(named_after(out, SKIPPED), *([names_file(out)] if out.suffix.lower() == ".npy" else []))
    loaded = load_for(model, ConvAutoencoder, device=device)
    source = open_for(loaded, Data(given=data, **where))
    encode(loaded, source, out, voice, layer=layer, strict=strict)
