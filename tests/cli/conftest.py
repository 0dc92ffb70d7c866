"""The command line in this process, tiny images, and a small trained model."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from convae.cli import run
from convae.images.files.writing import write_image


@dataclass(frozen=True)
class Done:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small tensors are faster on one thread."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def convae(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process: ``convae("info", path)``."""

    def command(*arguments: object) -> Done:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        unknown = options_unknown([str(argument) for argument in arguments], err)
        assert not unknown, f"the verb has no such option: {unknown} in {err!r}"
        return Done(code, out, err)

    return command


def options_unknown(arguments: list[str], text: str) -> set[str]:
    """Options that a text of a verb names, though the verb lacks them and nobody typed them.

    Options of other commands stand in quotes: ``'convae check DATA --strict'``. What says "fit with" is
    advice for the fit of the model, and an experiment fits models of several kinds.
    """
    command = _verb(arguments)
    if isinstance(command, click.Group):
        return set()  # the text is the help of several verbs
    known = _options_of(command)
    if "fit with" in text or arguments[0] == "experiment":
        known |= _options_of(_verb(["fit", "variational"]))
    typed = {word.split("=")[0] for word in arguments}
    own = re.sub(r"'convae [^']*'", "", text)
    return (
        set(re.findall(r"(?<![\w-])--[a-z][a-z-]*\w", own)) - known - typed - {"--help", "--debug"}
    )


def _verb(arguments: list[str]) -> click.Command:
    """The command that these words lead to; a group if they name no verb of it."""
    from convae.cli.verb_table import convae as program

    command: click.Command = program
    for word in arguments:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), word)
        if found is None:
            break
        command = found
    return command


def _options_of(command: click.Command) -> set[str]:
    return {name for one in command.params for name in (*one.opts, *one.secondary_opts)}


def outside(*arguments: object, **environment: str) -> Done:
    """Run the command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "convae", *map(str, arguments)],
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def waves(count: int, shape: tuple[int, ...], dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """(count, *shape) smooth pictures over the range of a dtype (0 to 1 for floats)."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    y, x, c = np.mgrid[:height, :width, :channels]
    a, b, p = rng.uniform(0.1, 0.7, (3, count, 1, 1, 1))
    unit: np.ndarray = 0.5 + 0.45 * np.sin(a * x + b * y + 9 * p + c)
    scale = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    scaled: np.ndarray = (unit * scale).astype(dtype)
    return scaled


def fill(folder: Path, images: np.ndarray, suffix: str = ".png") -> Path:
    """A folder of these images, named ``0.png``, ``1.png``, ..."""
    for number, image in enumerate(images):
        write_image(folder / f"{number}{suffix}", image)
    return folder


FIT = ("--epochs", "1", "--latent-dim", "3", "--widths", "4", "--blocks", "1", "--quiet")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 grey 12x10 images."""
    return fill(tmp_path_factory.mktemp("images") / "pictures", waves(24, (12, 10, 1)))


@pytest.fixture(scope="session")
def model(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of them."""
    path = tmp_path_factory.mktemp("model") / "waves.convae"
    assert run(["fit", "autoencoder", str(pictures), "--out", str(path), "--no-report", *FIT]) == 0
    return path


@pytest.fixture(scope="session")
def spatial(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of them with a spatial code."""
    path = tmp_path_factory.mktemp("model") / "spatial.convae"
    more = ["--code", "spatial", "--no-report", *FIT]
    assert run(["fit", "autoencoder", str(pictures), "--out", str(path), *more]) == 0
    return path
