"""The parameters of experiments as command-line options: those of the estimators that they fit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER
from convae.cli.settings_stacked import STACKED

_NEITHER = ("neighbourhood", "neighbours")  # an additional objective would be one more difference
_SEED = "and that of what is held out to measure on."
_CHANGED: dict[str, dict[str, Any]] = {
    "shift": {"unset": "0"},
    "validation_fraction": {
        "help": "Part of the training images that the best weights are chosen by."
    },
}
_ABLATED = ("level_epochs", "epochs", "patience", "random_state")


def _others(table: Sequence[Setting], *without: str) -> list[Setting]:
    """Return the settings of a table without those that experiments do not offer."""
    left = {*without, *_NEITHER}
    return [replace(s, **_CHANGED.get(s.name, {})) for s in table if s.name not in left]


ABLATION: tuple[Setting, ...] = (
    *taken(
        STACKED, "epochs", unset="about 1,000 steps",
        help="Epochs together from scratch: the budget, which each other way has as well.",
    ),
    *taken(
        STACKED, "level_epochs", unset="half of the budget",
        help="Of the way that then trains together: epochs of each level, one number for all, or one for "
        "each from the first stage to the code. Levels alone have theirs in the same proportions.",
    ),
    *taken(
        STACKED, "random_state",
        help=f"The first seed of weights, the order of images and validation images, {_SEED}",
    ),
    *_others(STACKED, *_ABLATED),
    *taken(STACKED, "patience", default=0),
)  # fmt: skip

_WHAT = AUTOENCODER[0].group
_CODES = ("latent_dim", "noise", "epochs", "random_state")
_ELSEWHERE = ("bottleneck", "bypass")  # what the experiment varies, and a path around it

ROBUSTNESS: tuple[Setting, ...] = (
    *taken(
        AUTOENCODER, "noise", default="gaussian:0..0.5",
        help="What denoising codes are learnt with: it corrupts images on the way in, never what should "
        "come out.",
    ),
    Setting(
        name="sparse", kind="text", default="top-k", group=_WHAT, metavar="KIND[:LEVEL]",
        help="The bottleneck of sparse codes: top-k, winners, l1 or kl; a level may follow: top-k:0.05.",
    ),
    Setting(
        name="sparse_dim", kind="int", default=256, group=_WHAT,
        help="Numbers in sparse codes, of which few are on.",
    ),
    Setting(
        name="variational", kind="text", default="gaussian", group=_WHAT, metavar="gaussian[:BETA]",
        help="The bottleneck of variational codes.",
    ),
    *taken(
        AUTOENCODER, "latent_dim",
        help="Numbers in the other codes (at each position, for a spatial code).",
    ),
    *taken(AUTOENCODER, "epochs", unset="about 1,000 steps", help="Passes over the images, for each."),
    *taken(
        AUTOENCODER, "random_state",
        help=f"Seed of first weights, the order of images, corruptions and resamples, {_SEED}",
    ),
    *_others(AUTOENCODER, *_CODES, *_ELSEWHERE),
)  # fmt: skip
