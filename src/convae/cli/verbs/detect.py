"""``convae detect``: detect anomalies: scores, p-values, heatmaps and regions."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, computing, images, overwriting, seeded, speaking
from convae.cli.terminal.output import Voice
from convae.errors import InputError

_HELP = """What is anomalous in images, where, and how surely.

\b
  convae detect my.convae new_images --out found
  convae detect --self my_images --out ranked

Into the folder go scores.csv (score and p-value of each image), regions.json (the parts that stand out),
heatmaps/ (float32 TIFFs, in standard deviations above normal images), overlays/ (the images with the
heatmap over them), detections/ (of each anomalous image: regions, heatmap, and the normal image that is
most like it),
report.html (verdicts, the histogram of scores, and the files of every image) and highest/ (its pictures).

With --self there is no model: the images are ranked by detectors that were fitted on the others of them, so
that the oddest come first. It suits a folder of which most is normal; nothing is promised then.
"""


@click.command("detect", cls=GroupedCommand, help=_HELP)
@click.argument("model", metavar="MODEL")
@images(required=False, for_model=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write into.",
)
@click.option("--self", "alone", is_flag=True, help="No MODEL: rank the images by themselves.")
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="With --self: a setting of 'convae fit anomaly'; can be given several times.",
)
@click.option("--strict", is_flag=True, help="Stop at an image that cannot be used.")
@overwriting
@computing
@seeded
@speaking
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
    """The help is above."""
    from convae.cli.runs.detect import Detecting, detect
    from convae.cli.runs.detect_self import rank_itself
    from convae.cli.settings import collect
    from convae.cli.settings_anomaly import ANOMALY
    from convae.estimators.anomaly.detector import AnomalyDetector

    how = Detecting(out=out, strict=strict)
    if alone:
        given = {"device": device, "random_state": seed, **collect(ANOMALY, pairs=pairs)}
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
