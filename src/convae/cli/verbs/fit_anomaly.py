"""``convae fit anomaly``: train an anomaly detector on normal images."""

from dataclasses import replace
from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.config.parameters import DetectorParameters
from convae.config.setting import settings_of

PARAMETERS = settings_of(DetectorParameters)

_HELP = """Train an anomaly detector on normal images alone.

\b
  convae fit anomaly good_images --out my.convae
  convae fit anomaly good_images --out my.convae --false-alarm-rate 0.05
  convae fit anomaly good_images --out my.convae --groups parts.csv
  convae fit anomaly good_images --out my.convae --defects bad_images
  convae fit anomaly one_digit --out my.convae --method attributes

The images are split in three: for training, for adjusting the score, and for setting the threshold. A new
normal image is called anomalous with at most the probability --false-alarm-rate. This is an average over all
sets of images that could have set the threshold: with few of them, a single detector can have far more false
alarms. A rate of 0.01 needs 248 images, 99 of which set the threshold. --groups keeps several shots of one
part together and counts them as one. A few images with real defects (--defects) help to weight the components
of the score; to estimate how many are found, each is scored with weights that were found without it.

The command also writes, into the folder of the model, MODEL.history.csv, MODEL.skipped.csv (if images could
not be read) and MODEL-report/ with report.html and pictures, measured with synthetic defects in the images
that set the threshold. 'convae detect' uses the model, 'convae calibrate' changes its threshold. Ctrl-C stops
and saves; --resume continues.

Precedence, lowest to highest: defaults, --config, --set, command-line flags.
"""


@click.command("anomaly", cls=GroupedCommand, help=_HELP)
@images()
@click.option(
    "--defects",
    metavar="DATA",
    multiple=True,
    help="A few images with real defects, which help to weight the components of the score.",
)
@parameters(PARAMETERS)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit, defects: tuple[str, ...]) -> None:
    """The help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.estimators.anomaly.detector import AnomalyDetector

    known = replace(fit.data, given=defects).open() if defects else None
    job = FitJob(estimator=AnomalyDetector, options={"defects": known})
    fit_and_report(job, fit.parameters(PARAMETERS, flags), fit, voice)
