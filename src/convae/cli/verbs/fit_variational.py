"""``convae fit variational``: train an autoencoder that can sample new images."""

from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.settings_variational import VARIATIONAL
from convae.cli.terminal.output import Voice

_HELP = """Train a variational autoencoder on images: its codes follow a known distribution.

\b
  convae fit variational my_images --out my.convae
  convae fit variational my_images --out my.convae --latent-dim 32 --bottleneck gaussian:1,free_bits=0.1
  convae sample my.convae --out samples.png --from mixture

The loss decides what an image is likely to be: mse a Gaussian whose width fits best (nothing to tune), l1 a
Laplace distribution likewise, bce black and white pixels. What the code holds is told at the end; a code that
is ignored is said to be, with what to do.

Files, --resume and settings are those of 'convae fit autoencoder'.
"""


@click.command("variational", cls=GroupedCommand, help=_HELP)
@images()
@parameters(VARIATIONAL)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit) -> None:
    """The help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.cli.runs.fit_autoencoder import measured
    from convae.estimators.autoencoders.variational import VariationalAutoencoder

    job = FitJob(estimator=VariationalAutoencoder, measure=measured)
    fit_and_report(job, fit.parameters(VARIATIONAL, flags), fit, voice)
