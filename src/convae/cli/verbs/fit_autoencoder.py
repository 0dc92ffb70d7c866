"""``convae fit autoencoder``: train the plain convolutional autoencoder."""

from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.parameters import AutoencoderParameters
from convae.config.setting import settings_of

PARAMETERS = settings_of(AutoencoderParameters)

_HELP = """Train the plain convolutional autoencoder on images.

\b
  convae fit autoencoder my_images --out my.convae
  convae fit autoencoder my_images --out my.convae --size 64 64 --channels 3
  convae fit autoencoder 'scans/**/*.tif' --out my.convae --preset pooled
  convae fit autoencoder my_images --out my.convae --config my.toml --set epochs=20

Next to the model are written MODEL.history.csv, MODEL.skipped.csv (if images could not be read) and
MODEL-report/ with report.html and pictures, measured on images that were held out from training. Ctrl-C stops
and saves; --resume continues exactly there.

Precedence, lowest to highest: defaults, --config, --set, command-line flags.
"""


@click.command("autoencoder", cls=GroupedCommand, help=_HELP)
@images()
@parameters(PARAMETERS)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    job = FitJob(estimator=ConvAutoencoder)
    fit_and_report(job, fit.parameters(PARAMETERS, flags), fit, voice)
