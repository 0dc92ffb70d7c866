"""``convae export``: write a model as a file for other programs."""

from pathlib import Path

import click

from convae.cli.options import GroupedCommand, overwriting, path_option, speaking
from convae.cli.terminal.output import Voice

_HELP = """Write a model as a file for other programs, without convae or PyTorch.

\b
  convae export my.convae --to onnx
  convae export my.convae --to onnx --out model.onnx
  convae export my.convae --to openvino --out model.xml

The file takes images as they are stored (0 to 255 for 8 bits) and gives the finished result: scaling,
resizing and the threshold are in it. Before it is written, it is run and compared with the model itself. If a
value or a decision differs, no file is written.
"""


@click.command("export", cls=GroupedCommand, help=_HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["onnx", "openvino"]),
    default="onnx",
    show_default=True,
    help="Format of the file.",
)
@path_option(
    "--out", metavar="FILE", help="File to write.  [default: the name of MODEL, next to it]"
)
@click.option(
    "--part",
    type=click.Choice(["encoder", "decoder"]),
    help="Write the encoder or the decoder of an autoencoder alone.",
)
@overwriting
@speaking
def command(model: Path, to: str, out: Path | None, part: str | None, voice: Voice) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.export import export

    export(model, out, voice, to=to, part=part)
