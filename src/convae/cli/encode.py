"""``convae encode``: images to their codes."""

from pathlib import Path
from typing import Any

import click

from convae.cli.data import Data, open_for
from convae.cli.options import computing, images, speaking
from convae.cli.voice import Voice

_HELP = """Images to their codes.

\b
  convae encode my.convae my_images --out codes.csv
  convae encode my.convae my_images --out codes.npy
  convae encode my.convae my_images --out codes.parquet

.csv and .parquet have the columns name, label (if the images have any) and code_0, code_1, ...; .npz has the
arrays codes, names and labels; beside codes.npy comes codes.names.csv. Spatial codes are (n, k, h, w) in
.npy and .npz, and flattened in the tables. Images that cannot be used are skipped and listed in skipped.csv.
"""


@click.command("encode", help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="CODES",
    help="The file to write: .npy, .npz, .csv or .parquet.",
)
@click.option("--strict", is_flag=True, help="Stop at an image that cannot be used.")
@computing
@speaking
def command(
    model: Path,
    data: tuple[str, ...],
    out: Path,
    strict: bool,
    device: str,
    seed: int,
    voice: Voice,
    **where: Any,
) -> None:
    """The help is above."""
    from convae.cli.code_files import SUFFIXES
    from convae.cli.encoding import encode
    from convae.cli.outputs import output_file
    from convae.estimators.registry import load

    out = output_file(out, *SUFFIXES)
    loaded = load(model, device=device)
    source = open_for(loaded, Data(given=data, **where))
    encode(loaded, source, out, voice, strict=strict)
