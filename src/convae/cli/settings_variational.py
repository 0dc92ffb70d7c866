"""The parameters of ``VariationalAutoencoder`` as command-line options."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER

_CODE = next(setting for setting in AUTOENCODER if setting.name == "bottleneck")
_LOSS = next(setting for setting in AUTOENCODER if setting.name == "loss")

VARIATIONAL: tuple[Setting, ...] = (
    *taken(
        AUTOENCODER, "bottleneck", common=True,
        default="gaussian", metavar="gaussian[:BETA]",
        help="How much the code costs: gaussian:0.5 half as much, gaussian:1,free_bits=0.1 nothing for "
        "the first tenth of a nat in each number, gaussian:1,warmup=0.3 nothing at the start, rising.",
    ),
    Setting(
        name="levels", kind="int", default=None, group=_CODE.group, metavar="N", unset="1",
        help="2 or 3 for a hierarchical code (a ladder): each level more adds numbers at the next larger "
        "map.",
    ),
    Setting(
        name="binarise", common=True, kind="flag", default=False, group=_LOSS.group,
        help="With --loss bce: grey values are chances of white, drawn anew for every batch.",
    ),
    *(setting for setting in AUTOENCODER if setting.name != "bottleneck"),
)  # fmt: skip
