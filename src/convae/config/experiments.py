"""The parameters of experiments: those of the estimators that they fit, with some changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from convae.config.parameters import WHAT, AutoencoderParameters, StackedParameters
from convae.config.setting import Setting, settings_of

AUTOENCODER, STACKED = settings_of(AutoencoderParameters), settings_of(StackedParameters)

_NEITHER = ("neighbourhood", "neighbours")  # a second objective would be a second difference
_SEED = "and the choice of images held out to measure on."
_CHANGED: dict[str, dict[str, Any]] = {
    "shift": {"unset": "0"},
    "validation_fraction": {
        "help": "Fraction of the training images by which the best weights are chosen."
    },
}
# A way that stops early costs less than the others: so none does.
EQUAL_COST = {"patience": 0}
_ABLATED = ("level_epochs", "epochs", *EQUAL_COST, "random_state")


def taken(table: Sequence[Setting], *names: str, **changes: Any) -> tuple[Setting, ...]:
    """Return settings of a table by name, each with the same changes."""
    known = {setting.name: setting for setting in table}
    return tuple(replace(known[name], **changes) for name in names)


def _others(table: Sequence[Setting], *without: str) -> list[Setting]:
    """Return the settings of a table without some, with the changes for experiments."""
    left = {*without, *_NEITHER}
    return [replace(s, **_CHANGED.get(s.name, {})) for s in table if s.name not in left]


ABLATION: tuple[Setting, ...] = (
    *taken(
        STACKED, "epochs", unset="about 1,000 steps",
        help="Epochs of joint training from scratch. Their cost is the budget of all three ways.",
    ),
    *taken(
        STACKED, "level_epochs", unset="half of the budget",
        help="Epochs of each layer where joint training follows: one number for all layers, or one for each "
        "from the first stage to the code. Layers trained alone get epochs in the same proportions.",
    ),
    *taken(
        STACKED, "random_state",
        help=f"First seed of the weights, the order of images, the validation images, {_SEED}",
    ),
    *_others(STACKED, *_ABLATED),
    *(one for name in EQUAL_COST for one in taken(STACKED, name, default=EQUAL_COST[name])),
)  # fmt: skip

_CODES = ("latent_dim", "noise", "epochs", "random_state")
_ELSEWHERE = ("bottleneck", "bypass")  # what differs between the models, and a path around it

ROBUSTNESS: tuple[Setting, ...] = (
    *taken(
        AUTOENCODER, "noise", default="gaussian:0..0.5",
        help="Noise for the denoising autoencoder: corrupts the input images, but not the targets.",
    ),
    Setting(
        name="sparse", kind="text", default="top-k", group=WHAT, metavar="KIND[:STRENGTH]",
        help="Bottleneck of the sparse autoencoder: top-k, winners, l1 or kl; a strength may follow: "
        "top-k:0.05.",
    ),
    Setting(
        name="sparse_dim", kind="int", default=256, group=WHAT,
        help="Latent dimension of the sparse autoencoder; few units are active for an image.",
    ),
    Setting(
        name="variational", kind="text", default="gaussian", group=WHAT, metavar="gaussian[:BETA]",
        help="Bottleneck of the variational autoencoder.",
    ),
    *taken(
        AUTOENCODER, "latent_dim", words=(), metavar="",
        help="Latent dimension of the other autoencoders (for a spatial code: at each position).",
    ),
    *taken(
        AUTOENCODER, "epochs", unset="about 1,000 steps",
        help="Passes over the images, for each autoencoder.",
    ),
    *taken(
        AUTOENCODER, "random_state",
        help=f"Seed of the initial weights, the order of images, corruptions, resamples, {_SEED}",
    ),
    *_others(AUTOENCODER, *_CODES, *_ELSEWHERE),
)  # fmt: skip

# Muon costs the same for any batch and most of a step of small images: experiments take AdamW.
CHEAP: dict[str, Any] = {"batch_size": 32, "optimizer": "adamw", **EQUAL_COST}
_FIXED = ("bottleneck", "code", "epochs", "random_state")
_STEPS = Setting(
    name="steps", kind="int", default=1000, group=WHAT, least=1, most=10**9,
    help="Steps of each training. Epochs are whole, so the number is met approximately.",
)  # fmt: skip
_CHEAP = [
    replace(one, default=CHEAP[one.name], unset="") for one in AUTOENCODER if one.name in CHEAP
]

CONVOLUTION: tuple[Setting, ...] = (
    Setting(
        name="counts", kind="ints", default=None, group=WHAT, metavar="N,N,...",
        unset="100, 300, 1000, 3000 and all, as far as DATA goes",
        help="Numbers of training images.",
    ),
    _STEPS,
    *taken(
        AUTOENCODER, "preset", choices=("residual", "tutorial", "pooled"),
        help="The convolutional network: residual (recommended), tutorial or pooled.",
    ),
    *taken(
        AUTOENCODER, "latent_dim", default=16, unset="", words=(), metavar="",
        help="Latent dimension of all three: how many numbers a code has.",
    ),
    Setting(
        name="dense_widths", kind="ints", default=None, group=WHAT, metavar="N,N,...",
        unset="512,256; fewer for tiny images", help="Units of the hidden layers of the dense network.",
    ),
    *taken(
        AUTOENCODER, "random_state",
        help=f"First seed of the choice of training images, the weights, the order of images, {_SEED}",
    ),
    *taken(
        AUTOENCODER, "bypass", default="none", unset="",
        help="pca adds a linear path to both networks, which then start as PCA.",
    ),
    *_others(AUTOENCODER, *_FIXED, "preset", "latent_dim", "bypass", *CHEAP),
    *_CHEAP,
)  # fmt: skip

CODE_SIZE: tuple[Setting, ...] = (
    Setting(
        name="sizes", kind="ints", default=None, group=WHAT, metavar="N,N,...",
        unset="1, 2, 4, ... up to 128 or half of the values of an image",
        help="Code sizes to try.",
    ),
    _STEPS,
    *taken(
        AUTOENCODER, "random_state",
        help=f"First seed of the weights, the order of images, the validation images, {_SEED}",
    ),
    *_others(AUTOENCODER, *_FIXED, "latent_dim", *CHEAP),
    *_CHEAP,
)  # fmt: skip
