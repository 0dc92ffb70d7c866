"""The parameters of ``VariationalAutoencoder`` as the command line knows them."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER

VARIATIONAL: tuple[Setting, ...] = (
    *taken(
        AUTOENCODER, "bottleneck",
        default="gaussian", metavar="gaussian[:BETA]",
        help="How much the code costs: gaussian:0.5 half as much, gaussian:1,free_bits=0.1 nothing for "
        "the first tenth of a nat in each number, gaussian:1,warmup=0.3 nothing at the start, rising.",
    ),
    *(setting for setting in AUTOENCODER if setting.name != "bottleneck"),
)  # fmt: skip
