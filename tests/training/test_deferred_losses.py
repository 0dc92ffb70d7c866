"""Losses that are read later change nothing but the moment at which they are known."""

from typing import Any

import pytest
import torch
from tests.training.small_run import EPOCHS, STEPS, Stopper, make_job, make_network
from tests.training.test_loop import Poisoned, finished

from convae.training.deferred_losses import MOST, DeferredLosses
from convae.training.loop import train

CPU, ACCELERATOR = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third step is looked at, as if this were an accelerator with little patience."""
    monkeypatch.setattr(DeferredLosses, "full", property(lambda deferred: len(deferred) >= 3))


def test_a_cpu_is_looked_at_after_every_step_and_an_accelerator_is_not() -> None:
    losses, finite = torch.tensor([1.0, 2.0]), torch.tensor(True)
    for device, most in ((CPU, 1), (ACCELERATOR, MOST)):
        deferred = DeferredLosses(device)
        for done in range(most):
            assert len(deferred) == done
            assert not deferred.full
            deferred.add(losses, finite)
        assert deferred.full
        assert deferred.read() == ([3.0] * most, None)
        assert deferred.read() == ([], None)


@pytest.mark.parametrize("bad", [0, 1, 3])
def test_the_first_step_that_is_not_finite_is_named(bad: int) -> None:
    deferred = DeferredLosses(ACCELERATOR)
    for step in range(4):
        deferred.add(torch.ones(2), torch.tensor(step < bad))
    assert deferred.read() == ([2.0] * 4, bad)


@pytest.mark.parametrize("changes", [{}, {"norm": "batch"}, {"bypass": "none"}], ids=str)
def test_looking_later_changes_nothing(
    changes: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    at_once = finished(make_job(), **changes)
    request.getfixturevalue("later")
    assert finished(make_job(), **changes) == at_once


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_bad_step_that_is_found_later_is_taken_back_with_all_behind_it(
    step: int, request: pytest.FixtureRequest
) -> None:
    def run() -> tuple[Any, list[str]]:
        job = make_job(schedule="constant")
        Poisoned(job, STEPS + step)
        watcher = Stopper()
        watching = watcher.watching()
        watching.due = lambda: False  # type: ignore[method-assign]
        history = train(make_network(job), job, observers=watching)
        return [row["train_loss"] for row in history], watcher.messages

    at_once = run()
    request.getfixturevalue("later")
    assert run() == at_once
    assert at_once[1][0].startswith(f"epoch 2, step {step}: loss or gradient is not finite; went")
    assert len(at_once[0]) == EPOCHS + 1
