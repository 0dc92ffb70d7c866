"""The parameters of ``VariationalAutoencoder`` as command-line settings."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER

_CODE = next(setting for setting in AUTOENCODER if setting.name == "bottleneck")
_LOSS = next(setting for setting in AUTOENCODER if setting.name == "loss")

VARIATIONAL: tuple[Setting, ...] = (
    *taken(
        AUTOENCODER, "bottleneck", common=True,
        default="gaussian", metavar="gaussian[:BETA]",
        help="Weight of the cost of the code (beta): gaussian:0.5 halves it, gaussian:1,free_bits=0.1 makes "
        "the first 0.1 nats of each latent dimension free, gaussian:1,warmup=0.3 raises it from 0 over the "
        "first 30 % of training.",
    ),
    Setting(
        name="levels", kind="int", default=None, group=_CODE.group, metavar="N", unset="1",
        help="Levels of a hierarchical code (a ladder), such as 2 or 3: each further level adds latent "
        "dimensions at the next larger feature map.",
    ),
    Setting(
        name="binarise", common=True, kind="flag", default=False, group=_LOSS.group,
        help="With --loss bce: take grey values as probabilities of white, and sample the pixels anew for "
        "every batch.",
    ),
    *(setting for setting in AUTOENCODER if setting.name != "bottleneck"),
)  # fmt: skip
