"""``convae tune``: search the settings that fit best to some images; one member for each kind of ``fit``."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import click

from convae.cli.options import GroupedCommand, images, parameters, speaking
from convae.cli.terminal.output import Voice
from convae.cli.tune_options import Tune, tuning
from convae.cli.verb_table import TUNED, LazyGroup
from convae.config import parameters as tables
from convae.config.search_space import HELD_OUT, NO_DETECTOR, SEARCHED
from convae.config.setting import Setting, settings_of

TABLES = {
    "autoencoder": tables.AutoencoderParameters,
    "variational": tables.VariationalParameters,
    "sparse": tables.SparseParameters,
    "stacked": tables.StackedParameters,
    "denoiser": tables.DenoiserParameters,
    "inpainter": tables.InpainterParameters,
}
_HELP = """Search the settings of a model that fit best to your images.

\b
  convae tune {kind} my_images --out search
  convae tune {kind} my_images --out search --budget 30min
  convae tune {kind} my_images --out search --search 'ema=0.9|0.99' --search learning_rate=0.005:0.05:log
  convae fit {kind} my_images --out best.convae --config search/best.toml

A fifth of the images is kept back, and no trial sees it. Each trial trains a model on the rest, of which a
fifth is held out, the same images in every trial; trials are compared on these. Trial 0 has the settings that
you give, or the defaults, so the winner is never worse on the held-out images. Trials that are worse than
half of the others after an epoch are stopped. In the end, the winner and trial 0 are measured once on the
images kept back. The test part of a set by name is never touched.

By default these settings are varied: {searched}. The options below set one value for all trials.

The folder gets best.toml, best.convae (the winner) and defaults.convae (trial 0), trials.csv, importance.csv,
curves.svg and report.html. Ctrl-C keeps the trials that are done, and --resume continues.

Needs the package optuna (the extra 'tune').
"""


class TuneGroup(LazyGroup):
    """The group of the kinds that can be tuned; each member is made of the table of its parameters."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of one kind; None for an unknown name."""
        return None if cmd_name not in self.members else command_of(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the named member; a detector is refused with the reason."""
        if args[0] == "anomaly":
            ctx.fail(NO_DETECTOR)
        return super().resolve_command(ctx, args)


def tuned_settings(kind: str) -> tuple[Setting, ...]:
    """Return the settings of a kind that a trial has, with the defaults of a search.

    The ``budget`` of one fit is left out: ``--budget`` is the time of the whole search.
    """
    changed: dict[str, dict[str, Any]] = {
        "epochs": {"unset": "about 1,000 steps"},
        "validation_fraction": {"default": HELD_OUT},
    }
    offered = (one for one in settings_of(TABLES[kind]) if one.name != "budget")
    return tuple(replace(one, **changed.get(one.name, {})) for one in offered)


def command_of(kind: str) -> click.Command:
    """Return the command that tunes models of a kind."""
    settings = tuned_settings(kind)
    text = _HELP.format(kind=kind, searched=", ".join(SEARCHED[kind]))

    def run(voice: Voice, flags: dict[str, Any], tune: Tune) -> None:
        from convae.cli.runs.tune import run_tune

        run_tune(kind, tune, settings, flags, voice)

    decorators: tuple[Callable[[Any], Any], ...] = (
        partial(click.command, kind, cls=GroupedCommand, help=text)(),
        images(),
        parameters(settings),
        tuning,
        speaking,
    )
    decorated: Any = run
    for decorator in reversed(decorators):
        decorated = decorator(decorated)
    command: click.Command = decorated
    return command


command = TuneGroup(
    name="tune",
    kind="estimator",
    members=TUNED,
    help="""Search the settings that fit best to your images.

\b
  convae tune autoencoder my_images --out search
  convae tune denoiser my_images --out search --budget 30min
""",
    subcommand_metavar="KIND IMAGES...",
    options_metavar="",
)
