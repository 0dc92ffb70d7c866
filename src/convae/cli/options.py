"""Decorators that add the options that verbs share."""

import math
import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from convae.cli.settings import Word
from convae.cli.terminal.output import Voice
from convae.config.choices import DEVICES
from convae.config.setting import Setting
from convae.errors import unknown_name
from convae.filesystem.run_files import current_run

Function = TypeVar("Function", bound=Callable[..., Any])

SPLITS = ("train", "test")


class Name(click.ParamType[Any]):
    """The type of an option that takes one of some names; the error for an unknown name names the nearest."""

    def __init__(self, kind: str, known: Sequence[str]) -> None:
        self.kind, self.known, self.name = kind, tuple(known), kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name.

        Raises:
            InputError: the name is unknown.
        """
        if value not in self.known:
            raise unknown_name(self.kind, value, self.known)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[Any]:
        """Return the names that begin with ``incomplete``."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in self.known if name.startswith(incomplete)]


class Range(click.ParamType[Any]):
    """The type of an option that takes two increasing numbers, such as ``0..1``."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return both numbers.

        Raises:
            click.BadParameter: the text is not two finite, increasing numbers.
        """
        if isinstance(value, tuple):
            return value
        low, found, high = str(value).partition("..")
        try:
            ends = float(low), float(high)
        except ValueError:
            found = ""
        if not found or not -math.inf < ends[0] < ends[1] < math.inf:
            self.fail(f"takes two numbers, such as 0..1 or 0..255; got {value!r}", param, ctx)
        return ends


def path_option(
    *names: str, metavar: str, help: str, required: bool = False
) -> Callable[[Function], Function]:
    """Add an option that takes a path."""
    return click.option(
        *names, type=click.Path(path_type=Path), required=required, metavar=metavar, help=help
    )


def number_option(
    *names: str, default: int, help: str, least: int = 1, most: int | None = None
) -> Callable[[Function], Function]:
    """Add an option that takes a whole number from ``least`` to ``most``."""
    return click.option(
        *names,
        type=click.IntRange(least, most),
        default=default,
        show_default=True,
        metavar="N",
        help=help,
    )


def name_option(
    *names: str, kind: str, known: Sequence[str], default: str, help: str
) -> Callable[[Function], Function]:
    """Add an option that takes one of some names."""
    return click.option(
        *names,
        type=Name(kind, known),
        default=default,
        show_default=True,
        metavar="|".join(known),
        help=help,
    )


def speaking(function: Function) -> Function:
    """Add ``--quiet``, ``--json`` and ``--debug``; the verb gets a :class:`Voice`."""

    @click.option("--quiet", "-q", is_flag=True, help="Print no progress and no summary.")
    @click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object on stdout instead of text."
    )
    @click.option("--debug", is_flag=True, help="Print the full traceback of an error.")
    @wraps(function)
    def speak(*args: Any, quiet: bool, as_json: bool, debug: bool, **options: Any) -> Any:  # noqa: ARG001
        return function(*args, voice=Voice(quiet=quiet, json=as_json), **options)

    return speak  # type: ignore[return-value]


SETTINGS_OPTIONS = (
    path_option(
        "--config",
        metavar="FILE.toml",
        help="Read settings from this file: one 'name = value' per line, names as the options with _ for -.",
    ),
    click.option(
        "--set",
        "pairs",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set one setting. May be given several times.",
    ),
    path_option(
        "--groups",
        metavar="FILE.csv",
        help="CSV file with the columns name and group: keep the images of a group together.",
    ),
)


def running(*, seed: bool = False) -> Callable[[Function], Function]:
    """Add the options of a verb that runs a network: ``--device``, those of :func:`speaking`, and ``--seed``.

    Args:
        seed: whether the verb chooses at random.
    """

    def decorate(function: Function) -> Function:
        function = speaking(function)
        return computing(seeded(function) if seed else function)

    return decorate


def computing(function: Function) -> Function:
    """Add ``--device`` to a verb that runs a network."""
    return name_option(
        "--device", kind="device", known=DEVICES, default="auto", help="Device to compute on."
    )(function)


