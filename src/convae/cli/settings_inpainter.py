"""The parameters of ``Inpainter`` as command-line settings."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_restoring import RESTORING

_HOLES = "Holes"
_OWN = ("preset",)

INPAINTER: tuple[Setting, ...] = (
    Setting(
        name="holes", common=True, kind="text", default="mixed", group=_HOLES, metavar="KIND[:AMOUNT]",
        help="Kind of holes: pixels, boxes, strokes, text, or mixed (of these); an amount may follow: "
        "pixels:0.5, boxes:0.1..0.4.",
    ),
    Setting(
        name="fill", kind="text", default="tension", group=_HOLES,
        choices=("tension", "biharmonic", "harmonic"),
        help="Classical fill that the network starts from: tension (for holes of any shape), biharmonic or "
        "harmonic.",
    ),
    *taken(
        RESTORING, "preset",
        default="fine", choices=("fine", "unet", "residual", "tutorial", "pooled"),
        help="The network: fine (with skips, from full resolution down; recommended), unet (with skips, from "
        "half resolution down), or an autoencoder without skips.",
    ),
    *(setting for setting in RESTORING if setting.name not in _OWN),
)  # fmt: skip
