"""Steps of training, and the time to a given test error."""

import math
import statistics
from itertools import pairwise
from typing import Any

from contenders import data
from convae.networks.presets import make_architecture
from race.field import (
    CHANNELS_LAST,
    COMPILED,
    DEFAULTS,
    GLOROT,
    KERAS,
    OURS,
    OWN_RECIPE,
    PLAIN,
    PYTHAE,
    SHOWING,
    Contender,
)
from race.figures import operations
from race.rounds import Result, race
from race.told import RATES, Options, Told, rates
from race.workers import ContenderError
from record import note

BATCH, SIDE = 128, 28
TARGET = 0.0125  # what the tutorial network reaches within two epochs
FIELD: dict[str, tuple[Contender, ...]] = {
    "tutorial": (OURS, PLAIN, CHANNELS_LAST, COMPILED, *KERAS, PYTHAE, OWN_RECIPE),
    "pooled": (OURS, PLAIN, CHANNELS_LAST, COMPILED),
    "residual": (OURS, PLAIN, CHANNELS_LAST, COMPILED),
}

LEARNERS = (OURS, CHANNELS_LAST, GLOROT, KERAS[0], PYTHAE, OWN_RECIPE, DEFAULTS)


def job(preset: str, images: int, warmup: int) -> dict[str, Any]:
    """What every contender is given."""
    return {"preset": preset, "side": SIDE, "batch": BATCH, "images": images, "warmup": warmup}


def train(options: Options) -> None:
    """Steps of training: what the loop makes of a network."""
    told = Told(
        "train",
        "Training: images per second, batches of 128 images of 28x28, float32, Adam",
        ("network", "who", *RATES),
        options,
    )
    for preset, contenders in FIELD.items():
        result = _steps(preset, contenders, options)
        count = operations(make_architecture(preset, (1, SIDE, SIDE)), training=True)
        rates(told, (preset,), result, count)
        if result.products:
            product = statistics.median(result.products)
            told.remark(
                f"{preset}: {count / 1e6:.1f} million operations for each image and step; the matrix product "
                f"of the same run: {product:.0f} GFLOP/s."
            )
    told.write()


def progress(options: Options) -> None:
    """Steps of training with and without the progress line of the command line."""
    told = Told(
        "progress",
        "The progress line: images per second of training, with it and without",
        ("network", "who", *RATES),
        options,
    )
    for preset in ("tutorial", "residual"):
        rates(told, (preset,), _steps(preset, (OURS, SHOWING), options), None)
    told.remark("On a terminal that is rewritten four times a second; the goal is at most 1.01.")
    worker = OURS.start("redraw")
    facts = worker.answer()
    worker.end()
    share = facts["redraw"] * facts["a_second"]
    told.remark(
        f"A redrawing takes {1e3 * facts['redraw']:.2f} ms of one core, {facts['a_second']} a second: "
        f"{share:.2%} of that core."
    )
    told.values["redraw"] = facts
    told.write()


def _steps(preset: str, contenders: tuple[Contender, ...], options: Options) -> Result:
    """A race of steps: whole batches of 128, and enough for validation between epochs to be rare."""
    given = job(preset, BATCH * (20 if options.quick else 400), warmup=2 if options.quick else 10)
    return race(
        contenders, "train", given, rounds=options.rounds, seconds=options.seconds, unit=BATCH
    )


def error(options: Options) -> None:
    """Training until the error on the test images of MNIST is small enough."""
    target, portion, most = (0.08, 5, 20) if options.quick else (TARGET, 50, 1_000)
    told = Told(
        "error",
        f"Until the mean squared error on test images of MNIST is at most {target}, codes of 16 numbers",
        ("who", "steps of 128", "s of training", "s from the start of the process", "error"),
        options,
    )
    if data.mnist("test") is None:
        raise SystemExit(
            "the part error needs MNIST: set CONVAE_DATA_DIR to the folder that has it"
        )
    given = job("tutorial", images=2_560 if options.quick else 60_000, warmup=1)
    given["tested"] = 200 if options.quick else 2_000
    runs = [_Learner(contender, given) for contender in LEARNERS]
    while any(run.error > target and run.steps < most and not run.fault for run in runs):
        for run in runs:
            if run.error > target and run.steps < most and not run.fault:
                run.learn(portion)
    for run in runs:
        run.end()
        if run.fault:
            told.absent({run.contender.name: run.fault})
            continue
        steps = str(run.steps) if run.error <= target else f"more than {run.steps}"
        seconds = run.usual()
        told.row(run.contender.name, steps, seconds, run.started + seconds, f"{run.error:.5f}")
        told.values[run.contender.name] = {"errors": run.errors, "portion": portion}
    told.remark(
        f"Measured every {portion} steps on the first {given['tested']:,} test images, the measuring "
        "left out of the seconds, which are the median portion times their number: a contender may stand "
        "still once. Adam at 1e-3 but for convae's own recipe, whose schedule is one of two "
        "epochs; the tutorial network but for the default one."
    )
    told.write()


class _Learner:
    """One who trains until it is good enough."""

    def __init__(self, contender: Contender, given: dict[str, Any]) -> None:
        self.contender, self.fault = contender, ""
        self.steps, self.seconds, self.started, self.error = 0, 0.0, 0.0, math.inf
        self.errors: list[tuple[float, float]] = []
        note(f"  {contender.name} starts")
        try:
            self.worker = contender.start("train", **given)
            self.started = self.worker.answer()["elapsed"]
        except ContenderError as error:
            self.fault = str(error)

    def learn(self, steps: int) -> None:
        """So many steps, and the error behind them."""
        try:
            self.seconds += self.worker.run(steps)
            self.error = self.worker.ask("error")["error"]
        except ContenderError as error:
            self.fault = str(error)
            return
        self.steps += steps
        self.errors.append((self.seconds, self.error))
        note(f"  {self.contender.name}: {self.error:.5f} after {self.steps} steps")

    def usual(self) -> float:
        """The seconds that all portions take if each takes as long as the median."""
        ends = [0.0, *(seconds for seconds, _ in self.errors)]
        return statistics.median(b - a for a, b in pairwise(ends)) * len(self.errors)

    def end(self) -> None:
        """Send it home."""
        if not self.fault:
            self.worker.end()
