"""The parameters of experiments as the command line knows them: those of the estimators that they fit."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_stacked import STACKED

_NEITHER = ("neighbourhood", "neighbours")  # one more aim would be one more thing that differs
_ABLATED = ("level_epochs", "epochs", "patience", "random_state")

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
        help="The first seed of weights, the order of images and the validation images; and that of what is "
        "held out to measure on.",
    ),
    *(setting for setting in STACKED if setting.name not in (*_ABLATED, *_NEITHER)),
    *taken(STACKED, "patience", default=0),
)  # fmt: skip
