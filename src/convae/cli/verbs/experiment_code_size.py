"""``convae experiment code-size``: how many numbers do these images need?"""

from typing import Any

import click

from convae.cli.experiment_options import Experiment, experimenting
from convae.cli.options import GroupedCommand, images, number_option, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.experiments import CODE_SIZE

_HELP = """How many numbers do these images need? Measure an autoencoder with codes of several sizes.

\b
  convae experiment code-size my_images
  convae experiment code-size mnist --sizes 4,8,16,32,64 --seeds 5 --out code_size.json

An autoencoder is trained with codes of each size, and measured next to PCA of the same size, on images on
which nothing was chosen: those of --test, the test part of a set by name, or a fifth of DATA. The answer is
the smallest size tried that explains at most 5 percentage points less of the variance of the images than the
best size does. Intervals are 95 % intervals over the seeds.

'convae fit autoencoder --latent-dim auto' answers the same question by PCA alone, in seconds.

With --out, a table (.csv), a chart (.svg) and a page (.html) of the same name are written next to the file.
"""


@click.command("code-size", cls=GroupedCommand, help=_HELP)
@images()
@parameters(CODE_SIZE)
@number_option(
    "--seeds", default=3, most=100, help="Number of seeds: each network is trained once with each."
)
@experimenting
@speaking
def command(voice: Voice, flags: dict[str, Any], seeds: int, experiment: Experiment) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.experiment_code_size import run_code_size

    run_code_size(experiment, experiment.parameters(CODE_SIZE, flags), seeds, voice)
