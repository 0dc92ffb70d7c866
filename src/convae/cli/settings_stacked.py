"""The parameters of ``StackedAutoencoder`` as command-line options."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER

_OWN = ("bypass", "refine", "epochs")
_EPOCHS = next(setting for setting in AUTOENCODER if setting.name == "epochs")

STACKED: tuple[Setting, ...] = (
    Setting(
        name="level_epochs", common=True, kind="ints", default=None, group=_EPOCHS.group, metavar="N[,N,...]",
        unset="half of the joint ones, shared out",
        help="Epochs of each level on its own: one number for all, or one for each from the first stage to "
        "the code.",
    ),
    *taken(
        AUTOENCODER, "epochs",
        help="Epochs of all levels together, after that; 0 leaves them as they are.",
    ),
    *(setting for setting in AUTOENCODER if setting.name not in _OWN),
    *taken(AUTOENCODER, "bypass", default="none"),
    *taken(AUTOENCODER, "refine", default=0),
)  # fmt: skip
