"""``convae denoise``: remove noise from images."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, images, running, writing
from convae.cli.terminal.output import Voice

_HELP = """Remove noise from images; results keep each file's name, size, channels, bit depth and format.

\b
  convae denoise my.convae noisy_images --out denoised
  convae denoise my.convae noisy_images --out denoised --sigma 25/255
  convae denoise my.convae noisy_images --out denoised --ensemble

Each page of a TIFF stack is an image of its own; the results become a stack with the same pages. Without
--sigma the noise level is estimated in each image; levels.csv lists the estimates. Large images are computed
in overlapping tiles: there are no seams, the result is that of the whole image. Images that cannot be used
are skipped and listed in skipped.csv.
"""


@click.command("denoise", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@writing
@click.option(
    "--sigma",
    metavar="LEVEL",
    help="Standard deviation of the noise as a fraction of the range of the file type: 25/255 for 8-bit "
    "images, 400/65535 for 400 grey levels of 16-bit images.  "
    "[default: estimated in each image]",
)
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
    sigma: str | None,
    ensemble: bool,
    device: str,
    voice: Voice,
    **where: Any,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.io.image_files import Writing
    from convae.cli.runs.denoise import ARRAY, denoise, level_of
    from convae.estimators.restoration.denoiser import Denoiser

    loaded = load_for(model, Denoiser, device=device)
    level = level_of(sigma, loaded.plan_.depth)
    source = open_for(loaded, Data(given=data, **where))
    how = Writing(out=out, doing="denoising", array=ARRAY, format=format, strict=strict)
    denoise(loaded, source, how, voice, sigma=level, ensemble=ensemble)