def seeded(function: Function) -> Function:
    """Add ``--seed`` to a verb that makes random choices but has no table of parameters."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="Seed of all random choices.  [default: 0]",
    )(function)


def overwriting(function: Function) -> Function:
    """Add ``--overwrite`` to a verb that writes; the current run records it."""

    def allow(_: click.Context, __: click.Parameter, given: bool) -> None:
        if given and (run := current_run()) is not None:
            run.overwrite = True

    option = click.option(
        "--overwrite", is_flag=True, expose_value=False, callback=allow,
        help="Replace existing results; in a folder, replace all files that an earlier run wrote there.",
    )  # fmt: skip
    return option(function)


def writing(function: Function) -> Function:
    """Add ``--out``, ``--format`` and ``--strict`` to a verb that writes images."""

    options = (
        path_option("--out", metavar="DIR", help="Folder to write into.", required=True),
        click.option(
            "--format",
            metavar="KIND",
            help="Kind of file to write: png, tiff, jpeg, ...  [default: that of each image]",
        ),
        click.option(
            "--strict",
            is_flag=True,
            help="Stop at an image that cannot be used, instead of skipping it.",
        ),
    )
    function = overwriting(function)
    for option in reversed(options):
        function = option(function)
    return function


def images(
    *, split: str = "train", required: bool = True, for_model: bool = False
) -> Callable[[Function], Function]:
    """Add the argument DATA and the options for reading images.

    Args:
        split: the default of ``--split``.
        required: whether DATA must be given.
        for_model: whether a fitted model is applied to the images: add ``--channels`` and ``--values``, too.
    """
    decorators = _image_options(split, required=required)
    if for_model:
        decorators += _fitting_options()

    def decorate(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def reading(*, split: str) -> Callable[[Function], Function]:
    """Add the options for reading images, without the argument DATA.

    Args:
        split: the default of ``--split``.
    """

    def decorate(function: Function) -> Function:
        for decorator in reversed(_reading_options(split)):
            function = decorator(function)
        return function

    return decorate


def _image_options(split: str, *, required: bool) -> list[Callable[[Any], Any]]:
    argument = click.argument("data", nargs=-1, required=required, metavar="DATA...")
    return [argument, *_reading_options(split)]


def _reading_options(split: str) -> list[Callable[[Any], Any]]:
    return [
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Folder in which the sets mnist, fashion-mnist and cifar10 are looked for first.  "
            "[default: CONVAE_DATA_DIR, then the cache]",
        ),
        click.option("--download", is_flag=True, help="Download such a set if it is not found."),
        name_option(
            "--split",
            kind="split",
            known=SPLITS,
            default=split,
            help="Part of a set, or of a .npz with x_train and x_test, to read.",
        ),
        click.option(
            "--channels-first/--channels-last",
            default=None,
            help="Axis order of arrays: (n, c, h, w) or (n, h, w, c).  [default: by the shape]",
        ),
        click.option(
            "--max-pixels",
            type=click.IntRange(1),
            metavar="N",
            help="Largest height times width of an image that is read.  [default: 100,000,000]",
        ),
    ]


def _fitting_options() -> list[Callable[[Any], Any]]:
    return [
        click.option(
            "--channels", type=click.IntRange(1), metavar="N",
            help="Convert images to the number of channels of the model: 1 converts RGB to grey, 3 converts "
            "grey to RGB.  [default: refuse images with other channels]",
        ),
        click.option(
            "--values", type=Range(), metavar="LOW..HIGH",
            help="Values of black and white in float images, for a model of 8-bit or 16-bit images: 0..1 or "
            "0..255. Results have the same range.  [default: refuse float images]",
        ),
    ]  # fmt: skip


def parameters(table: Sequence[Setting]) -> Callable[[Function], Function]:
    """Add an option for every setting of the table; the verb gets their values as ``flags``."""

    def decorate(function: Function) -> Function:
        names = [setting.name for setting in table]

        @wraps(function)
        def gather(*args: Any, **options: Any) -> Any:
            flags = {name: options.pop(name) for name in names}
            return function(*args, flags=flags, **options)

        decorated: Any = gather
        for setting in reversed(table):
            decorated = _parameter(setting)(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


class GroupedOption(click.Option):
    """An option with a heading in the help."""

    heading, common = "", True


class GroupedCommand(click.Command):
    """A command whose help lists the options under headings.

    ``--help`` shows the common options, ``--help-all`` every option.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters of the command, and ``--help-all`` where ``--help`` leaves some out."""
        found = super().get_params(ctx)
        return [*found, _HELP_ALL] if self._rare(found) else found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; ``--size 64`` and ``--size 64x48`` are read as two numbers, too."""
        pairs = [o for p in self.params if p.nargs == 2 for o in p.opts]
        return super().parse_args(ctx, _in_pairs(args, pairs))

    def _rare(self, parameters: Sequence[click.Parameter]) -> list[click.Parameter]:
        """Return the options that the short help leaves out; none if they are at most ``FEW``."""
        options = [p for p in parameters if isinstance(p, click.Option)]
        rare = [p for p in options if p.name in RARE or not getattr(p, "common", True)]
        return list[click.Parameter](rare) if len(rare) > FEW else []

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each heading with its options: required options first, those without a heading last."""
        everything = self.get_params(ctx)
        rare = [] if ctx.meta.get(ALL) else self._rare(everything)
        sections: dict[str, list[tuple[str, str]]] = {"Required": []}
        for parameter in everything:
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option) and parameter not in rare:
                heading = getattr(parameter, "heading", "") or "Options"
                heading = "Required" if parameter.required else heading
                sections.setdefault(heading, []).append(record)
        others = sections.pop("Options", [])
        for heading, records in [*sections.items(), ("Options", others)]:
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
        if rare:
            formatter.write_paragraph()
            formatter.write(f"{len(rare)} more options: {ctx.command_path} --help-all\n")


def _in_pairs(args: Sequence[str], options: Sequence[str]) -> list[str]:
    """Return the arguments with two numbers after each of these options, also where one was given.

    >>> _in_pairs(["--size", "64", "images", "--size=64x48"], ["--size"])
    ['--size', '64', '64', 'images', '--size', '64', '48']
    >>> _in_pairs(["--", "--size", "64"], ["--size"])
    ['--', '--size', '64']
    """
    found: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word == "--":  # what follows is no option
            return [*found, word, *rest]
        name, joined, value = word.partition("=")
        if name not in options or not (joined or rest):
            found.append(word)
            continue
        value = value if joined else rest.pop(0)
        match = re.fullmatch(r"(\d+)(?:[x,](\d+))?", value)
        second = bool(rest) and rest[0].isdigit() and not joined
        if match is None or (second and match[2] is None):
            found += [name, value]  # two numbers already, or a value that click refuses
        else:
            found += [name, match[1], match[2] or match[1]]
    return found


def _show_all(ctx: click.Context, _: click.Parameter, given: bool) -> None:
    if given and not ctx.resilient_parsing:
        ctx.meta[ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


ALL = "convae.all_options"
FEW = 3  # the short help shows the rare options if there are no more of them than this
# Options that few people need, of many verbs: how images are read, how a run is saved, details of a fit.
RARE = frozenset(
    {
        *("data_dir", "download", "split", "channels_first", "max_pixels", "values"),
        *("pairs", "restart", "checkpoint", "checkpoint_every", "report", "debug"),
    }
)
_HELP_ALL = click.Option(
    ["--help-all"],
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_all,
    help="Show every option.",
)


def _parameter(setting: Setting) -> Callable[[Any], Any]:
    shown = setting.unset if setting.default is None else setting.default
    plain = setting.kind == "flag" and setting.default is False
    text = setting.help + ("" if plain else f"  [{_takes(setting)}default: {shown}]")
    common: dict[str, Any] = {"cls": GroupedOption, "default": None, "help": text}
    if setting.kind == "flag":
        # Where the default None lets the estimator choose, both --name and --no-name are options.
        both = f"{setting.option}/--no-{setting.option[2:]}" if setting.default is None else ""
        option = click.option(both or setting.option, setting.name, is_flag=True, **common)
    elif setting.values:
        # `values` whole numbers, each a separate word
        option = click.option(
            setting.option, setting.name, type=int, nargs=setting.values,
            metavar=setting.metavar, **common,
        )  # fmt: skip
    else:
        option = click.option(setting.option, setting.name, type=Word(setting), **common)

    def decorate(function: Any) -> Any:
        function = option(function)
        made = [p for p in function.__click_params__ if p.name == setting.name]
        made[-1].heading, made[-1].common = setting.group, setting.common
        return function

    return decorate


def _takes(setting: Setting) -> str:
    """Return the choices, as the help shows them before the default."""
    return f"{', '.join(setting.choices)}; " if setting.choices else ""
