"""Parameters that all estimators for image restoration share."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER

RESTORING: tuple[Setting, ...] = (
    *taken(
        AUTOENCODER, "preset",
        default="unet", choices=("unet", "fine", "residual", "tutorial", "pooled"),
        help="The network: unet or fine (with skips; unet is the one to choose), or an autoencoder "
        "without skips.",
    ),
    *taken(AUTOENCODER, "loss", common=False),
    *taken(AUTOENCODER, "bottleneck", "epochs", "random_state", "device"),
    *taken(AUTOENCODER, "latent_dim", common=False),
    Setting(
        name="patch", common=True, kind="int", default=None, group="Images", unset="64",
        help="Side in pixels of the squares that large images are trained on.",
    ),
    Setting(
        name="turn", kind="flag", default=None, group="Images", unset="with patches",
        help="Whether training images are flipped and turned.",
    ),
    *taken(
        AUTOENCODER, "channels", "scaling", "storage", "strict", "validation_fraction", "batch_size",
        "learning_rate", "optimizer", "schedule", "warmup", "weight_decay", "clip", "ema", "patience",
        "precision", "widths", "blocks", "kernel_size", "down", "up", "padding_mode",
        "norm", "activation",
    ),
)  # fmt: skip
