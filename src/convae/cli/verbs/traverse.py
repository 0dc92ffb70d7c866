"""``convae traverse``: show what single units of a code do to an image."""

from pathlib import Path

import click

from convae.cli.io.models import load_for
from convae.cli.options import GroupedCommand, computing, overwriting, speaking
from convae.cli.terminal.output import Voice
from convae.errors import InputError

_HELP = """What single numbers of a variational code do to an image: a row for each, the others stay.

\b
  convae traverse my.convae image.png --out traverse.png
  convae traverse my.convae image.png --out traverse.png --numbers 0,3,7 --span 3
"""


class Numbers(click.ParamType[list[int]]):
    """Whole numbers separated by commas."""

    name = "N,N,..."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        """Convert text to numbers."""
        try:
            return [int(part) for part in str(value).split(",")]
        except ValueError:
            raise InputError(
                f"--numbers must be whole numbers such as 0,3,7; got {value!r}"
            ) from None


@click.command("traverse", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PICTURE.png",
    help="The picture to write.",
)
@click.option(
    "--numbers",
    type=Numbers(),
    help="Which numbers of the code, counted from 0; without it the eight that hold most.",
)
@click.option(
    "--steps",
    type=click.IntRange(2, 100),
    default=9,
    show_default=True,
    metavar="N",
    help="Images for each.",
)
@click.option(
    "--span",
    type=float,
    default=2.0,
    show_default=True,
    metavar="X",
    help="Each goes from -X to X, in standard deviations of the prior.",
)
@overwriting
@computing
@speaking
def command(
    model: Path,
    image: Path,
    out: Path,
    numbers: list[int] | None,
    steps: int,
    span: float,
    device: str,
    voice: Voice,
) -> None:
    """The help is above."""
    from convae.cli.runs.sample import traverse
    from convae.estimators.autoencoders.variational import VariationalAutoencoder

    loaded = load_for(model, VariationalAutoencoder, device=device)
    traverse(loaded, image, out, voice, numbers=numbers, steps=steps, span=span)
