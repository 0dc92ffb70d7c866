"""``convae experiment``: train several models to answer one question about the user's images."""

from convae.cli.verb_table import EXPERIMENTS, LazyGroup

_HELP = """Train several models to answer one question about your images.

\b
  convae experiment convolution my_images
  convae experiment code-size my_images
  convae experiment stacking my_images
  convae experiment robustness my_images --labels labels.csv
"""

command = LazyGroup(
    name="experiment",
    kind="experiment",
    members=EXPERIMENTS,
    help=_HELP,
    subcommand_metavar="NAME IMAGES...",
    options_metavar="",
)
