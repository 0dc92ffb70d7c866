"""``convae experiment stacking``: does stacking help? Three ways to train the same network, at equal cost."""

from typing import Any

import click

from convae.cli.experiment_options import Experiment, experimenting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.settings_experiments import ABLATION
from convae.cli.terminal.output import Voice

_HELP = """Does stacking help here? The same network trained in three ways at equal cost, several times each.

\b
  convae experiment stacking my_images
  convae experiment stacking my_images --seeds 5 --epochs 10 --widths 16,32 --out ablation.json
  convae experiment stacking mnist --max-images 5000

Levels alone; levels, then together; together from scratch. Cost is counted in multiplications, of training
and validation; epochs are whole, so the table has the cost that each way reached, and its processor time.
Errors are those of images on which nothing was chosen: others (--test), the test part of a set by name, or a
fifth of DATA. PCA with as many numbers stands beside. It ends in one sentence, by differences seed by seed.

Settings are those of 'convae fit stacked'.
"""


@click.command("stacking", cls=GroupedCommand, help=_HELP)
@images()
@parameters(ABLATION)
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    metavar="N",
    help="How often each way is trained, each time from another seed.",
)
@experimenting
@speaking
def command(voice: Voice, flags: dict[str, Any], seeds: int, experiment: Experiment) -> None:
    """The help is above."""
    from convae.cli.runs.experiment_stacking import ablate_and_tell

    ablate_and_tell(experiment, experiment.parameters(ABLATION, flags), seeds, voice)
