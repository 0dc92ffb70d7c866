"""Fits within a time budget: whether they keep it, and their error next to that of a fit without one."""

import os
import time
from collections.abc import Callable, Sequence

import numpy as np

import convae
from convae.evaluation.reconstruction import evaluate
from record import Section, note

SETS, BUDGETS, TESTED = ("mnist", "fashion-mnist", "cifar10"), ("20s", "60s", None), 1000


class Messages:
    """What a fit says, on standard error."""

    def message(self, text: str) -> None:
        note(f"  {text}")

    def step(self, moment: object) -> None:
        pass

    def epoch(self, row: object) -> None:
        pass


def budgets() -> None:
    """Budgets of wall time, as users have them; other processes take a part of it."""
    _table("budgets", "wall time", "wall s", time.perf_counter, BUDGETS)


def budgets_cpu() -> None:
    """The same budgets on a clock of processor time, for machines that other processes share."""
    real = time.monotonic
    time.monotonic = time.process_time
    try:
        _table("budgets_cpu", "processor time", "CPU s", time.process_time, BUDGETS)
    finally:
        time.monotonic = real


def _table(
    name: str, what: str, unit: str, clock: Callable[[], float], given: Sequence[str | None]
) -> None:
    """The table; written after every row, since fits without a budget are long."""
    section = Section(
        name,
        f"Fits within a budget of {what}, and the default fit without one: MSE on test images",
        ("images", "budget", unit, "of the budget", "steps", "batch", "widths", "MSE", "PCA-64 MSE",
         "load"),
    )  # fmt: skip
    section.remarks.append(
        f"Budget *none* is the default number of epochs. MSE of the first {TESTED:,} test images (CIFAR-10: "
        f"the lossless 1,000), for PCA of the same latent dimension, too. The {what} is that of fit alone, "
        "reading included; *load* is the number of running processes (the mean of a minute) when it ended."
    )
    for budget in given:
        for name in SETS:
            source = convae.open_source(name, split="train")
            test = convae.open_source(name, split="test").select(np.arange(TESTED))
            began = clock()
            model = convae.ConvAutoencoder(training={"budget": budget}).fit(
                source, observers=[Messages()]
            )
            spent = clock() - began
            seconds = None if budget is None else float(budget.removesuffix("s"))
            done = model.history_[-1].get("planned_steps")
            settings, found = model.settings_, evaluate(model, test)
            steps = f"{settings.epochs} epochs" if done is None else done
            section.row(
                name,
                budget or "none",
                spent,
                "-" if seconds is None else f"{spent / seconds:.2f}",
                steps,
                settings.batch_size,
                ", ".join(map(str, model.architecture_.widths)),
                found.model["mse"],
                found.baseline["mse"],
                f"{os.getloadavg()[0]:.1f}",
            )
            section.write()
