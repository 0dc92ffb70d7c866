"""``convae fit variational``: train a variational autoencoder."""

from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.parameters import VariationalParameters
from convae.config.setting import settings_of

PARAMETERS = settings_of(VariationalParameters)

_HELP = """Train a variational autoencoder on images: its codes follow a known distribution.

\b
  convae fit variational my_images --out my.convae
  convae fit variational my_images --out my.convae --latent-dim 32 --bottleneck gaussian:1,free_bits=0.1
  convae sample my.convae --out samples.png --from mixture

The loss chooses the likelihood: mse a Gaussian whose variance is fitted (nothing to tune), l1 a Laplace
distribution whose scale is fitted, bce black and white pixels. The summary at the end states how much
information the code holds; if the decoder ignores the code, it says so and what to do.

Files, --resume and settings are as for 'convae fit autoencoder'.
"""


@click.command("variational", cls=GroupedCommand, help=_HELP)
@images()
@parameters(PARAMETERS)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.estimators.autoencoders.variational import VariationalAutoencoder

    job = FitJob(estimator=VariationalAutoencoder)
    fit_and_report(job, fit.parameters(PARAMETERS, flags), fit, voice)
