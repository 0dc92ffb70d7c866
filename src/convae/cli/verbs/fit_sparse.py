"""``convae fit sparse``: train a sparse autoencoder."""

from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.parameters import SparseParameters
from convae.config.setting import settings_of

PARAMETERS = settings_of(SparseParameters)

_HELP = """Train a sparse autoencoder on images: large codes with few active units per image.

\b
  convae fit sparse my_images --out my.convae
  convae fit sparse my_images --out my.convae --latent-dim 1024 --bottleneck top-k:0.02
  convae fit sparse my_images --out my.convae --code spatial --bottleneck winners:0.1
  convae units my.convae my_images --out units.html

Each unit can then stand for one feature of the images; 'convae units' shows which. The summary at the end
states how sparse the codes are.

Files, --resume and settings are as for 'convae fit autoencoder'.
"""


@click.command("sparse", cls=GroupedCommand, help=_HELP)
@images()
@parameters(PARAMETERS)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.estimators.autoencoders.sparse import SparseAutoencoder

    job = FitJob(estimator=SparseAutoencoder)
    fit_and_report(job, fit.parameters(PARAMETERS, flags), fit, voice)
