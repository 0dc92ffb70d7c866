"""``convae fit inpainter``: train a network that fills holes in images."""

from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.settings_inpainter import INPAINTER
from convae.cli.terminal.output import Voice

_HELP = """Learn to fill holes in images.

\b
  convae fit inpainter whole_images --out my.convae
  convae fit inpainter whole_images --out my.convae --holes strokes

It learns from whole images, in which it makes holes of its own, and starts from a classical fill. No masks
are needed to learn; 'convae inpaint' takes them.

Beside the model come MODEL.history.csv, MODEL.skipped.csv (if images could not be read) and MODEL-report with
report.html and pictures, measured on images that were held out from training, beside classical fills (those
of OpenCV as well where it is installed). Ctrl-C stops and saves; --resume goes on exactly there.

What is chosen where, later ones winning: defaults, --config, --set, flags.
"""


@click.command("inpainter", cls=GroupedCommand, help=_HELP)
@images()
@parameters(INPAINTER)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit) -> None:
    """The help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.cli.runs.fit_inpainter import measured
    from convae.estimators.restoration.inpainter import Inpainter

    job = FitJob(estimator=Inpainter, measure=measured)
    fit_and_report(job, fit.parameters(INPAINTER, flags), fit, voice)
