"""``convae experiment stacking``: does stacking help? Three ways to train the same network, at equal cost."""

from typing import Any

import click

from convae.cli.experiment_options import Experiment, experimenting
from convae.cli.options import GroupedCommand, images, number_option, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.experiments import ABLATION

_HELP = """Does stacking help? Train the same network in three ways at equal cost, several times each.

\b
  convae experiment stacking my_images
  convae experiment stacking my_images --seeds 5 --epochs 10 --widths 16,32 --out ablation.json
  convae experiment stacking mnist --max-images 5000

The three ways are: each layer alone (levels alone); each layer, then all together (levels, then together);
all together from scratch. Cost is the number of multiplications of training and validation. Epochs are
whole, so costs agree only approximately: the table lists the cost and the processor time of each way. Errors
are measured on images on which nothing was chosen: those of --test, the test part of a set by name, or a
fifth of DATA. PCA of the same latent dimension is compared, too. The closing sentence is based on the
differences of each seed.

The settings are those of 'convae fit stacked'.
"""


@click.command("stacking", cls=GroupedCommand, help=_HELP)
@images()
@parameters(ABLATION)
@number_option(
    "--seeds", default=3, most=100, help="Number of seeds: each way is trained once with each."
)
@experimenting
@speaking
def command(voice: Voice, flags: dict[str, Any], seeds: int, experiment: Experiment) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.experiment_stacking import run_stacking

    run_stacking(experiment, experiment.parameters(ABLATION, flags), seeds, voice)
