"""``convae demo``: train and measure a model of handwritten digits, offline."""

from pathlib import Path

import click

from convae.cli.options import GroupedCommand, overwriting, running
from convae.cli.terminal.output import Voice

DEFAULT = Path("convae-demo")

_HELP = """Fit and measure an autoencoder of 1,437 handwritten digits, offline, in a minute or less.

\b
  convae demo
  convae demo --out somewhere

Writes digits.convae, digits.history.csv, pictures and report.html.
"""


@click.command("demo", cls=GroupedCommand, help=_HELP)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT,
    show_default=True,
    metavar="DIR",
    help="Folder to write into.",
)
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True, hidden=True)
@overwriting
@running(seed=True)
def command(out: Path, epochs: int, seed: int, device: str, voice: Voice) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.demo import demonstrate
    from convae.filesystem.result_folders import marked
    from convae.filesystem.run_files import current_run

    mark, run = marked(out), current_run()
    if out == DEFAULT and mark is not None and mark.verb == "demo" and run is not None:
        run.overwrite = True  # only the results of an earlier demonstration, which were the same
    demonstrate(out, voice, epochs=epochs, seed=seed, device=device)
