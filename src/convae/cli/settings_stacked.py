"""The parameters of ``StackedAutoencoder`` as command-line settings."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER

_OWN = ("bypass", "refine", "epochs")
_EPOCHS = next(setting for setting in AUTOENCODER if setting.name == "epochs")

STACKED: tuple[Setting, ...] = (
    Setting(
        name="level_epochs", common=True, kind="ints", default=None, group=_EPOCHS.group, metavar="N[,N,...]",
        unset="half of --epochs, divided among the layers",
        help="Epochs of each layer on its own: one number for all layers, or one for each from the first "
        "stage to the code.",
    ),
    *taken(
        AUTOENCODER, "epochs",
        help="Epochs of joint training of all layers afterwards; 0 leaves out joint training.",
    ),
    *(setting for setting in AUTOENCODER if setting.name not in _OWN),
    *taken(AUTOENCODER, "bypass", default="none"),
    *taken(AUTOENCODER, "refine", default=0),
)  # fmt: skip
