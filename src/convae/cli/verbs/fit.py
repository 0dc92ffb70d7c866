"""``convae fit``: a group with one member for each estimator."""

from convae.cli.verb_table import ESTIMATORS, LazyGroup

_HELP = """Train a model on images and write it to one file, with a report.

\b
  convae fit autoencoder my_images --out my.convae
  convae fit denoiser my_images --out clean.convae
  convae fit inpainter my_images --out fill.convae
  convae fit anomaly good_images --out ok.convae

'convae fit KIND --help' lists the options that people use most, --help-all every option.
"""

command = LazyGroup(
    name="fit",
    kind="estimator",
    members=ESTIMATORS,
    help=_HELP,
    subcommand_metavar="KIND IMAGES... --out MODEL.convae",
    options_metavar="",
)
