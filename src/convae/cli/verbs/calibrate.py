"""``convae calibrate``: set a new detection threshold without retraining."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, computing, images, overwriting, speaking
from convae.cli.terminal.output import Voice

_HELP = """Set the threshold of a detector anew, by normal images and without training.

\b
  convae calibrate my.convae more_good_images
  convae calibrate my.convae more_good_images --false-alarm-rate 0.005
  convae calibrate my.convae more_good_images --out stricter.convae

Of new normal images at most the fraction --false-alarm-rate will be called anomalous; 0.01 takes 99 images,
0.001 takes 999. Images that the model was trained on are left out. The model file is replaced, whole or not
at all, unless --out names another.
"""


@click.command("calibrate", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images()
@click.option(
    "--false-alarm-rate",
    "rate",
    type=float,
    metavar="RATE",
    help="What is promised.  [default: as before, or the lowest that the images can promise]",
)
@click.option(
    "--groups",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Columns name and group: images of one group count as one.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="MODEL.convae",
    help="Another file to write.  [default: MODEL itself]",
)
@overwriting
@computing
@speaking
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
    """The help is above."""
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
