"""The parameters of ``Denoiser`` as command-line settings."""

from convae.cli.settings import Setting
from convae.cli.settings_restoring import RESTORING

_NOISE = "Noise"

DENOISER: tuple[Setting, ...] = (
    Setting(
        name="noise", common=True, kind="text", default=None, group=_NOISE, metavar="KIND[:LEVEL]",
        unset="gaussian:0..55/255 on clean images",
        help="Kind of noise: gaussian, salt-and-pepper, poisson, speckle, uniform, jpeg, blur, stripes, or "
        "several: gaussian:5/255+jpeg:30. It is added to clean images, or is the noise that noisy ones have.",
    ),
    Setting(
        name="sigma", common=True, kind="text", default=None, group=_NOISE, metavar="LEVEL",
        unset="the default of the kind",
        help="Noise level in grey levels of the file type: 25/255 or 0..55/255, 25/65535 for 16-bit images.",
    ),
    Setting(
        name="mean", kind="float", default=0.0, group=_NOISE,
        help="Mean of the noise: a constant that is added with it.",
    ),
    Setting(
        name="clip_noise", kind="flag", default=False, group=_NOISE,
        help="Clip noisy images to black and white, as integer file types do.",
    ),
    Setting(
        name="learn", kind="text", default="auto", group=_NOISE,
        choices=("auto", "clean", "noisy", "pairs"),
        help="Learn from clean images, from noisy images alone, or from pairs (--target); auto takes pairs "
        "with --target and clean with --noise, and otherwise detects whether the images are noisy.",
    ),
    *RESTORING,
)  # fmt: skip
