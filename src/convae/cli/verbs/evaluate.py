"""``convae evaluate``: measure a model on images, compared with methods that need no training."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import refuse_swapped
from convae.cli.options import GroupedCommand, computing, images, overwriting, seeded, speaking
from convae.cli.terminal.output import Voice

_HELP = """Measure a model on images that it was not trained on, beside a baseline.

\b
  convae evaluate my.convae more_images
  convae evaluate my.convae more_images --json
  convae evaluate my.convae more_images --report evaluation/
  convae evaluate my_denoiser.convae noisy_images --target clean_images
  convae evaluate my_detector.convae test_images --report evaluation/

An autoencoder stands beside PCA with as many numbers per image, fitted on the same training images; a
denoiser beside the median filter and non-local means, on images to which noise is added, or on noisy images
with --target. Images that the model was trained on are left out, unless there are no others or --all is
given.

An anomaly detector is measured on labelled images: sub-folders good, normal, ok or free hold normal images,
all others one kind of defect each; --labels takes a CSV file instead, and --masks says where the defects
are. The layout of MVTec AD (test, ground_truth) is recognised.
"""


@click.command("evaluate", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(split="test", for_model=True)
@click.option("--all", "every", is_flag=True, help="Also measure images that it was trained on.")
@click.option(
    "--target",
    metavar="DATA",
    help="For a denoiser: what the images should look like, matched by name.",
)
@click.option(
    "--labels",
    metavar="CSV",
    help="For a detector: a file with the columns name and label (normal: good, normal, ok, free or 0), or "
    "'folder', the default.",
)
@click.option(
    "--masks",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="For a detector: masks of the defects, matched by name; above half of their maximum is a defect.",
)
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="DIR",
    help="Write report.html and pictures into this folder.",
)  # fmt: skip
@overwriting
@computing
@seeded
@speaking
def command(
    model: Path,
    data: tuple[str, ...],
    every: bool,
    target: str | None,
    labels: str | None,
    masks: Path | None,
    report: Path | None,
    device: str,
    seed: int,
    voice: Voice,
    **where: Any,
) -> None:
    """The help is above."""
    from convae.cli.runs.evaluate import Evaluating, evaluate_model
    from convae.cli.runs.evaluate_detector import images_of
    from convae.estimators.anomaly.detector import AnomalyDetector
    from convae.estimators.registry import load

    refuse_swapped(model)
    loaded = load(model, device=device)
    given = Data(given=data, **where)
    if isinstance(loaded, AnomalyDetector):
        given, found = images_of(given)
        masks = found if masks is None else masks
    source = open_for(loaded, given)
    plain = {**where, "channels": None, "values": None}
    what = Evaluating(
        path=model,
        every=every,
        target=None if target is None else Data(given=(target,), **where).open(),
        labels=labels,
        masks=None if masks is None else Data(given=(str(masks),), **plain).open(),
        report=report,
        seed=seed,
    )
    evaluate_model(loaded, source, what, voice)
