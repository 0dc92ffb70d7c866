"""``convae reconstruct``: encode images and decode them again."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, images, running, writing
from convae.cli.terminal.output import Voice

_HELP = """Encode images and decode them; results keep each file's name, size, channels, depth and format.

\b
  convae reconstruct my.convae my_images --out back
  convae reconstruct my.convae my_images --out back --format png
  convae reconstruct my.convae images.npy --out back

The pages of a multi-page file become one multi-page TIFF. Arrays (.npy, .npz, IDX, sets such as digits)
become one .npy file, or single images with --format. Images that cannot be used are skipped and listed in
skipped.csv.
"""


@click.command("reconstruct", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@writing
@running()
def command(
    model: Path,
    data: tuple[str, ...],
    out: Path,
    format: str | None,
    strict: bool,
    device: str,
    voice: Voice,
    **where: Any,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.reconstruct import reconstruct
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    loaded = load_for(model, ConvAutoencoder, device=device)
    source = open_for(loaded, Data(given=data, **where))
    reconstruct(loaded, source, out, voice, format=format, strict=strict)
