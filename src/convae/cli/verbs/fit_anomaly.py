"""``convae fit anomaly``: learn from normal images to detect anomalies."""

from dataclasses import replace
from typing import Any

import click

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.settings_anomaly import ANOMALY
from convae.cli.terminal.output import Voice

_HELP = """Learn from normal images alone, to find what is not like them.

\b
  convae fit anomaly good_images --out my.convae
  convae fit anomaly good_images --out my.convae --false-alarm-rate 0.05
  convae fit anomaly good_images --out my.convae --groups parts.csv --flips --tune
  convae fit anomaly good_images --out my.convae --defects bad_images
  convae fit anomaly one_digit --out my.convae --method attributes

The images are split in three: to train on, to choose the score by, and to set the threshold with, so that of
new normal images at most the fraction --false-alarm-rate is called anomalous. 0.01 takes 99 images that
nothing else has seen; --groups keeps several shots of one part together and counts them once. A few images
with real defects (--defects) help to weigh what makes the score; each is then scored by what was learnt
without it, to say how well the detector will do.

Beside the model come MODEL.history.csv, MODEL.skipped.csv (if images could not be read) and MODEL-report with
report.html and pictures, measured by synthetic defects in the images that set the threshold. 'convae detect'
uses the model, 'convae calibrate' changes its threshold. Ctrl-C stops and saves; --resume goes on.

What is chosen where, later ones winning: defaults, --config, --set, flags.
"""


@click.command("anomaly", cls=GroupedCommand, help=_HELP)
@images()
@click.option(
    "--defects",
    metavar="DATA",
    multiple=True,
    help="A few images with real defects, which help to weigh what makes the score.",
)
@parameters(ANOMALY)
@fitting
@speaking
def command(voice: Voice, flags: dict[str, Any], fit: Fit, defects: tuple[str, ...]) -> None:
    """The help is above."""
    from convae.cli.runs.fit import FitJob, fit_and_report
    from convae.cli.runs.fit_anomaly import defective, measured
    from convae.estimators.anomaly.detector import AnomalyDetector

    known = defective(replace(fit.data, given=defects).open(), voice) if defects else None
    job = FitJob(estimator=AnomalyDetector, measure=measured, options={"defects": known})
    fit_and_report(job, fit.parameters(ANOMALY, flags), fit, voice)
