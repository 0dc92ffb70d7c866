"""What users feel: how long until something happens."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from race.field import CHANNELS_LAST, COMPILED, CORES, KERAS, OURS, PLAIN, PYTHAE, Contender
from race.figures import ratios, spread
from race.told import Options, Told, times
from race.training import BATCH, SIDE
from race.whole_fits import OUR_FILES, once, some_mnist
from race.workers import WORK, ContenderError, environment
from record import note

FEW = 1_000  # images, of what a first result is made
Measure = Callable[[], float]


def start(options: Options) -> None:
    """Seconds from the start of a process to what it is there for."""
    told = Told(
        "start",
        "Start: seconds from the start of a process",
        ("until", "who", "s (quartiles)", "convae is faster by (quartiles)", "goal"),
        options,
    )
    rounds = 1 if options.quick else min(options.rounds, 7)
    for what, goal, field in _races(options):
        seconds = _alternated(field, rounds, told)
        ours = seconds[next(iter(field))]
        for who, values in seconds.items():
            pairs = list(zip(values, ours, strict=True))
            faster = "-" if who.startswith(("convae", "python")) else times(ratios(pairs))
            told.row(what, who, str(spread(values)), faster, goal if values is ours else "-")
        told.values[what] = seconds
    told.write()


def _races(options: Options) -> list[tuple[str, str, dict[str, Measure]]]:
    """What is waited for, the goal, and how to wait for it with each; ours first."""
    count = 2_000 if options.quick else 60_000
    many, few = some_mnist(count), some_mnist(FEW)
    stepping = {"preset": "tutorial", "side": SIDE, "batch": BATCH, "images": count, "warmup": 1}
    fitting = {"preset": "tutorial", "data": few, "batch": BATCH, "epochs": 1}
    peers = (PLAIN, CHANNELS_LAST, COMPILED, *KERAS, PYTHAE)
    step: dict[str, Measure] = {
        "convae fit --preset tutorial": partial(_first_step, many, "tutorial"),
        "convae fit": partial(_first_step, many, "residual"),
    }
    step |= {peer.name: partial(_elapsed, peer, "train", stepping) for peer in peers}
    result: dict[str, Measure] = {
        who.name: partial(_elapsed, who, "fit", fitting)
        for who in (OURS, *peers[:2], *KERAS, PYTHAE)
    }
    words: dict[str, Measure] = {
        "convae --help": partial(_command, [*_convae(), "--help"]),
        "convae fit autoencoder --help": partial(
            _command, [*_convae(), "fit", "autoencoder", "--help"]
        ),
        "python -c pass": partial(_command, [sys.executable, "-c", "pass"]),
        "python -c 'import torch'": partial(_command, [sys.executable, "-c", "import torch"]),
    }
    return [
        ("the end of a command", "0.5", words),
        (f"the first step of training, {count:,} images", "3", step),
        (f"the first result: {FEW:,} images, one epoch", "-", result),
    ]


def _alternated(field: dict[str, Measure], rounds: int, told: Told) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {who: [] for who in field}
    for number in range(rounds):
        for who in list(seconds):
            try:
                seconds[who].append(field[who]())
            except ContenderError as error:
                del seconds[who]
                told.absent({who: str(error)})
        note(f"  round {number + 1} of {rounds}")
    return seconds


def _elapsed(contender: Contender, task: str, job: dict[str, Any]) -> float:
    return float(once(contender, task, **job)["elapsed"])


def _first_step(images: str, preset: str) -> float:
    arguments = [images, "--preset", preset, "--out", str(WORK / "first.convae")]
    return float(once(OUR_FILES, "first_step", arguments=arguments)["elapsed"])


def _command(arguments: list[str]) -> float:
    began = time.perf_counter()
    path = os.environ.get("PYTHONPATH")
    subprocess.run(arguments, capture_output=True, check=True, env=environment(CORES, path))
    return time.perf_counter() - began


def _convae() -> list[str]:
    script = Path(sys.executable).with_name("convae")
    return [str(script)] if script.exists() else [sys.executable, "-m", "convae"]
