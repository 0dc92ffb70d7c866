"""``convae fit stacked``: train an autoencoder layer by layer, then as a whole."""

from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.parameters import StackedParameters
from convae.config.setting import settings_of

PARAMETERS = settings_of(StackedParameters)

_HELP = """Train a stacked autoencoder: layers one by one, each on the codes below, then together.

\b
  convae fit stacked my_images --out my.convae
  convae fit stacked my_images --out my.convae --level-epochs 3,3,2 --epochs 10 --noise gaussian:0.3
  convae levels my.convae my_images --out levels.png

The layers are called levels in options and results: level 1 is the outermost stage, the last level is the
code. Every verb that takes an autoencoder takes the result.

Files, --resume and settings are as for 'convae fit autoencoder'.
"""


@click.command("stacked", cls=GroupedCommand, help=_HELP)
@images()
@parameters(PARAMETERS)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.estimators.autoencoders.stacked import StackedAutoencoder

    job = FitJob(estimator=StackedAutoencoder)
    fit_and_report(job, fit.parameters(PARAMETERS, flags), fit, voice)
