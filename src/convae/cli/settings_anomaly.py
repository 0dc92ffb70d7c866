"""The parameters of ``AnomalyDetector`` as command-line options."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER

_WHAT = "What is anomalous"

ANOMALY: tuple[Setting, ...] = (
    Setting(
        name="false_alarm_rate", common=True, kind="float", default=None, group=_WHAT, metavar="RATE",
        unset="so that 2 of the held-out images may lie above the threshold; at least 0.01",
        help="The fraction of normal images that may be called anomalous.",
    ),
    Setting(
        name="estimate_tail", kind="flag", default=False, group=_WHAT,
        help="Allow a --false-alarm-rate below what the held-out normals can promise: the threshold is then "
        "estimated from the tail of their scores, without a guarantee.",
    ),
    Setting(
        name="folds", common=True, kind="int", default=None, group=_WHAT, metavar="N", unset="three parts",
        help="For few images: fit N detectors, each without another part of the images, so that all images "
        "set the threshold. It takes N times as long.",
    ),
    Setting(
        name="method", common=True, kind="text", default="defects", group=_WHAT,
        choices=("defects", "attributes", "likelihood"),
        help="How normal images are learnt: by mending synthetic defects, or (small images of one class of "
        "objects) by restoring turns, colour and erased parts, or by a variational autoencoder, whose score "
        "is the likelihood bound.",
    ),
    Setting(
        name="score_by", kind="text", default="auto", group=_WHAT, metavar="NAME+NAME",
        help="What makes the score, joined by +: found and repaired (by the network), places, components, "
        "nearest, mean (by normal images alone); auto takes components+nearest+places+found. "
        "With --method attributes: restored, pose, code, near, alike; auto takes all. "
        "With --method likelihood: bound, elbo.",
    ),
    Setting(
        name="tune", kind="flag", default=False, group=_WHAT,
        help="Choose the bottleneck, too, by synthetic defects: about twice the time.",
    ),
    Setting(
        name="flips", kind="flag", default=False, group=_WHAT,
        help="Look at all four mirrored views of an image and average: four times the time.",
    ),
    *taken(
        AUTOENCODER, "preset",
        common=False, default="unet", choices=("unet", "fine", "residual", "tutorial", "pooled"),
        help="The network: unet (with skips; the one to choose) or an autoencoder without skips.",
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
