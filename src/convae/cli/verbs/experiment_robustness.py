"""``convae experiment robustness``: from which codes can labels be read when images are corrupted?"""

from typing import Any

import click

from convae.cli.experiment_options import Experiment, experimenting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.experiments import ROBUSTNESS

_HELP = """Compare plain, denoising, sparse and variational codes of corrupted images.

\b
  convae experiment robustness my_images
  convae experiment robustness my_images --labels labels.csv --epochs 10 --out robustness.json
  convae experiment robustness mnist --corruption gaussian:0.5 --corruption stripes:0.2 --corruption jpeg:10

Four autoencoders with the same network are trained on the training images, without labels. A linear
classifier and nearest neighbours (for numbers: ridge regression and neighbours) are then fitted to predict
the labels from the codes of clean training images. They are tested on clean and on corrupted images on which
nothing was fitted: those of --test, the test part of a set by name, or a fifth of DATA. PCA and the raw
pixels are compared, too. Brackets are 95 % intervals over 1,000 bootstrap resamples of the test images;
differences are paired.

LABELS is 'folder' (a sub-folder for each class; sets such as mnist have labels of their own), or a CSV file
with the columns name and label for classes, or name and target for numbers. The file also names the images
of --test.
"""


@click.command("robustness", cls=GroupedCommand, help=_HELP)
@images()
@click.option(
    "--labels",
    default="folder",
    show_default=True,
    metavar="folder|FILE.csv",
    help="Labels to read from the codes.",
)
@click.option(
    "--corruption",
    "corruptions",
    multiple=True,
    metavar="KIND:LEVEL",
    help="Corruption of the test images. May be given several times.  [default: gaussian:0.3, "
    "salt-and-pepper:0.2 and blur:1]",
)
@parameters(ROBUSTNESS)
@experimenting
@speaking
def command(
    voice: Voice,
    flags: dict[str, Any],
    labels: str,
    corruptions: tuple[str, ...],
    experiment: Experiment,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.experiment_robustness import run_robustness

    given = experiment.parameters(ROBUSTNESS, flags)
    run_robustness(experiment, given, labels, corruptions, voice)
