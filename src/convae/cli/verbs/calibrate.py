"""``convae calibrate``: set a new detection threshold without retraining."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import (
    GroupedCommand,
    images,
    overwriting,
    path_option,
    running,
)
from convae.cli.terminal.output import Voice

_HELP = """Set a new detection threshold from normal images, without retraining.

\b
  convae calibrate my.convae more_good_images
  convae calibrate my.convae more_good_images --false-alarm-rate 0.005
  convae calibrate my.convae more_good_images --out stricter.convae

The images replace those that set the threshold before. A new normal image is then called anomalous with at
most the probability --false-alarm-rate. This is an average over all sets of images that could be given here:
with few of them, a single detector can have far more false alarms. A rate of 0.01 needs 99 images, 0.001
needs 999. Images that the model was trained on are left out. The model file is replaced, unless --out names
another file; if the command fails, it stays as it was.
"""


@click.command("calibrate", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@click.option(
    "--false-alarm-rate",
    "rate",
    type=float,
    metavar="RATE",
    help="Largest fraction of new normal images that may be called anomalous, on average.  [default: the "
    "rate of the model; with n images that are too few for it, 1 / (n + 1)]",
)
@path_option(
    "--groups",
    metavar="FILE.csv",
    help="CSV file with the columns name and group: count the images of a group as one.",
)
@path_option("--out", metavar="MODEL.convae", help="Model file to write.  [default: MODEL itself]")
@overwriting
@running()
def command(
    model: Path,
    data: tuple[str, ...],
    rate: float | None,
    groups: Path | None,
    out: Path | None,
    device: str,
    voice: Voice,
    **where: Any,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.calibrate import calibrate
    from convae.estimators.anomaly.detector import AnomalyDetector
    from convae.filesystem.run_files import current_run
    from convae.metrics.conformal import check_rate

    if out is None and (run := current_run()) is not None:
        run.allows(model)
    if rate is not None:
        check_rate(rate)
    loaded = load_for(model, AnomalyDetector, device=device)
    source = open_for(loaded, Data(given=data, **where))
    calibrate(loaded, source, out or model, voice, rate=rate, groups=groups)
