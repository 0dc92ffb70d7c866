"""``convae experiment convolution``: do convolutions help, and from how many images on?"""

from typing import Any

import click

from convae.cli.experiment_options import Experiment, experimenting
from convae.cli.options import GroupedCommand, images, number_option, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.experiments import CONVOLUTION

_HELP = """Do convolutions help? Compare a convolutional autoencoder with a dense one and with PCA.

\b
  convae experiment convolution my_images
  convae experiment convolution mnist --counts 100,1000,10000 --seeds 5 --out convolution.json
  convae experiment convolution my_images --preset tutorial --latent-dim 8 --steps 500

All three have codes of one size and learn from the same images, over several numbers of training images. The
two networks make the same number of steps; the table lists what they cost. Errors are measured on images on
which nothing was chosen: those of --test, the test part of a set by name, or a fifth of DATA. Each seed takes
other training images and other weights. Intervals are 95 % intervals over the seeds, paired by seed.

With --out, a table (.csv), a chart (.svg) and a page (.html) of the same name are written next to the file.
"""


@click.command("convolution", cls=GroupedCommand, help=_HELP)
@images()
@parameters(CONVOLUTION)
@number_option(
    "--seeds", default=3, most=100, help="Number of seeds: everything is done once with each."
)
@experimenting
@speaking
def command(voice: Voice, flags: dict[str, Any], seeds: int, experiment: Experiment) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.experiment_convolution import run_convolution

    run_convolution(experiment, experiment.parameters(CONVOLUTION, flags), seeds, voice)
