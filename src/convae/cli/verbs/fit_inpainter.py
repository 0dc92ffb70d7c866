"""``convae fit inpainter``: train an inpainter."""

from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.parameters import InpainterParameters
from convae.config.setting import settings_of

PARAMETERS = settings_of(InpainterParameters)

_HELP = """Train a model that fills holes in images.

\b
  convae fit inpainter whole_images --out my.convae
  convae fit inpainter whole_images --out my.convae --holes strokes

The inpainter learns from whole images, in which it makes random holes. It starts from a classical fill, an
interpolation of the known pixels, and learns to correct it. No masks are needed for training; 'convae
inpaint' takes masks.

Next to the model are written MODEL.history.csv, MODEL.skipped.csv (if images could not be read) and
MODEL-report/ with report.html and pictures, measured on images that were held out from training and compared
with classical fills (also those of OpenCV, if it is installed). Ctrl-C stops and saves; --resume continues
exactly there.

Precedence, lowest to highest: defaults, --config, --set, command-line flags.
"""


@click.command("inpainter", cls=GroupedCommand, help=_HELP)
@images()
@parameters(PARAMETERS)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.estimators.restoration.inpainter import Inpainter

    job = FitJob(estimator=Inpainter)
    fit_and_report(job, fit.parameters(PARAMETERS, flags), fit, voice)
