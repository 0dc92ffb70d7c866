"""``convae evaluate``: a model measured on images, beside PCA."""

from pathlib import Path
from typing import Any

import click

from convae.cli.data import Data, open_for
from convae.cli.models import load_for
from convae.cli.options import computing, images, speaking
from convae.cli.voice import Voice

_HELP = """Measure a model on images, beside PCA with as many numbers per image.

\b
  convae evaluate my.convae more_images
  convae evaluate my.convae more_images --json
  convae evaluate my.convae more_images --report evaluation/

Images that the model was trained on are left out, unless there are no others or --all is given. PCA was
fitted on the same training images and is stored in the model.
"""


@click.command("evaluate", help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@images(split="test")
@click.option("--all", "every", is_flag=True, help="Also measure images that it was trained on.")
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="DIR",
    help="Write report.html and pictures into this folder.",
)  # fmt: skip
@computing
@speaking
def command(
    model: Path,
    data: tuple[str, ...],
    every: bool,
    report: Path | None,
    device: str,
    seed: int,
    voice: Voice,
    **where: Any,
) -> None:
    """The help is above."""
    from convae.cli.measured import said, told
    from convae.cli.outputs import SKIPPED, output_folder, write_skipped
    from convae.cli.progress import counting
    from convae.estimators.autoencoder import ConvAutoencoder
    from convae.evaluation import evaluate

    loaded = load_for(model, ConvAutoencoder, device=device)
    if report is not None:
        output_folder(report, what="--report")
    source = open_for(loaded, Data(given=data, **where))
    with counting(voice, "measuring") as progress:
        measured = evaluate(loaded, source, include_seen=every, progress=progress)
    page = None
    if report is not None:
        write_skipped(report / SKIPPED, measured.skipped)
        page = _report(loaded, measured, source, report, model.stem, seed)
    for line in told(measured, f"on {measured.images:,} images"):
        voice.answer(line)
    if page is not None:
        voice.say(f"report: {page}")
    voice.result(
        {"model_file": model, "data": source.description, **said(measured), "report": page}
    )


def _report(model: Any, measured: Any, source: Any, folder: Path, title: str, seed: int) -> Path:
    """Write the page and the pictures."""
    from convae.cli.fitting import command_line
    from convae.report.folder import write_folder
    from convae.report.occasion import Occasion
    from convae.report.of_model import report_of

    occasion = Occasion(
        title=f"{title}, measured",
        subtitle=f"On {source.description}",
        measured_on=f"{measured.images:,} images",
        command=command_line(),
        seed=seed,
    )
    return write_folder(folder, report_of(model, measured, source, occasion))
