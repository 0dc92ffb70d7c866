"""Command-line options that all kinds of ``convae tune`` share."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from convae.cli.io.data import Data
from convae.cli.options import SETTINGS_OPTIONS, Function, number_option, overwriting, path_option
from convae.cli.settings import Values, collect, read_text
from convae.config.search_space import parse_dimension
from convae.config.setting import Setting


@dataclass(frozen=True, kw_only=True)
class Tune:
    """The options of a search, without the parameters of the estimator.

    Attributes:
        data: the images.
        out: the folder of results.
        trials: number of trials; None for the default.
        budget: the time to search for, as text; None for no limit.
        searches: texts such as ``learning_rate=0.001:0.1:log``.
        most: the largest number of images to use.
        groups: a CSV file that names the group of each image.
        config, pairs: a TOML file, and ``name=value`` pairs.
        resume: whether to continue the search in ``out``.
    """

    data: Data
    out: Path
    trials: int | None
    budget: str | None
    searches: tuple[str, ...]
    most: int
    groups: Path | None
    config: Path | None
    pairs: tuple[str, ...]
    resume: bool

    def parameters(self, table: Sequence[Setting], flags: dict[str, Any]) -> Values:
        """Collect the settings of all trials from file, pairs and flags, see :func:`collect`."""
        return collect(table, config=self.config, pairs=self.pairs, flags=flags)

    def search(self, table: Sequence[Setting]) -> dict[str, Any] | None:
        """Return what is varied, by name; None for what a kind varies by default.

        Raises:
            InputError: a text names no setting, one that cannot be searched, or values that it cannot have.
        """
        known = {one.key: one for one in table}
        parsed = [parse_dimension(text, known, read_text) for text in self.searches]
        return {one.key: dimension for one, dimension in parsed} or None


_OPTIONS = (
    path_option("--out", metavar="DIR", help="Folder to write into.", required=True),
    click.option(
        "--trials",
        type=click.IntRange(1),
        metavar="N",
        help="Number of trials, trial 0 included.  [default: 20, or no limit with --budget]",
    ),
    click.option(
        "--budget",
        metavar="TIME",
        help="Stop the search after this time, such as 90s, 30min or 2h.  [default: no limit]",
    ),
    click.option(
        "--search",
        "searches",
        multiple=True,
        metavar="NAME[=VALUES]",
        help="Vary this setting, and no others by default: NAME=LOW:HIGH, NAME=LOW:HIGH:log, NAME=a|b|c, or "
        "NAME for its default range. May be given several times.",
    ),
    click.option("--resume", is_flag=True, help="Continue the search in the folder."),
    number_option(
        "--max-images",
        "most",
        default=10_000,
        help="Largest number of images to use; of more, take a random choice.",
    ),
    *SETTINGS_OPTIONS,
)


def tuning(function: Function) -> Function:
    """Add the options of all searches; the verb gets them as one :class:`Tune`."""

    @wraps(function)
    def gather(*args: Any, **options: Any) -> Any:
        data = Data.taken(options)
        own = {name: options.pop(name) for name in Tune.__dataclass_fields__.keys() - {"data"}}
        tune = Tune(data=data, **own)
        return function(*args, tune=tune, **options)

    decorated: Any = overwriting(gather)
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
