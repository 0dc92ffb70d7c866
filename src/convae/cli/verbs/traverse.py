"""``convae traverse``: show what single latent dimensions do to an image."""

from pathlib import Path

import click

from convae.cli.io.models import load_for
from convae.cli.options import (
    GroupedCommand,
    number_option,
    overwriting,
    path_option,
    running,
)
from convae.cli.terminal.output import Voice
from convae.errors import InputError

_HELP = """Show what single latent dimensions of a variational code do to an image, one row for each.

\b
  convae traverse my.convae image.png --out traverse.png
  convae traverse my.convae image.png --out traverse.png --numbers 0,3,7 --span 3
"""


class Numbers(click.ParamType[list[int]]):
    """The type of an option that takes whole numbers separated by commas."""

    name = "N,N,..."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        """Parse the numbers.

        Raises:
            InputError: the text is no such list.
        """
        try:
            return [int(part) for part in str(value).split(",")]
        except ValueError:
            raise InputError(
                f"--numbers must be whole numbers such as 0,3,7; got {value!r}"
            ) from None


@click.command("traverse", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@path_option("--out", metavar="PICTURE.png", help="Picture to write.", required=True)
@click.option(
    "--numbers",
    type=Numbers(),
    help="Latent dimensions, counted from 0.  [default: the eight that hold most information]",
)
@number_option("--steps", default=9, least=2, most=100, help="Images for each latent dimension.")
@click.option(
    "--span",
    type=float,
    default=2.0,
    show_default=True,
    metavar="X",
    help="Range of each latent dimension: from -X to X standard deviations of the prior.",
)
@overwriting
@running()
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
    """Run the verb; the help is above."""
    from convae.cli.runs.sample import traverse
    from convae.estimators.autoencoders.variational import VariationalAutoencoder

    loaded = load_for(model, VariationalAutoencoder, device=device)
    traverse(loaded, image, out, voice, numbers=numbers, steps=steps, span=span)
