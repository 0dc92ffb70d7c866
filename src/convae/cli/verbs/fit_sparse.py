"""``convae fit sparse``: train an autoencoder with a large latent dimension and few active units."""

from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.settings_sparse import SPARSE
from convae.cli.terminal.output import Voice

_HELP = """Train a sparse autoencoder on images: codes of many numbers, few of which are on for an image.

\b
  convae fit sparse my_images --out my.convae
  convae fit sparse my_images --out my.convae --latent-dim 1024 --bottleneck top-k:0.02
  convae fit sparse my_images --out my.convae --code spatial --bottleneck winners:0.1
  convae units my.convae my_images --out units.html

Each number then stands for one thing that images have or have not; 'convae units' shows what. How sparse the
codes are is told at the end.

Files, --resume and settings are those of 'convae fit autoencoder'.
"""


@click.command("sparse", cls=GroupedCommand, help=_HELP)
@images()
@parameters(SPARSE)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit) -> None:
    """The help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.cli.runs.fit_autoencoder import measured
    from convae.estimators.autoencoders.sparse import SparseAutoencoder

    job = FitJob(estimator=SparseAutoencoder, measure=measured)
    fit_and_report(job, fit.parameters(SPARSE, flags), fit, voice)
