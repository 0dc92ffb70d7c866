"""``convae evaluate``: measure a model and compare it with simple baselines."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import refuse_swapped
from convae.cli.options import (
    GroupedCommand,
    images,
    overwriting,
    path_option,
    running,
)
from convae.cli.terminal.output import Voice

_HELP = """Measure a model on images that it was not trained on, and compare it with baselines.

\b
  convae evaluate my.convae more_images
  convae evaluate my.convae more_images --json
  convae evaluate my.convae more_images --report evaluation/
  convae evaluate my_denoiser.convae noisy_images --target clean_images
  convae evaluate my_detector.convae test_images --report evaluation/

An autoencoder is compared with PCA of the same latent dimension, fitted on the same training images. A
denoiser is compared with the median filter and non-local means, on images to which noise is added, or on
noisy images with --target. Images that the model was trained on are left out, unless there are no others or
--all is given.

An anomaly detector is measured on labelled images: the sub-folders good, normal, ok and free hold normal
images, every other sub-folder holds one kind of defect. If there are no sub-folders, --labels reads the
labels from a CSV file. --masks gives the positions of the defects. The layout of MVTec AD (test,
ground_truth) is recognised. The output states how many normal images are false alarms and how many defective
images are detected at the threshold; AUROC, AP and AUPRO compare detectors with each other.
"""


@click.command("evaluate", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(split="test", for_model=True)
@click.option(
    "--all", "every", is_flag=True, help="Also measure on images that the model was trained on."
)
@click.option(
    "--target",
    metavar="DATA",
    help="For a denoiser: the clean images, matched by name.",
)
@click.option(
    "--labels",
    metavar="CSV",
    help="For a detector: CSV file with the columns name and label (normal: good, normal, ok, free or 0), "
    "or 'folder'.  [default: folder]",
)
@path_option(
    "--masks",
    metavar="DIR",
    help="For a detector: masks of the defects, matched by name; above half of the maximum is a defect.",
)
@path_option("--report", metavar="DIR", help="Write report.html and pictures into this folder.")  # fmt: skip
@overwriting
@running(seed=True)
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
    """Run the verb; the help is above."""
    from convae.cli.runs.defect_labels import images_of
    from convae.cli.runs.evaluate import Evaluating, evaluate_model
    from convae.estimators.registry import load
    from convae.model_reports.jobs import job_of

    refuse_swapped(model)
    loaded = load(model, device=device)
    given = Data(given=data, **where)
    if "labels" in job_of(loaded).takes:
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
