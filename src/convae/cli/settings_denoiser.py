"""The parameters of ``Denoiser`` as command-line options."""

from convae.cli.settings import Setting
from convae.cli.settings_restoring import RESTORING

_NOISE = "What is noise"

DENOISER: tuple[Setting, ...] = (
    Setting(
        name="noise", common=True, kind="text", default=None, group=_NOISE, metavar="KIND[:LEVEL]",
        unset="gaussian:0..55/255 on clean images",
        help="gaussian, salt-and-pepper, poisson, speckle, uniform, jpeg, blur, stripes, or several: "
        "gaussian:5/255+jpeg:30. Added to clean images, or what noisy ones have.",
    ),
    Setting(
        name="sigma", common=True, kind="text", default=None, group=_NOISE, metavar="LEVEL",
        unset="the noise's usual one",
        help="The level of the noise in grey levels of the file type: 25/255 or 0..55/255, 25/65535 for "
        "16-bit images.",
    ),
    Setting(
        name="mean", kind="float", default=0.0, group=_NOISE, help="Added along with the noise.",
    ),
    Setting(
        name="clip_noise", kind="flag", default=False, group=_NOISE,
        help="Noisy images end at black and white, as files of whole numbers do.",
    ),
    Setting(
        name="learn", kind="text", default="auto", group=_NOISE,
        choices=("auto", "clean", "noisy", "pairs"),
        help="From clean images, from noisy ones alone, or from pairs (--target); auto finds out whether "
        "images are noisy.",
    ),
    *RESTORING,
)  # fmt: skip
