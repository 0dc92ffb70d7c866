"""The loop: repeatable, stopped early, best weights, roll-back, small sets, precisions."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.small_run import (
    EPOCHS,
    STEPS,
    Stopper,
    digest,
    lasting,
    make_job,
    make_network,
)
from torch import Tensor

from convae.config.choices import OPTIMIZERS
from convae.errors import TrainingError
from convae.training import loop
from convae.training.job import Job
from convae.training.loop import train, training_step
from convae.training.observers import Row
from convae.training.state import TrainingState
from convae.training.tasks.task import step_rng
from convae.training.validation import Validation


def finished(job: Job, **changes: Any) -> tuple[str, list[Row]]:
    """The digest of the weights and the history of a whole run."""
    network = make_network(job, **changes)
    history = train(network, job)
    return digest(network), lasting(history)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_seed_gives_the_same_weights(optimizer: str) -> None:
    one = finished(make_job(optimizer=optimizer), bypass="none")
    torch.manual_seed(99)  # what others draw changes nothing
    assert finished(make_job(optimizer=optimizer), bypass="none") == one
    assert finished(make_job(optimizer=optimizer, seed=1), bypass="none")[0] != one[0]


def test_training_draws_no_random_numbers_of_the_caller() -> None:
    job = make_job()
    network = make_network(job)
    before = torch.get_rng_state()
    train(network, job)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("storage", ["cached", "streamed"])
@pytest.mark.parametrize("random_crop", [False, True])
def test_storage_makes_no_difference(storage: str, random_crop: bool) -> None:
    resident = finished(make_job(random_crop=random_crop))
    assert finished(make_job(random_crop=random_crop, storage=storage)) == resident


def test_the_history_has_a_row_for_the_start_and_each_epoch() -> None:
    job = make_job(optimizer="adamw")
    history = train(make_network(job), job)
    assert [row["epoch"] for row in history] == list(range(EPOCHS + 1))
    assert history[0]["train_loss"] is None
    assert all(math.isfinite(row["train_loss"]) for row in history[1:])
    assert all(math.isfinite(row["validation_loss"]) for row in history)
    assert [row["validation_loss"] for row in history] == [r["validation_mse"] for r in history]
    rates = [row["learning_rate"] for row in history[1:]]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0  # the cosine has come down


def test_it_learns() -> None:
    job = make_job(epochs=30, optimizer="muon")
    history = train(make_network(job, bypass="none", activation="silu"), job)
    assert history[-1]["train_loss"] < history[1]["train_loss"] / 2


def validation_loss(network: Any, job: Job) -> float:
    clean = job.unit(job.images.batch(job.validation))
    with torch.no_grad():
        return float((network.eval()(clean).reconstruction - clean).square().mean())


@pytest.mark.parametrize("code", ["dense", "spatial"])
def test_it_never_ends_above_the_pca_that_it_starts_from(code: str) -> None:
    job = make_job(learning_rate=0.5, clip=0.0, ema=0.0)  # far too fast
    network = make_network(job, code=code)
    start = validation_loss(network, job)
    history = train(network, job)
    assert history[0]["validation_loss"] == pytest.approx(start, rel=1e-5)
    assert validation_loss(network, job) <= start * (1 + 1e-6)


def test_the_weights_are_those_of_the_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(epochs=5)
    script = iter([5.0, 3.0, 4.0, 2.5, 6.0, 2.5])
    seen = []

    def scripted(
        state: TrainingState, job: Job
    ) -> tuple[float, float, list[int], dict[str, float]]:
        seen.append(digest(state.averaged))
        return next(script), 1.0, [], {}

    monkeypatch.setattr(loop, "validate", scripted)
    network = make_network(job)
    train(network, job)
    assert len(set(seen)) == 6
    assert digest(network) == seen[3]


def test_early_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(epochs=50, patience=3)
    script = itertools.chain([5.0, 3.0, 2.0], itertools.repeat(2.0))
    monkeypatch.setattr(loop, "validate", lambda *_: (next(script), 1.0, [], {}))
    watcher = Stopper()
    history = train(make_network(job), job, observers=watcher.watching())
    assert history[-1]["epoch"] == 2 + 3
    assert watcher.messages == ["stopped early: no better validation loss for 3 epochs"]
    assert watcher.steps == 5 * STEPS


def test_no_epochs_leave_the_start() -> None:
    job = make_job(epochs=0)
    network = make_network(job)
    before = digest(network)
    assert len(train(network, job)) == 1
    assert digest(network) == before


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("code", ["dense", "spatial"])
def test_both_precisions_run(precision: str, code: str) -> None:
    job = make_job(precision=precision)
    network = make_network(job, code=code, norm="group")
    history = train(network, job)
    assert history[-1]["train_loss"] < 0.1
    assert all(weight.dtype == torch.float32 for weight in network.parameters())


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_very_few_images(count: int, norm: str) -> None:
    job = make_job(count=count, batch_size=64)
    network = make_network(job, norm=norm, widths=(4, 4, 4))  # a map of 1 x 1
    history = train(network, job)
    assert len(history) == EPOCHS + 1
    assert all(math.isfinite(row["validation_loss"]) for row in history)


def test_a_batch_larger_than_the_set() -> None:
    (weights, history), exact = finished(make_job(batch_size=10_000)), make_job(batch_size=20)
    assert finished(exact) == (weights, history)


class Poisoned:
    """A scaling that makes NaN of the training batches of these numbers (from 1)."""

    def __init__(self, job: Job, *numbers: int, validation: bool = False) -> None:
        self.unit, self.numbers, self.validation = job.unit, numbers, validation
        self.calls = 0
        job.unit = self  # type: ignore[assignment]

    def __call__(self, batch: np.ndarray) -> Tensor:
        clean = self.unit(batch)
        self.calls += torch.is_grad_enabled() != self.validation
        due = self.calls in self.numbers and torch.is_grad_enabled() != self.validation
        return clean * math.nan if due else clean


def test_a_loss_that_is_not_finite_goes_back_and_halves_the_rate() -> None:
    job = make_job(schedule="constant")
    Poisoned(job, STEPS + 3)
    watcher = Stopper()
    history = train(make_network(job), job, observers=watcher.watching())
    assert watcher.messages == [
        "epoch 2, step 3: loss or gradient is not finite; went back to the start of the epoch and "
        "halved the learning rate"
    ]
    rate = job.settings.learning_rate
    assert [row["learning_rate"] for row in history[1:]] == [rate, rate / 2, rate / 2]
    assert watcher.steps == 2 + EPOCHS * STEPS


@pytest.mark.parametrize("changes", [{}, {"norm": "batch"}, {"ema": 0.0}], ids=str)
def test_going_back_is_exact(changes: dict[str, Any]) -> None:
    """Where the rate is zero all along, a run with a roll-back ends as one without."""
    settings = {k: v for k, v in changes.items() if k == "ema"}
    network = {k: v for k, v in changes.items() if k == "norm"}
    job = make_job(learning_rate=0.0, **settings)
    Poisoned(job, 3)
    assert (
        finished(job, **network)[0]
        == finished(make_job(learning_rate=0.0, **settings), **network)[0]
    )


def test_the_second_time_names_the_images() -> None:
    job = make_job()
    Poisoned(job, 2, STEPS)
    with pytest.raises(TrainingError) as caught:
        train(make_network(job), job)
    message = str(caught.value)
    assert message.startswith(
        "epoch 1, step 2: loss or gradient is not finite for the second time, "
    )
    assert message.count("array[") == 5
    assert "'convae check'" in message


def test_a_validation_that_is_not_finite_goes_back_too() -> None:
    job = make_job(schedule="constant")
    Poisoned(job, 3, validation=True)
    watcher = Stopper()
    history = train(make_network(job), job, observers=watcher.watching())
    assert (
        "validation after epoch 2: loss or gradient is not finite; went back" in watcher.messages[0]
    )
    assert [row["epoch"] for row in history] == list(range(EPOCHS + 1))
    assert history[-1]["learning_rate"] == job.settings.learning_rate / 2


def test_images_that_cannot_be_measured_are_named_at_once() -> None:
    job = make_job()
    Poisoned(job, 1, validation=True)
    with pytest.raises(TrainingError) as caught:
        train(make_network(job), job)
    assert "before training the validation loss is not finite on these images" in str(caught.value)
    assert str(caught.value).count("array[") == len(job.validation)


def test_the_average_follows_the_weights() -> None:
    """After the first step it keeps 2/11: min(ema, (1 + n) / (10 + n)) for n = 1."""
    job = make_job(epochs=1, ema=0.9)
    network = make_network(job)
    state = TrainingState(network, job.settings)
    before = network.get_parameter("encoder.0.0.1.weight").detach().clone()
    clean = job.unit(job.images.batch(job.training[:5]))
    rng = step_rng(0, 0, 0, np.arange(len(clean)))
    losses, finite = training_step(state, job.task, clean, 0.01, rng)
    assert finite
    assert losses.shape == (5,)
    after = network.get_parameter("encoder.0.0.1.weight").detach()
    expected = before * (2 / 11) + after * (9 / 11)
    torch.testing.assert_close(state.averaged.get_parameter("encoder.0.0.1.weight"), expected)


def test_a_bad_batch_changes_no_weight() -> None:
    job = make_job()
    network = make_network(job)
    state = TrainingState(network, job.settings)
    before = digest(network)
    bad = torch.full((2, *job.images.shape), math.inf)
    rng = step_rng(0, 0, 0, np.arange(len(bad)))
    _, finite = training_step(state, job.task, bad, 0.1, rng, guarded=True)
    assert not finite
    assert digest(network) == before


def test_the_start_is_told_once_though_the_first_epoch_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(epochs=2)
    script = iter([(5.0, []), (math.nan, [0]), (3.0, []), (2.0, [])])
    monkeypatch.setattr(loop, "validate", lambda *_: Validation(*_scripted(next(script))))
    told: list[int] = []

    class Rows(Stopper):
        def epoch(self, row: Row) -> None:
            told.append(row["epoch"])

    history = train(make_network(job), job, observers=Rows().watching())
    assert told == [0, 1, 2]
    assert [row["validation_loss"] for row in history] == [5.0, 3.0, 2.0]


def _scripted(given: tuple[float, list[int]]) -> tuple[float, float, list[int], dict[str, Any]]:
    loss, bad = given
    return loss, 1.0, bad, {}
