"""The parameters of ``AnomalyDetector`` as command-line settings."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER

_WHAT = "Detection"

ANOMALY: tuple[Setting, ...] = (
    Setting(
        name="false_alarm_rate", common=True, kind="float", default=None, group=_WHAT, metavar="RATE",
        unset="such that 1 of the held-out images may lie above the threshold; at least 0.01",
        help="Largest fraction of normal images that may be called anomalous.",
    ),
    Setting(
        name="estimate_tail", kind="flag", default=False, group=_WHAT,
        help="Allow a --false-alarm-rate below the lowest that the held-out normal images can guarantee: the "
        "threshold is then estimated from the tail of their scores, without a guarantee.",
    ),
    Setting(
        name="folds", common=True, kind="int", default=None, group=_WHAT, metavar="N",
        unset="none: the images are split in three once",
        help="For few images: fit N detectors, each without a different part of the images, so that all "
        "images contribute to the threshold. Takes N times as long.",
    ),
    Setting(
        name="method", common=True, kind="text", default="defects", group=_WHAT,
        choices=("defects", "attributes", "likelihood"),
        help="How normal images are learnt: by repairing synthetic defects (defects); for small images of "
        "one class of objects, by restoring rotation, colour and erased parts (attributes); or by a "
        "variational autoencoder, whose score is the likelihood bound (likelihood).",
    ),
    Setting(
        name="score_by", kind="text", default="auto", group=_WHAT, metavar="NAME+NAME",
        help="Components of the score, joined by +: found and repaired (from the network), places, "
        "components, nearest, mean (from the normal images alone); auto takes "
        "components+nearest+places+found. With --method attributes: restored, pose, code, near, alike; "
        "auto takes all. With --method likelihood: bound, elbo.",
    ),
    Setting(
        name="tune", kind="flag", default=False, group=_WHAT,
        help="Also choose the bottleneck by synthetic defects. Takes about twice as long.",
    ),
    Setting(
        name="flips", kind="flag", default=False, group=_WHAT,
        help="Average over all four mirrored views of an image. Takes four times as long.",
    ),
    *taken(
        AUTOENCODER, "preset",
        common=False, default="unet", choices=("unet", "fine", "residual", "tutorial", "pooled"),
        help="The network: unet or fine (with skips; unet is recommended), or an autoencoder without skips.",
    ),
    *taken(AUTOENCODER, "loss", common=False, default=None, unset="mse+0.1*ssim; mse for likelihood"),
    *taken(AUTOENCODER, "bottleneck", default=None, unset="plain; gaussian for likelihood"),
    *taken(AUTOENCODER, "epochs", "random_state", "device"),
    *taken(
        AUTOENCODER, "size", unset="the median size of the images, 655,360 pixels at most",
        help="Bring all images to this height and width.",
    ),
    *taken(AUTOENCODER, "channels"),
    *taken(AUTOENCODER, "latent_dim", common=False),
    *taken(
        AUTOENCODER, "scaling", "storage", "strict", "image_shape", "batch_size",
        "learning_rate", "optimizer", "schedule", "warmup", "weight_decay", "clip", "ema", "patience",
        "precision", "widths", "blocks", "kernel_size", "down", "up", "padding_mode",
        "norm", "activation",
    ),
)  # fmt: skip
