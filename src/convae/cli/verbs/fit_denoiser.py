"""``convae fit denoiser``: train a network that removes noise from images."""

from dataclasses import replace
from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.settings_denoiser import DENOISER
from convae.cli.terminal.output import Voice

_HELP = """Learn to take the noise out of images.

\b
  convae fit denoiser clean_images --out my.convae
  convae fit denoiser clean_images --out my.convae --noise gaussian --sigma 0..55/255
  convae fit denoiser noisy_images --out my.convae --target clean_images
  convae fit denoiser noisy_images --out my.convae --learn noisy

It learns from clean images, to which it adds noise; from pairs, matched by name; or from noisy images
alone. Without being told it looks at the images, and says which of these it uses and why.

Beside the model come MODEL.history.csv, MODEL.skipped.csv (if images could not be read) and MODEL-report with
report.html and pictures, measured on images that were held out from training. Ctrl-C stops and saves;
--resume goes on exactly there. 'convae denoise' uses the model.

What is chosen where, later ones winning: defaults, --config, --set, flags.
"""


@click.command("denoiser", cls=GroupedCommand, help=_HELP)
@images()
@click.option(
    "--target",
    metavar="DATA",
    help="What the images should look like, matched by name; may have other channels.",
)
@parameters(DENOISER)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit, target: str | None) -> None:
    """The help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.cli.runs.fit_denoiser import measuring
    from convae.estimators.restoration.denoiser import Denoiser

    wanted = None
    if target is not None:
        wanted = replace(fit.data, given=(target,)).open()
    job = FitJob(estimator=Denoiser, measure=measuring(wanted), options={"target": wanted})
    fit_and_report(job, fit.parameters(DENOISER, flags), fit, voice)
