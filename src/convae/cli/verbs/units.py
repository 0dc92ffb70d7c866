"""``convae units``: show what each unit of a code stands for."""

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

_HELP = """Show what each unit of a code stands for: the images that activate it, and what it adds to them.

\b
  convae units my.convae my_images --out units.html
  convae units sparse.convae my_images --out units.html --compare-with plain.convae

A unit is one number of a dense code, or one map of a spatial code. The page is meant for sparse codes
('convae fit sparse'), in which few units are active for an image, but it works for all codes. If each class
has a sub-folder, the page also states how selective each unit is for one class, compared with principal
components and, with --compare-with, with another model.
"""


@click.command("units", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@path_option("--out", metavar="UNITS.html", help="File to write.", required=True)
@path_option(
    "--compare-with",
    metavar="MODEL",
    help="Another model, whose units are compared by their class selectivity.",
)
@number_option("--most", default=100, help="Largest number of units on the page.")
@number_option(
    "--max-images",
    default=10_000,
    help="Largest number of images to use; of more, take a random choice.",
)
@overwriting
@running(seed=True)
def command(
    model: Path,
    data: tuple[str, ...],
    out: Path,
    compare_with: Path | None,
    most: int,
    max_images: int,
    device: str,
    seed: int,
    voice: Voice,
    **where: Any,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.io.output_files import SKIPPED, named_after, output_file, planned
    from convae.cli.runs.units import Wanted, show_units
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    out = output_file(out, ".html")
    planned(named_after(out, SKIPPED))
    loaded = load_for(model, ConvAutoencoder, device=device)
    other = None if compare_with is None else load_for(compare_with, ConvAutoencoder, device=device)
    source = open_for(loaded, Data(given=data, **where))
    wanted = Wanted(
        most=most, images=max_images, seed=seed, compare_with=other, other_path=compare_with
    )
    show_units(loaded, source, out, wanted, voice)
