"""Runs of a planned number of steps, and a plan that follows the speed of the machine."""

import signal
from pathlib import Path
from typing import Any

import pytest
from tests.training.small_run import (
    EPOCHS,
    STEPS,
    Stopper,
    digest,
    lasting,
    make_job,
    make_network,
)

from convae.training import time_budget
from convae.training.checkpoint import CheckpointFolder
from convae.training.interrupt import TrainingInterrupted
from convae.training.loop import train
from convae.training.observers import Observers
from convae.training.time_budget import MOST_EPOCHS, Costs, TimeBudget, steps_within

# Without a bypass, so that the weights at the end are not those of the start.
NETWORK: dict[str, Any] = {"bypass": "none"}
SIX: dict[str, Any] = {"epochs": 2, "steps": 6}


class Clock:
    """A clock that advances by ``pace`` seconds each time it is read."""

    def __init__(self, pace: float) -> None:
        self.now, self.pace = 0.0, pace

    def monotonic(self) -> float:
        self.now += self.pace
        return self.now


def run(settings: dict[str, Any], **options: Any) -> tuple[str, list[dict[str, Any]]]:
    job = make_job(**settings)
    network = make_network(job, **NETWORK)
    history = train(network, job, **options)
    return digest(network), lasting(history)


@pytest.mark.parametrize("per_epoch", [1, 3, 7])
@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("validation", [0.0, 0.5, 4.0])
def test_as_many_steps_as_fit_and_not_one_more(
    per_epoch: int, step: int, validation: float
) -> None:
    step %= per_epoch
    costs = Costs(1.0, validation)

    def seconds(steps: int) -> float:
        epochs = -(-(step + steps) // per_epoch)
        return steps + epochs * validation if steps else 0.0

    for tenths in range(0, 400, 7):
        left = tenths / 10
        best = max(n for n in range(60) if seconds(n) <= left + 1e-9)
        assert steps_within(left, costs, per_epoch, step) == best
    assert steps_within(-3, costs, per_epoch, step) == 0


def test_a_planned_number_of_steps_ends_inside_an_epoch_with_a_rate_of_nothing() -> None:
    job = make_job(**SIX, warmup=0.0)
    watch = Stopper()
    network = make_network(job, **NETWORK)
    history = train(network, job, observers=watch.watching())
    assert watch.steps == 6
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert [row["planned_steps"] for row in history] == [6, 6, 6]
    assert history[-1]["learning_rate"] == pytest.approx(0.0, abs=1e-9)
    assert history[1]["learning_rate"] > 0


def test_whole_epochs_as_steps_are_the_same_run() -> None:
    whole, planned = run({}), run({"steps": EPOCHS * STEPS})
    assert whole[0] == planned[0]
    assert [{**row, "planned_steps": EPOCHS * STEPS} for row in whole[1]] == planned[1]


def test_a_planned_run_goes_on_from_every_step(tmp_path: Path) -> None:
    whole = run(SIX)
    for after in range(1, 7):
        folder = CheckpointFolder(tmp_path / str(after), every=1e9)
        stopper = Stopper(after, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(TrainingInterrupted):
            run(SIX, checkpoint=folder, observers=stopper.watching())
        assert run(SIX, checkpoint=folder, resume=True) == whole, f"after {after} steps"


def budgeted(monkeypatch: pytest.MonkeyPatch, pace: float, costs: Costs) -> TimeBudget:
    """A budget of 100 s, on a clock that goes on by ``pace`` seconds with each look at it."""
    monkeypatch.setattr(time_budget, "time", Clock(pace))
    return TimeBudget(100.0, 0.0, 0.0, costs)


def test_a_slower_machine_gets_a_shorter_plan_and_a_faster_one_a_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for pace, costs, word in ((3.0, Costs(2.0, 0.0), "slower"), (0.5, Costs(8.0, 0.0), "faster")):
        watch = Stopper()
        budget = budgeted(monkeypatch, pace, costs)
        planned = 12
        history = run(
            {"epochs": 3, "steps": planned},
            budget=budget,
            observers=Observers([watch], interval=1e9),
        )[1]
        plans = [row["planned_steps"] for row in history]
        assert (plans[-1] < planned) == (word == "slower")
        assert history[-1]["epoch"] == -(-plans[-1] // STEPS)
        assert any(f"training is {word} than measured" in text for text in watch.messages)
        assert budget.spent() <= 100 * 1.1


def test_no_more_epochs_are_planned_than_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = budgeted(monkeypatch, 1e-6, Costs(0.02, 0.0))
    assert budget.replan(10, 3, step=3, per_epoch=4) == 4 * MOST_EPOCHS


def test_a_forecast_that_is_nearly_right_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = budgeted(monkeypatch, 1e-6, Costs(2.0, 0.0))
    assert budget.replan(100, 0, step=0, per_epoch=1000) == 100  # 1 s a step, by half: 100 s
    budget = budgeted(monkeypatch, 1e-6, Costs(2.0, 0.0))
    assert budget.replan(50, 0, step=0, per_epoch=1000) == pytest.approx(100, abs=1)


def test_a_resumed_run_follows_the_plan_that_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan was shortened to 6 steps by hand after the second; what is resumed has no clock at all."""
    monkeypatch.setattr(TimeBudget, "due", lambda self: True)
    monkeypatch.setattr(
        TimeBudget, "replan", lambda self, planned, done, **_: 6 if done > 1 else 12
    )
    settings = {"epochs": 3, "steps": 12}

    def budget() -> TimeBudget:
        return TimeBudget(1e6, 0.0, 0.0, Costs(1.0, 0.0))

    whole = run(settings, budget=budget())
    assert [row["planned_steps"] for row in whole[1]] == [6, 6, 6]
    folder = CheckpointFolder(tmp_path, every=1e9)
    stopper = Stopper(3, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(TrainingInterrupted):
        run(settings, budget=budget(), checkpoint=folder, observers=stopper.watching())
    facts = folder.load()[1]
    assert facts["planned_steps"] == 6
    assert facts["spent"] > 0
    assert run(settings, checkpoint=folder, resume=True) == whole


def test_what_is_spent_before_an_interruption_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = CheckpointFolder(tmp_path, every=1e9)
    stopper = Stopper(2, lambda: signal.raise_signal(signal.SIGINT))
    budget = budgeted(monkeypatch, 1.0, Costs(1.0, 0.0))
    with pytest.raises(TrainingInterrupted):
        run(SIX, budget=budget, checkpoint=folder, observers=stopper.watching())
    before = folder.load()[1]["spent"]
    assert before > 0
    later = budgeted(monkeypatch, 1.0, Costs(1.0, 0.0))
    run(SIX, budget=later, checkpoint=folder, resume=True)
    assert later.spent_before == before
