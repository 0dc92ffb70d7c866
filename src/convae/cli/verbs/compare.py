"""``convae compare``: compare models on the same images."""

from pathlib import Path
from typing import Any

import click

from convae.cli.options import (
    GroupedCommand,
    number_option,
    overwriting,
    path_option,
    reading,
    running,
)
from convae.cli.terminal.output import Voice

_HELP = """Compare models of one job: their errors, their cost, and the settings that differ.

\b
  convae compare a.convae b.convae --data my_images
  convae compare search/ --data my_images --out comparison.html
  convae compare a.convae b.convae
  convae compare a.convae b.convae --data noisy_images --target clean_images

RUN is a model file, or a folder, of which all model files are taken. With --data all models are measured on
the same images; those that any of them was trained on are left out. Each difference has a 95 % interval over
1,000 bootstrap resamples of the images, paired by image. Without --data the validation errors that the files
hold are compared, without intervals.

Autoencoders are compared by the squared error of their reconstructions, denoisers by PSNR, inpainters by the
squared error in the holes. Values are fractions of the range of the file type (0 is black, 1 is white), so
that models with different scaling compare. The training time is read from MODEL.history.csv next to a model.
"""


@click.command("compare", cls=GroupedCommand, help=_HELP)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--data", metavar="DATA", help="Images to measure on.")
@click.option("--target", metavar="DATA", help="For denoisers: the clean images, matched by name.")
@click.option(
    "--noise",
    metavar="KIND[:LEVEL]",
    help="For denoisers without --target: noise to add, such as gaussian:25/255.  [default: the middle of "
    "what the first model learnt with]",
)
@click.option(
    "--holes",
    metavar="KIND[:AMOUNT]",
    help="For inpainters: holes to make, such as boxes:0.2.  [default: those of the first model]",
)
@click.option(
    "--all", "every", is_flag=True, help="Also measure on images that a model was trained on."
)
@number_option(
    "--max-images",
    "most",
    default=2000,
    help="Largest number of images to measure; of more, take a random choice.",
)
@path_option("--out", metavar="FILE.html", help="Write the comparison as a page.")
@path_option("--csv", metavar="FILE.csv", help="Write one row for each model.")
@reading(split="test")
@overwriting
@running(seed=True)
def command(voice: Voice, **options: Any) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.compare import Comparing, run_compare

    names = ("data_dir", "download", "split", "channels_first", "max_pixels")
    where = {name: options.pop(name) for name in names}
    run_compare(Comparing(where=where, **options), voice)
