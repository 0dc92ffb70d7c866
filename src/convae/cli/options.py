"""Options that several verbs share, as decorators."""

import math
import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from convae.cli.settings import Setting, Word
from convae.cli.terminal.output import Voice
from convae.errors import unknown_name
from convae.filesystem.run_files import current_run

Function = TypeVar("Function", bound=Callable[..., Any])

DEVICES = ("auto", "cpu", "cuda")
SPLITS = ("train", "test")


class Name(click.ParamType[Any]):
    """A name out of a list; the error for an unknown one suggests the nearest."""

    def __init__(self, kind: str, known: Sequence[str]) -> None:
        self.kind, self.known, self.name = kind, tuple(known), kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name itself, if it is known."""
        if value not in self.known:
            raise unknown_name(self.kind, value, self.known)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[Any]:
        """Return the names that begin with the text."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in self.known if name.startswith(incomplete)]


class Range(click.ParamType[Any]):
    """``0..1``: two numbers, the first of them smaller."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return both numbers."""
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


def speaking(function: Function) -> Function:
    """Add ``--quiet``, ``--json`` and ``--debug``; the verb gets a :class:`Voice`."""

    @click.option("--quiet", "-q", is_flag=True, help="No progress, no account of what was done.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
    @click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")
    @wraps(function)
    def speak(*args: Any, quiet: bool, as_json: bool, debug: bool, **options: Any) -> Any:  # noqa: ARG001
        return function(*args, voice=Voice(quiet=quiet, json=as_json), **options)

    return speak  # type: ignore[return-value]


def computing(function: Function) -> Function:
    """Add ``--device`` to a verb that runs a network."""
    return click.option(
        "--device",
        type=Name("device", DEVICES),
        default="auto",
        show_default=True,
        metavar="|".join(DEVICES),
        help="Where to compute.",
    )(function)


def seeded(function: Function) -> Function:
    """Add ``--seed`` to a verb that samples at random and does not train."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="Seed of what is chosen at random.  [default: 0]",
    )(function)


def overwriting(function: Function) -> Function:
    """Add ``--overwrite`` to a verb that writes; the command's list of files records it."""

    def allow(_: click.Context, __: click.Parameter, given: bool) -> None:
        if given and (run := current_run()) is not None:
            run.overwrite = True

    option = click.option(
        "--overwrite", is_flag=True, expose_value=False, callback=allow,
        help="Replace what is there; of a folder what an earlier run wrote, as a whole.",
    )  # fmt: skip
    return option(function)


def writing(function: Function) -> Function:
    """Add ``--out``, ``--format`` and ``--strict`` to a verb that writes images."""
    path = click.Path(path_type=Path)
    options = (
        click.option(
            "--out", type=path, required=True, metavar="DIR", help="The folder to write into."
        ),
        click.option("--format", metavar="KIND", help="Another kind of file: png, tiff, jpeg, ..."),
        click.option("--strict", is_flag=True, help="Stop at an image that cannot be used."),
    )
    function = overwriting(function)
    for option in reversed(options):
        function = option(function)
    return function


def images(
    *, split: str = "train", required: bool = True, for_model: bool = False
) -> Callable[[Function], Function]:
    """Add the argument DATA and the options that say where images are.

    Args:
        split: the default part of a set.
        required: whether DATA is required.
        for_model: whether a fitted model is applied to the images; adds the options that adapt them to it.
    """
    decorators = _image_options(split, required=required)
    if for_model:
        decorators += _fitting_options()

    def decorate(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _image_options(split: str, *, required: bool) -> list[Callable[[Any], Any]]:
    return [
        click.argument("data", nargs=-1, required=required, metavar="DATA..."),
        click.option(
            "--data-dir", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
            help="Where the sets mnist, fashion-mnist and cifar10 are looked for first.  "
            "[default: CONVAE_DATA_DIR, then the cache]",
        ),
        click.option("--download", is_flag=True, help="Fetch such a set if it is nowhere."),
        click.option(
            "--split", type=Name("split", SPLITS), default=split, show_default=True,
            metavar="|".join(SPLITS), help="Which part of a set, or of a .npz with x_train and x_test.",
        ),
        click.option(
            "--channels-first/--channels-last", default=None,
            help="Where an array has its channels: (n, c, h, w) or (n, h, w, c).  [default: by its shape]",
        ),
        click.option(
            "--max-pixels", type=click.IntRange(1), metavar="N",
            help="Height times width of the largest image that is read.  [default: 100,000,000]",
        ),
    ]  # fmt: skip


def _fitting_options() -> list[Callable[[Any], Any]]:
    return [
        click.option(
            "--channels", type=click.IntRange(1), metavar="N",
            help="Convert images to this number of channels, that of the model: 1 makes RGB images grey, 3 "
            "makes grey ones RGB.  [default: others are refused]",
        ),
        click.option(
            "--values", type=Range(), metavar="LOW..HIGH",
            help="Black and white of float images for a model of 8-bit or 16-bit ones: 0..1 or 0..255; "
            "results have these values again.  [default: such images are refused]",
        ),
    ]  # fmt: skip


def parameters(table: Sequence[Setting]) -> Callable[[Function], Function]:
    """Add an option for every parameter of an estimator; the verb gets them as ``flags``."""

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
    """An option that stands under a heading in the help."""

    heading, common = "", True


class GroupedCommand(click.Command):
    """A command whose help lists options under headings.

    ``--help`` shows the most common options, ``--help-all`` all of them.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own options, and ``--help-all`` if ``--help`` leaves some out."""
        found = super().get_params(ctx)
        return [*found, _HELP_ALL] if self._rare(found) else found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read ``--size 64`` and ``--size 64x48`` as two numbers, too."""
        pairs = [o for p in self.params if p.nargs == 2 for o in p.opts]
        return super().parse_args(ctx, _in_pairs(args, pairs))

    def _rare(self, parameters: Sequence[click.Parameter]) -> list[click.Parameter]:
        """Return the options that the short help leaves out; none if these are few."""
        options = [p for p in parameters if isinstance(p, click.Option)]
        rare = [p for p in options if p.name in RARE or not getattr(p, "common", True)]
        return list[click.Parameter](rare) if len(rare) > FEW else []

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Yield each heading with its options; required options come first, those without a heading last."""
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
    """
    found: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        name, joined, value = word.partition("=")
        if name not in options or not (joined or rest):
            found.append(word)
            continue
        value = value if joined else rest.pop(0)
        match = re.fullmatch(r"(\d+)(?:[x,](\d+))?", value)
        second = bool(rest) and rest[0].isdigit() and not joined
        if match is None or (second and match[2] is None):
            found += [name, value]  # two numbers, or a value that is refused later
        else:
            found += [name, match[1], match[2] or match[1]]
    return found


def _show_all(ctx: click.Context, _: click.Parameter, given: bool) -> None:
    if given and not ctx.resilient_parsing:
        ctx.meta[ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


ALL = "convae.all_options"
FEW = 3  # rare options are shown if there are no more of them
# The most common options; the help of a verb with many others shows these alone.
# Options of many verbs that are rarely needed: how images are read, how a run is stored, details of a fit.
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
    told = setting.help + ("" if plain else f"  [{_takes(setting)}default: {shown}]")
    common: dict[str, Any] = {"cls": GroupedOption, "default": None, "help": told}
    if setting.kind == "flag":
        # Where None means an automatic choice, both answers can be given.
        both = f"{setting.option}/--no-{setting.option[2:]}" if setting.default is None else ""
        option = click.option(both or setting.option, setting.name, is_flag=True, **common)
    elif setting.values:
        # `values` whole numbers, each a word of its own
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
