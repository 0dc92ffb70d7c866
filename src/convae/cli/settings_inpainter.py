"""The parameters of ``Inpainter`` as command-line options."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_restoring import RESTORING

_HOLES = "What is missing"
_OWN = ("preset",)

INPAINTER: tuple[Setting, ...] = (
    Setting(
        name="holes", common=True, kind="text", default="mixed", group=_HOLES, metavar="KIND[:LEVEL]",
        help="pixels, boxes, strokes, text, or mixed of these; a level may follow: pixels:0.5, "
        "boxes:0.1..0.4.",
    ),
    Setting(
        name="fill", kind="text", default="tension", group=_HOLES,
        choices=("tension", "biharmonic", "harmonic"),
        help="The classical fill that the network starts from: tension (for holes of any shape), biharmonic "
        "or harmonic.",
    ),
    *taken(
        RESTORING, "preset",
        default="fine", choices=("fine", "unet", "residual", "tutorial", "pooled"),
        help="The network: fine (with skips, from the full resolution down; the one to choose), unet "
        "(from half of it down), or an autoencoder without skips.",
    ),
    *(setting for setting in RESTORING if setting.name not in _OWN),
)  # fmt: skip
