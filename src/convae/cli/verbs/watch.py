"""``convae watch``: results for every image file that appears in a folder."""

from pathlib import Path

import click

from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, path_option, running
from convae.cli.terminal.output import Voice

_HELP = """Watch a folder and write a result for every image file that appears in it.

\b
  convae watch clean.convae incoming --out denoised
  convae watch board.convae incoming --out found --until-idle 60
  convae watch board.convae incoming --out found --move-bad unusable

What is done is the job of the model: denoise, inpaint, detect or reconstruct. A file is taken once its size
and its modification time have not changed for --settle seconds; files that are there at the start are taken,
too. stdout gets one JSON object for each file, and journal.jsonl in the folder of the results keeps them. A
watch that was ended, also by a power failure, goes on when the same command is given again: each file gets
its result once. A file that changes gets a new result.

Files that cannot be used are tried twice, and then listed with the reason; they stay where they are, unless
--move-bad names a folder. Ctrl-C or SIGTERM stops the watch after the file at hand, with exit code 0.
"""
SECONDS = click.FloatRange(min=0, max=86_400)


@click.command("watch", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@path_option("--out", metavar="DIR", help="Folder to write into.", required=True)
@click.option(
    "--interval",
    type=click.FloatRange(min=0.05, max=3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two looks at the folder.",
)
@click.option(
    "--settle",
    type=SECONDS,
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Time for which a file must not change before it is read.",
)
@click.option(
    "--until-idle",
    type=SECONDS,
    metavar="SECONDS",
    help="Stop once there was nothing to do for this time.  [default: never]",
)
@path_option("--move-bad", metavar="DIR", help="Folder to move files into that cannot be used.")
@click.option("--strict", is_flag=True, help="Exit with 2 if files could not be used.")
@click.option(
    "--format",
    metavar="KIND",
    help="Kind of file to write: png, tiff, jpeg, ...  [default: that of each image]",
)
@click.option(
    "--sigma", metavar="LEVEL", help="Of a denoiser: noise level, as 'convae denoise' has."
)
@click.option(
    "--ensemble", is_flag=True, help="Of a denoiser or inpainter: average over eight views."
)
@click.option(
    "--mask", metavar="FILE|alpha", help="Of an inpainter: mask for all images, or their opacity."
)
@click.option("--invert", is_flag=True, help="Of an inpainter: black is missing in the mask.")
@click.option("--find-damage", is_flag=True, help="Of an inpainter: search damage and fill it.")
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    metavar="N",
    help="Largest height times width of an image that is read.  [default: 100,000,000]",
)
@running()
def command(
    model: Path,
    folder: Path,
    out: Path,
    interval: float,
    settle: float,
    until_idle: float | None,
    move_bad: Path | None,
    strict: bool,
    format: str | None,
    sigma: str | None,
    ensemble: bool,
    mask: str | None,
    invert: bool,
    find_damage: bool,
    max_pixels: int | None,
    device: str,
    voice: Voice,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.denoise import level_of
    from convae.cli.runs.watch import Watching, refuse_options, watch
    from convae.estimators.base import ImageEstimator
    from convae.estimators.restoration.denoiser import Denoiser
    from convae.estimators.restoration.inpainter import Inpainter
    from convae.serving.applying import Options

    loaded = load_for(model, ImageEstimator, device=device)
    denoises, inpaints = isinstance(loaded, Denoiser), isinstance(loaded, Inpainter)
    refuse_options(
        loaded,
        {
            "--sigma": sigma is not None and not denoises,
            "--ensemble": ensemble and not (denoises or inpaints),
            "--mask": mask is not None and not inpaints,
            "--invert": invert and not inpaints,
            "--find-damage": find_damage and not inpaints,
        },
    )
    options = Options(
        sigma=level_of(sigma, loaded.plan_.depth),
        ensemble=ensemble,
        invert=invert,
        find_damage=find_damage,
        overlay=True,
        row=True,
    )
    how = Watching(
        folder=folder,
        out=out,
        options=options,
        mask=mask,
        format=format,
        interval=interval,
        settle=settle,
        until_idle=until_idle,
        move_bad=move_bad,
        strict=strict,
        max_pixels=max_pixels,
    )
    watch(loaded, model, how, voice)
