"""The options that all fits share."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from convae.cli.fit_options import Fit, fitting
from convae.cli.options import images

GIVEN: dict[str, tuple[list[str], Any]] = {
    "out": (["--out", "b.convae"], Path("b.convae")),
    "config": (["--config", "c.toml"], Path("c.toml")),
    "pairs": (["--set", "a=1", "--set", "b=2"], ("a=1", "b=2")),
    "groups": (["--groups", "g.csv"], Path("g.csv")),
    "checkpoint": (["--checkpoint", "state"], Path("state")),
    "checkpoint_every": (["--checkpoint-every", "7"], 7.0),
    "resume": (["--resume"], True),
    "restart": (["--restart"], True),
    "report": (["--no-report"], False),
    "trackers": (["--tracker", "tensorboard:runs"], ("tensorboard:runs",)),
    "data.given": (["x", "y"], ("x", "y")),
    "data.data_dir": (["--data-dir", "sets"], Path("sets")),
    "data.download": (["--download"], True),
    "data.split": (["--split", "test"], "test"),
    "data.channels_first": (["--channels-first"], True),
    "data.max_pixels": (["--max-pixels", "9"], 9),
}


def fit_of(words: list[str]) -> Fit:
    got: list[Fit] = []

    @click.command()
    @images()
    @fitting
    def command(fit: Fit) -> None:
        got.append(fit)

    data = [] if words[:1] == ["x"] else ["x"]
    out = [] if "--out" in words else ["--out", "m.convae"]
    done = CliRunner().invoke(command, [*data, *out, *words])
    assert done.exit_code == 0, done.output
    return got[0]


def value_of(fit: Fit, name: str) -> Any:
    value: Any = fit
    for part in name.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("name", GIVEN)
def test_every_option_arrives(name: str) -> None:
    words, expected = GIVEN[name]
    assert value_of(fit_of(words), name) == expected
    assert value_of(fit_of([]), name) != expected


def test_no_option_is_left_out_of_this_test() -> None:
    fit = fit_of([])
    names = {*vars(fit), *(f"data.{name}" for name in vars(fit.data))}
    for_models = {"data.channels", "data.values"}  # of verbs that use a model
    assert names - {"data"} - for_models == set(GIVEN)
