"""``convae fit denoiser``: train a denoiser."""

from dataclasses import replace
from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.parameters import DenoiserParameters
from convae.config.setting import settings_of

PARAMETERS = settings_of(DenoiserParameters)

_HELP = """Train a model that removes noise from images.

\b
  convae fit denoiser clean_images --out my.convae
  convae fit denoiser clean_images --out my.convae --noise gaussian --sigma 0..55/255
  convae fit denoiser noisy_images --out my.convae --target clean_images
  convae fit denoiser noisy_images --out my.convae --learn noisy

The denoiser learns from clean images, to which it adds noise; from pairs of images, matched by name; or from
noisy images alone. By default it inspects the images, and prints which of these it uses and why. Each page of
a TIFF stack is an image of its own.

--noise and --sigma name noise to ADD: with them alone the images are taken for clean. For images that have
the noise already give --learn noisy.

Next to the model are written MODEL.history.csv, MODEL.skipped.csv (if images could not be read) and
MODEL-report/ with report.html and pictures, measured on images that were held out from training. Ctrl-C stops
and saves; --resume continues exactly there. 'convae denoise' uses the model.

Precedence, lowest to highest: defaults, --config, --set, command-line flags.
"""


@click.command("denoiser", cls=GroupedCommand, help=_HELP)
@images()
@click.option(
    "--target",
    metavar="DATA",
    help="Images as the results should look, matched by name (a.png for a.tif): clean images, or a second "
    "noisy image of each view. They may have another number of channels.",
)
@parameters(PARAMETERS)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit, target: str | None) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.estimators.restoration.denoiser import Denoiser

    wanted = None
    if target is not None:
        wanted = replace(fit.data, given=(target,)).open()
    job = FitJob(estimator=Denoiser, options={"target": wanted})
    fit_and_report(job, fit.parameters(PARAMETERS, flags), fit, voice)
