"""``convae detect``: detect anomalies."""

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
from convae.errors import InputError

_HELP = """Detect anomalies: score, p-value, heatmap and regions for each image.

\b
  convae detect my.convae new_images --out found
  convae detect --self my_images --out ranked

Writes into the folder: scores.csv (score, p-value and verdict of each image: anomalous is 1 or 0),
regions.json (the anomalous regions), heatmaps/ (float32 TIFFs, in standard deviations above normal images),
overlays/ (the images with the heatmap over them), detections/ (for each anomalous image: regions, heatmap,
and the most similar normal image), report.html (verdicts, the histogram of scores, and the files of every
image) and highest/ (its pictures).

The p-value is the fraction of normal images with a score at least as high; an image is anomalous if it is at
most the false-alarm rate of the model. The exit code is 0 with or without anomalous images.

With --self there is no MODEL: each image is scored by a detector that was fitted on other images of the
folder, and the highest scores come first. Use it for a folder of mostly normal images; no false-alarm rate
is guaranteed.
"""


@click.command("detect", cls=GroupedCommand, help=_HELP)
@click.argument("model", metavar="MODEL")
@images(required=False, for_model=True)
@path_option("--out", metavar="DIR", help="Folder to write into.", required=True)
@click.option("--self", "alone", is_flag=True, help="Rank the images without a MODEL.")
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="With --self: set one setting of 'convae fit anomaly'. May be given several times.",
)
@click.option(
    "--strict", is_flag=True, help="Stop at an image that cannot be used, instead of skipping it."
)
@overwriting
@running(seed=True)
def command(
    model: str,
    data: tuple[str, ...],
    out: Path,
    alone: bool,
    pairs: tuple[str, ...],
    strict: bool,
    device: str,
    seed: int,
    voice: Voice,
    **where: Any,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.detect import Detecting, detect
    from convae.cli.runs.detect_self import rank_itself
    from convae.cli.settings import collect
    from convae.config.parameters import DetectorParameters
    from convae.config.setting import settings_of
    from convae.estimators.anomaly.detector import AnomalyDetector

    how = Detecting(out=out, strict=strict)
    if alone:
        given = {
            "device": device,
            "random_state": seed,
            **collect(settings_of(DetectorParameters), pairs=pairs),
        }
        rank_itself(Data(given=(model, *data), **where).open(), given, how, voice)
        return
    if pairs:
        raise InputError("--set goes with --self; a model has been fitted with its settings")
    if not data:
        raise InputError(
            "DATA is missing: name the images behind the model, or rank a folder by itself with --self"
        )
    loaded = load_for(Path(model), AnomalyDetector, device=device)
    detect(loaded, open_for(loaded, Data(given=data, **where)), how, voice)
