"""``convae fit``: one member an estimator."""

from convae.cli.verb_table import ESTIMATORS, LazyGroup

_HELP = """Train a model on images.

\b
  convae fit autoencoder my_images --out my.convae
  convae fit autoencoder my_images --out my.convae --size 64 64 --latent-dim 32

'convae fit autoencoder --help' lists what can be chosen.
"""

command = LazyGroup(name="fit", kind="estimator", members=ESTIMATORS, help=_HELP)
