"""``convae inpaint``: fill holes in images."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, images, running, writing
from convae.cli.terminal.output import Voice

_HELP = """Fill holes in images; results keep each file's name, size, channels, bit depth and format.

\b
  convae inpaint my.convae images --mask masks --out filled
  convae inpaint my.convae images --mask one_mask.png --out filled
  convae inpaint my.convae images --mask alpha --out filled
  convae inpaint my.convae images --find-damage --out filled

White pixels of a mask are missing; with --invert black pixels are. One mask file of one page serves all
images and all their pages. Masks in a folder have the names of their images (a.png or a_mask.png for a.jpg),
and a mask for a stack has as many pages as the stack. 'alpha' fills what is transparent in the images. NaN
and nodata pixels are always filled. --find-damage also searches for damage that no mask marks.

Known pixels are kept bit for bit. A JPEG file would change them, therefore the result of a JPEG is a PNG,
unless --format demands another kind. holes.csv lists how much was missing in each image, the folder masks/
shows what was filled. Images that cannot be used are skipped and listed in skipped.csv.
"""


@click.command("inpaint", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@writing
@click.option(
    "--mask", metavar="DATA", help="Mask of the missing pixels: a file, a folder, or alpha."
)
@click.option(
    "--invert", is_flag=True, help="Black pixels of a mask are missing, white pixels are known."
)
@click.option("--find-damage", is_flag=True, help="Also search for damage, and fill it.")
@click.option(
    "--ensemble",
    is_flag=True,
    help="Average over eight flips and rotations: slightly better, eight times slower.",
)
@running()
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
    """Run the verb; the help is above."""
    from convae.cli.io.image_files import Writing
    from convae.cli.runs.inpaint import ARRAY, Filling, inpaint
    from convae.estimators.restoration.inpainter import Inpainter

    loaded = load_for(model, Inpainter, device=device)
    source = open_for(loaded, Data(given=data, **where))
    how = Writing(out=out, doing="inpainting", array=ARRAY, format=format, strict=strict)
    filling = Filling(mask=mask, invert=invert, find_damage=find_damage, ensemble=ensemble)
    inpaint(loaded, source, how, filling, voice)
