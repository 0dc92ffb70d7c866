"""Command-line options that experiments share: training images, test images, the file of results."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convae.cli.io.data import Data
from convae.cli.options import SETTINGS_OPTIONS, Function, number_option, overwriting, path_option
from convae.cli.settings import Values, collect
from convae.cli.terminal.output import Voice, plain
from convae.config.setting import Setting

if TYPE_CHECKING:
    from convae.images.sources.base import ImageSource

_MOST = 10_000


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """The options of an experiment, without the parameters of the estimators that it fits.

    Attributes:
        data: the images.
        test: images to measure on; None for the test part of a set by name, else a fifth of ``data``.
        groups: a CSV file that names the group of each image.
        most: the largest number of images to use, for training and for testing.
        config, pairs: a TOML file, and ``name=value`` pairs.
        out: the JSON file of results; None for none.
    """

    data: Data
    test: str | None
    groups: Path | None
    most: int
    config: Path | None
    pairs: tuple[str, ...]
    out: Path | None

    def parameters(self, table: Sequence[Setting], flags: dict[str, Any]) -> Values:
        """Collect the estimators' parameters from file, pairs and flags, see :func:`collect`."""
        return collect(table, config=self.config, pairs=self.pairs, flags=flags)

    def sources(
        self, shape: Sequence[int] | None, voice: Voice
    ) -> "tuple[ImageSource, ImageSource | None]":
        """Open the images to fit on and those to measure on (None: some of the former are held out)."""
        source, test = self.data.open(shape), None
        if self.test is not None:
            test = replace(self.data, given=(self.test,), split="test").open(shape)
        elif self.data.split == "train" and self._has_parts():
            test = replace(self.data, split="test").open(shape)
        for notes in (source.notes, [] if test is None else test.notes):
            for note in notes:
                voice.note(note)
        where = "a part of them held out" if test is None else test.description
        voice.note(f"training on {source.description}, measured on {where}")
        return source, test

    def _has_parts(self) -> bool:
        """Return whether the data is a set by name, which has test images of its own."""
        from convae.images.sources.named_sets import canonical_name

        return len(self.data.given) == 1 and canonical_name(self.data.given[0]) is not None

    def report(self, lines: Sequence[str], values: Mapping[str, Any], voice: Voice) -> None:
        """Print the results, and write them to ``out`` if there is one."""
        from convae.filesystem.atomic import atomic_write

        for line in lines:
            voice.answer(line)
        if self.out is not None:
            with atomic_write(self.out) as file:
                file.write((json.dumps(plain(values), indent=2, allow_nan=False) + "\n").encode())
            voice.say(f"figures: {self.out}")
        voice.result({**values, "out": self.out})


_OPTIONS = (
    click.option(
        "--test",
        metavar="DATA",
        help="Images to measure on.  [default: the test part of a set by name, else a fifth of DATA]",
    ),
    number_option(
        "--max-images",
        "most",
        default=_MOST,
        help="Largest number of images to train on and to measure on; of more, take a random choice.",
    ),
    path_option("--out", metavar="FILE.json", help="Write all results to this file."),
    *SETTINGS_OPTIONS,
)


def experimenting(function: Function) -> Function:
    """Add the options of all experiments; the verb gets them as one :class:`Experiment`."""

    @wraps(function)
    def gather(*args: Any, **options: Any) -> Any:
        from convae.cli.io.output_files import output_file

        data = Data.taken(options)
        own = {
            name: options.pop(name) for name in Experiment.__dataclass_fields__.keys() - {"data"}
        }
        if own["out"] is not None:
            own["out"] = output_file(own["out"], ".json")
        experiment = Experiment(data=data, **own)
        return function(*args, experiment=experiment, **options)

    decorated: Any = overwriting(gather)
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
