"""``convae inpaint``: fill holes in images; results keep each file's format."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, computing, images, speaking, writing
from convae.cli.terminal.output import Voice

_HELP = """Images with their holes filled, as files with the same names, size, channels, depth and kind.

\b
  convae inpaint my.convae images --mask masks --out filled
  convae inpaint my.convae images --mask one_mask.png --out filled
  convae inpaint my.convae images --mask alpha --out filled
  convae inpaint my.convae images --find-damage --out filled

White in a mask is missing; --invert turns that round. Masks in a folder have the names of their images
(a.png or a_mask.png for a.jpg); 'alpha' takes what is transparent in the images. NaN and nodata pixels are
filled without being asked. --find-damage looks for damage that no mask tells of.

Known pixels come back bit for bit; JPEG files, which would change them, are written as PNG. holes.csv says
how much was missing in each image, the folder masks shows what was filled. Images that cannot be used are
skipped and listed in skipped.csv.
"""


@click.command("inpaint", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@writing
@click.option("--mask", metavar="DATA", help="What is missing: a file, a folder, or alpha.")
@click.option("--invert", is_flag=True, help="Black is missing, white is known.")
@click.option("--find-damage", is_flag=True, help="Look for damage as well, and fill it.")
@click.option(
    "--ensemble",
    is_flag=True,
    help="Average over eight flips and turns: a little better, eight times slower.",
)
@computing
@speaking
def command(
    model: Path,
    data: tuple[str, ...],
    out: Path,
    format: str | None,
    strict: bool,
    mask: str | None,
    invert: bool,
    find_damage: bool,
    ensemble: bool,
    device: str,
    voice: Voice,
    **where: Any,
) -> None:
    """The help is above."""
    from convae.cli.io.image_files import Writing
    from convae.cli.runs.inpaint import ARRAY, Filling, inpaint
    from convae.estimators.restoration.inpainter import Inpainter

    loaded = load_for(model, Inpainter, device=device)
    source = open_for(loaded, Data(given=data, **where))
    how = Writing(out=out, doing="inpainting", array=ARRAY, format=format, strict=strict)
    filling = Filling(mask=mask, invert=invert, find_damage=find_damage, ensemble=ensemble)
    inpaint(loaded, source, how, filling, voice)
