"""Which verbs there are. Their files are loaded when they are used, so that ``--help`` costs nothing."""

import importlib
import os
from typing import Any

import click

from convae.errors import unknown_name
from convae.version import __version__

# verb: (file that holds it as ``command``, what it does)
VERBS = {
    "demo": ("demo", "Fit, measure and look at a model of handwritten digits, offline."),
    "check": ("check", "Look at images before training: what they are, and what is wrong."),
    "fit": ("fit", "Train a model on images."),
    "evaluate": ("evaluate", "Measure a model on images it was not trained on, beside PCA."),
    "probe": (
        "probe",
        "What can be read from the codes, beside PCA, a random encoder, the pixels.",
    ),
    "denoise": ("denoise", "Images without their noise, as files of the same kind."),
    "inpaint": ("inpaint", "Images with their holes filled, as files of the same kind."),
    "detect": ("detect", "What is anomalous in images, where, and how surely."),
    "calibrate": ("calibrate", "Another threshold for a detector, without training."),
    "reconstruct": ("reconstruct", "Images to their codes and back, as files of the same kind."),
    "encode": ("encode", "Images to their codes."),
    "search": ("search", "The images whose codes are nearest to that of an image."),
    "map": ("map", "A picture of a folder, similar images side by side."),
    "decode": ("decode", "Codes to images."),
    "sample": ("sample", "New images, from a variational autoencoder."),
    "units": ("units", "A page on what each number of a sparse code stands for."),
    "traverse": ("traverse", "What single numbers of a variational code do to an image."),
    "levels": ("levels", "What each level of a stacked autoencoder keeps of images."),
    "ablate": ("ablate", "Does stacking help? Three ways to train, at equal cost."),
    "robustness": (
        "robustness",
        "Plain, denoising, sparse and variational codes, read from corrupted images.",
    ),
    "interpolate": ("interpolate", "Images on the way from one image to another."),
    "info": ("info", "What a model file holds."),
}
ESTIMATORS = {
    "autoencoder": ("fit_autoencoder", "The plain convolutional autoencoder."),
    "variational": ("fit_variational", "An autoencoder that new images can be drawn from."),
    "sparse": ("fit_sparse", "An autoencoder of whose many numbers few are on."),
    "stacked": ("fit_stacked", "An autoencoder trained level by level, then as a whole."),
    "denoiser": ("fit_denoiser", "Takes the noise out of images."),
    "inpainter": ("fit_inpainter", "Fills holes in images."),
    "anomaly": ("fit_anomaly", "Finds what is not like normal images, and where."),
}


class LazyGroup(click.Group):
    """A group whose members are loaded when they are used.

    Args:
        kind: what a member is called when its name is not known: ``verb``, ``estimator``.
        members: name: (module in ``convae.cli``, one line of help).
    """

    def __init__(self, *, kind: str, members: dict[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(**options)
        self.kind, self.members = kind, members

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(self.members)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one member; None for a name that is not known."""
        if cmd_name not in self.members:
            return None
        module = importlib.import_module(f"convae.cli.verbs.{self.members[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The member that is meant, or the nearest known one in the error."""
        name = args[0]
        if name in self.members:
            return super().resolve_command(ctx, args)
        if name.startswith("-"):
            ctx.fail(f"no such option {name!r}")
        text = str(unknown_name(self.kind, name, self.members))
        if self.kind != "verb" and (os.path.exists(name) or "did you mean" not in text):
            text += f"; for images write: {ctx.command_path} {next(iter(self.members))} {name}"
        return ctx.fail(text)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of members from the table, without loading them."""
        rows = [(name, told) for name, (_, told) in self.members.items()]
        with formatter.section("Verbs" if self.kind == "verb" else "Estimators"):
            formatter.write_dl(rows)


_HELP = """Convolutional autoencoders that do real work on your own images.

\b
  convae demo                                        try it, offline
  convae check my_images                             look at your images
  convae fit autoencoder my_images --out my.convae   train
  convae evaluate my.convae more_images              measure, beside PCA
  convae reconstruct my.convae my_images --out back  images and back
  convae encode my.convae my_images --out codes.csv  images to codes
  convae fit denoiser my_images --out clean.convae   learn to take noise out
  convae denoise clean.convae noisy --out denoised   take it out
  convae fit inpainter my_images --out fill.convae   learn to fill holes
  convae inpaint fill.convae damaged --mask masks --out filled
  convae fit anomaly good_images --out ok.convae     learn what is normal
  convae detect ok.convae new_images --out found     find what is not

Images are a folder, a glob, files, .npy, .npz, IDX, a TIFF of pages or bands, or the name of a set (digits,
mnist, fashion-mnist, cifar10). 'convae VERB --help' tells more about each verb.
"""


@click.group(
    cls=LazyGroup,
    kind="verb",
    members=VERBS,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="convae", message="%(prog)s %(version)s")
def convae() -> None:
    """The root of all verbs; its help is above."""
