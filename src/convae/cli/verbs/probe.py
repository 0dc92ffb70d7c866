"""``convae probe``: measure what can be read from the codes."""

from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data, open_for
from convae.cli.io.models import load_for
from convae.cli.options import (
    GroupedCommand,
    images,
    number_option,
    overwriting,
    path_option,
    running,
)
from convae.cli.terminal.output import Voice

_HELP = """Measure how well labels can be predicted from the codes.

For comparison, the labels are also predicted from PCA of the same latent dimension, from the codes of an
untrained encoder and from the pixels.

\b
  convae probe my.convae my_images --labels folder
  convae probe my.convae my_images --labels labels.csv --out probe
  convae probe mnist.convae mnist --split test

LABELS is 'folder' (a sub-folder for each class; sets such as mnist have labels of their own), or a CSV file
with the columns name and label for classes, or name and target for numbers. The names are those that 'convae
check' shows; images without a label are left out.

Classes are predicted by nearest neighbours, by a linear classifier and by k-means; numbers by nearest
neighbours and by ridge regression. These predictors are fitted on about 70 % of the images and measured on
the rest. Images that the model was trained on are left out; if too few remain, they are used as well, and the
result says so. Brackets are 95 % intervals over 1,000 bootstrap resamples. Trustworthiness measures whether
neighbours by code are also neighbours by pixels; continuity measures the reverse.
"""


@click.command("probe", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(for_model=True)
@click.option(
    "--labels",
    default="folder",
    show_default=True,
    metavar="folder|FILE.csv",
    help="Labels to predict from the codes.",
)
@path_option(
    "--groups",
    metavar="FILE.csv",
    help="CSV file with the columns name and group: keep the images of a group on one side of the split.",
)
@number_option(
    "--max-images",
    "most",
    default=10_000,
    help="Largest number of images to use; of more, take a random choice.",
)
@path_option("--out", metavar="DIR", help="Write probe.csv and report.html into this folder.")
@overwriting
@running(seed=True)
def command(
    model: Path,
    data: tuple[str, ...],
    labels: str,
    groups: Path | None,
    most: int,
    out: Path | None,
    device: str,
    seed: int,
    voice: Voice,
    **where: Any,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.io.output_files import result_folder
    from convae.cli.runs.probe import Wanted, probe_model
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder

    if out is not None:
        result_folder(out)
    loaded = load_for(model, ConvAutoencoder, device=device)
    source = open_for(loaded, Data(given=data, **where))
    wanted = Wanted(labels=labels, groups=groups, most=most, seed=seed)
    probe_model(loaded, source, wanted, voice, out=out, title=model.stem)
