"""The verbs. Their modules are imported when they are used, so that ``--help`` is fast."""

import importlib
import os
from typing import Any, NamedTuple

import click

from convae.errors import unknown_name
from convae.version import __version__


class Member(NamedTuple):
    """A verb, or a member of a group such as ``convae fit``.

    Attributes:
        module: the module in ``convae.cli.verbs`` that defines it as ``command``.
        help: one line of help.
        group: the heading in the help; empty where the list has no headings.
    """

    module: str
    help: str
    group: str = ""


START, TRAIN, USE, UNDERSTAND = "Start", "Train", "Use", "Understand"
# One example for each heading, shown next to it.
EXAMPLES = {
    START: "convae check my_images",
    TRAIN: "convae fit denoiser my_images --out clean.convae",
    USE: "convae denoise clean.convae noisy_images --out denoised",
    UNDERSTAND: "convae evaluate clean.convae other_images",
}
VERBS = {
    "demo": Member("demo", "Train and measure a model of handwritten digits, offline.", START),
    "check": Member("check", "Inspect images before training.", START),
    "fit": Member("fit", "Train a model; 'convae fit --help' lists the seven kinds.", TRAIN),
    "tune": Member("tune", "Search the settings that fit best to your images.", TRAIN),
    "denoise": Member("denoise", "Remove noise from images.", USE),
    "inpaint": Member("inpaint", "Fill holes in images.", USE),
    "detect": Member("detect", "Detect anomalies: score, heatmap and regions of each image.", USE),
    "calibrate": Member("calibrate", "Set a new detection threshold without retraining.", USE),
    "reconstruct": Member("reconstruct", "Encode images and decode them again.", USE),
    "encode": Member("encode", "Write the codes of images.", USE),
    "decode": Member("decode", "Turn codes into images.", USE),
    "sample": Member("sample", "Generate new images with a variational autoencoder.", USE),
    "interpolate": Member("interpolate", "Write images between two images.", USE),
    "search": Member("search", "Find the images most similar to a query image.", USE),
    "serve": Member("serve", "Serve models over HTTP, as an API for other programs.", USE),
    "watch": Member("watch", "Write a result for every image that appears in a folder.", USE),
    "export": Member("export", "Write a model as a file for other programs, such as ONNX.", USE),
    "map": Member("map", "Draw a map of a folder: similar images side by side.", UNDERSTAND),
    "evaluate": Member("evaluate", "Measure a model next to simple baselines.", UNDERSTAND),
    "compare": Member("compare", "Compare models on the same images.", UNDERSTAND),
    "probe": Member("probe", "Measure what can be read from the codes.", UNDERSTAND),
    "info": Member("info", "Show what a model file holds.", UNDERSTAND),
    "units": Member("units", "Show what each unit of a sparse code stands for.", UNDERSTAND),
    "traverse": Member("traverse", "Show what single latent dimensions do.", UNDERSTAND),
    "levels": Member("levels", "Show what each layer of a stack keeps.", UNDERSTAND),
    "experiment": Member(
        "experiment", "Run an experiment on your images, such as code-size.", UNDERSTAND
    ),
}
ESTIMATORS = {
    "autoencoder": Member("fit_autoencoder", "Encode images and decode them again."),
    "variational": Member("fit_variational", "The same, and generate new images."),
    "sparse": Member("fit_sparse", "Large codes with few active units."),
    "stacked": Member("fit_stacked", "Layers trained one by one, then together."),
    "denoiser": Member("fit_denoiser", "Remove noise from images."),
    "inpainter": Member("fit_inpainter", "Fill holes in images."),
    "anomaly": Member("fit_anomaly", "Detect what is not like the normal images."),
}
EXPERIMENTS = {
    "convolution": Member(
        "experiment_convolution", "Do convolutions help? Next to a dense network and PCA."
    ),
    "code-size": Member("experiment_code_size", "How many numbers do these images need?"),
    "stacking": Member(
        "experiment_stacking", "Does stacking help? Three ways to train, at equal cost."
    ),
    "robustness": Member(
        "experiment_robustness", "Which codes can still be read from corrupted images?"
    ),
}
TUNED = {name: member for name, member in ESTIMATORS.items() if name != "anomaly"}
# What people type instead of a verb, and the verb that they mean.
SLIPS = {
    "train": "convae fit KIND",
    "predict": "convae detect, convae denoise or convae reconstruct",
    "transform": "convae encode",
    "embed": "convae encode",
    "generate": "convae sample",
    "clean": "convae denoise",
    "fill": "convae inpaint",
    "test": "convae evaluate",
    "score": "convae evaluate or convae detect",
    "optimize": "convae tune KIND",
    "hpo": "convae tune KIND",
    "version": "convae --version",
    "ablate": "convae experiment stacking",
    "stacking": "convae experiment stacking",
    "robustness": "convae experiment robustness",
    "convolution": "convae experiment convolution",
    "code-size": "convae experiment code-size",
    **{kind: f"convae fit {kind}" for kind in ESTIMATORS},
}


# The heading of a list without headings.
KINDS = {"estimator": "Kinds", "experiment": "Experiments"}


class LazyGroup(click.Group):
    """A group whose members are imported when they are used.

    Args:
        kind: the word for a member in error messages: ``verb``, ``estimator``, ``experiment``.
        members: the members by name.
    """

    def __init__(self, *, kind: str, members: dict[str, Member], **options: Any) -> None:
        super().__init__(**options)
        self.kind, self.members = kind, members

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.members)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one member; return None for an unknown name."""
        if cmd_name not in self.members:
            return None
        module = importlib.import_module(f"convae.cli.verbs.{self.members[cmd_name].module}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the named member; for an unknown name, fail and name the nearest known one."""
        name = args[0]
        if name in self.members:
            return super().resolve_command(ctx, args)
        if name.startswith("-"):
            ctx.fail(f"no such option {name!r}")
        if self.kind == "verb" and name in SLIPS:
            ctx.fail(f"there is no verb {name!r}: write {SLIPS[name]}")
        text = str(unknown_name(self.kind, name, self.members))
        if self.kind != "verb" and (os.path.exists(name) or "did you mean" not in text):
            text += f"; for images write: {ctx.command_path} {next(iter(self.members))} {name}"
        return ctx.fail(text)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the members from the table, without importing them; each heading has an example."""
        headings = dict.fromkeys(member.group for member in self.members.values())
        width = max(map(len, self.members))
        for heading in headings:
            rows = [
                (name.ljust(width), member.help)
                for name, member in self.members.items()
                if member.group == heading
            ]
            example = EXAMPLES.get(heading, "")
            title = f"{heading + ':':12}{example}" if example else f"{KINDS[self.kind]}:"
            formatter.write_paragraph()
            formatter.write(f"{title}\n")
            formatter.indent()
            formatter.write_dl(rows)
            formatter.dedent()


_HELP = """Convolutional autoencoders that do real work on your own images.

Images are a folder, a glob, files, .npy, .npz, IDX, a TIFF of pages or bands, or the name of a set: digits,
mnist, fashion-mnist, cifar10. A MODEL comes first, then images, then options. 'convae help VERB' explains a
verb.
"""


@click.group(
    cls=LazyGroup,
    kind="verb",
    members=VERBS,
    help=_HELP,
    subcommand_metavar="VERB ...",
    options_metavar="",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(
    __version__, "-v", "--version", prog_name="convae", message="%(prog)s %(version)s"
)
def convae() -> None:
    """Group all verbs; the help is above."""
