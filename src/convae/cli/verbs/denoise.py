"""``convae denoise``: remove noise from images; results keep each file's format."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, computing, images, speaking, writing
from convae.cli.terminal.output import Voice

_HELP = """Images without their noise, as files with the same names, size, channels, depth and kind.

\b
  convae denoise my.convae noisy_images --out denoised
  convae denoise my.convae noisy_images --out denoised --sigma 25/255
  convae denoise my.convae noisy_images --out denoised --ensemble

Without --sigma the level of the noise is estimated in each image; levels.csv lists it. Large images are
computed in tiles that give exactly what the whole would. Images that cannot be used are skipped and listed
in skipped.csv.
"""


@click.command("denoise", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@writing
@click.option(
    "--sigma",
    metavar="LEVEL",
    help="The level of the noise in grey levels of the file type: 25/255, or 25/65535 for 16-bit images.  "
    "[default: estimated]",
)
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
    sigma: str | None,
    ensemble: bool,
    device: str,
    voice: Voice,
    **where: Any,
) -> None:
    """The help is above."""
    from convae.cli.io.image_files import Writing
    from convae.cli.runs.denoise import ARRAY, denoise, level_of
    from convae.estimators.restoration.denoiser import Denoiser

    loaded = load_for(model, Denoiser, device=device)
    level = level_of(sigma, loaded.plan_.depth)
    source = open_for(loaded, Data(given=data, **where))
    how = Writing(out=out, doing="denoising", array=ARRAY, format=format, strict=strict)
    denoise(loaded, source, how, voice, sigma=level, ensemble=ensemble)
