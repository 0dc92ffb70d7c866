"""The training loop: one for all models.

A step depends only on (seed, epoch, step, sample) and the state, never on the clock, the process or a random
state that is carried along. So a resumed run repeats an uninterrupted one bit for bit.
"""

import contextlib
import json
import math
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from convae.errors import InputError, TrainingError
from convae.networks.custom import CustomAutoencoder
from convae.training.checkpoint import CheckpointFolder
from convae.training.deferred_losses import DeferredLosses
from convae.training.device_batches import Batches
from convae.training.devices import autocast, deterministic, seeded
from convae.training.interrupt import Interrupt, TrainingInterrupted
from convae.training.job import Job
from convae.training.malloc import steady_memory
from convae.training.observers import Observers, Row, StepProgress
from convae.training.optimizers import forget_gradients, set_rate
from convae.training.schedule import rate_factor
from convae.training.splits_and_batches import epoch_batches
from convae.training.state import (
    Stored,
    TrainingProgress,
    TrainingState,
    take_start,
    weights_of,
    with_start,
)
from convae.training.tasks.task import StepRng, Task, step_rng
from convae.training.time_budget import NEWS, TimeBudget
from convae.training.validation import validate


def train(
    network: nn.Module,
    job: Job,
    *,
    checkpoint: CheckpointFolder | None = None,
    resume: bool = False,
    keep: bool = False,
    observers: Observers | None = None,
    budget: TimeBudget | None = None,
) -> list[Row]:
    """Train a network; at the end, it has the weights with the best validation loss.

    Args:
        network: on its device; changed in place.
        checkpoint: where to save the complete state at intervals.
        resume: continue from that checkpoint instead of starting anew.
        keep: save the state at the end as well, so that a later resume finds the run done.
        budget: the time that the run must keep: the number of its steps is changed if the machine becomes
            slower or faster. None does not look at the clock.

    Returns:
        The history: one row for the start (epoch 0) and one per epoch.

    Raises:
        TrainingError: the loss or gradient is not finite a second time.
        TrainingInterrupted: after Ctrl-C or SIGTERM, once the step is done and the state saved.
        ModelFileError, InputError: there is nothing to resume from, or the checkpoint is of another run.
    """
    watch = observers or Observers([])
    state = TrainingState(network, job.settings)
    with contextlib.ExitStack() as stack:
        stack.enter_context(deterministic())
        stack.enter_context(steady_memory())
        interrupt = stack.enter_context(Interrupt())
        if checkpoint is not None:
            stack.enter_context(checkpoint.locked())
        run = _Run(state, job, checkpoint, watch, interrupt, budget)
        stack.callback(watch.end)
        watch.begin(run.identity())
        run.start(resume=resume)
        while not run.finished():
            with contextlib.closing(run.epoch()) as steps:
                for batch, rate, rng in steps:
                    run.done(*training_step(state, job.task, batch, rate, rng))
        if keep and checkpoint is not None:
            run.save()
    network.load_state_dict(state.best)
    return state.progress.history


def training_step(
    state: TrainingState,
    task: Task,
    batch: Tensor,
    rate: float,
    rng: StepRng,
    *,
    guarded: bool = False,
) -> tuple[Tensor, Tensor]:
    """Update the weights with one batch.

    Args:
        batch: (B, C, H, W) in about [0, 1].
        rate: learning rate.
        rng: the random numbers of the step.
        guarded: whether to check loss and gradient first, and to change nothing if they are not finite. An
            accelerator then has to synchronise.

    Returns:
        The loss of each image before the update, (B,), and whether loss and gradient were finite, ().
    """
    state.network.train()
    example = task.example(batch, rng)
    with autocast(state.device, state.settings.precision), random_layers(state, rng):
        output = state.network(example.input, example.noise)
    losses = task.losses(output, example)
    forget_gradients(state.optimizers)
    losses.mean().backward()  # type: ignore[no-untyped-call]
    most = state.settings.clip or math.inf
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), most)
    finite = torch.isfinite(norm + losses.detach().sum())
    if guarded and not finite:
        return losses.detach(), finite
    set_rate(state.optimizers, rate)
    for optimizer in state.optimizers:
        optimizer.step()
    state.update_average()
    return losses.detach(), finite


def random_layers(state: TrainingState, rng: StepRng) -> contextlib.AbstractContextManager[object]:
    """Seed random layers, such as dropout, by the step; only custom networks have any."""
    if not isinstance(state.network, CustomAutoencoder):
        return contextlib.nullcontext()
    return seeded(int(torch.randint(2**62, (), generator=rng.generator)), state.device)


class Step(NamedTuple):
    """The inputs of a step: a batch (B, C, H, W) in about [0, 1], the learning rate, the random numbers."""

    batch: Tensor
    rate: float
    rng: StepRng


class _Run:
    """The bookkeeping around the steps: epochs, history, checkpoints, roll-back, early stopping."""

    def __init__(
        self,
        state: TrainingState,
        job: Job,
        checkpoint: CheckpointFolder | None,
        watch: Observers,
        interrupt: Interrupt,
        budget: TimeBudget | None,
    ) -> None:
        self.state, self.job, self.checkpoint = state, job, checkpoint
        self.watch, self.interrupt, self.budget = watch, interrupt, budget
        self.saved_at, self.saved = time.monotonic(), False
        self.batches = Batches(job.images, state.device)
        self.deferred = DeferredLosses(state.device)
        self.good: Stored | None = None  # the state at the start of the epoch
        # of the current epoch: its batches, its start time, images since then, and whether it was rolled back
        self.order: list[np.ndarray] = []
        self.began, self.images, self.rolled_back = 0.0, 0, False
        self.reported = job.settings.steps or 0  # the number of planned steps that users know

    @property
    def progress(self) -> TrainingProgress:
        return self.state.progress

    def start(self, *, resume: bool) -> None:
        self.progress.planned_steps = self.job.settings.steps
        if resume:
            self._resume()
        elif not self.job.settings.epochs:
            self._measure(train_loss=None, seconds=0.0, images=0)
        self.good = self.good or self.state.state_dict()

    def _resume(self) -> None:
        if self.checkpoint is None:
            raise InputError("resume needs the checkpoint folder of the run to go on with")
        tensors, facts = self.checkpoint.load()
        theirs, ours = facts.pop("identity", {}), self.identity()
        self.good = take_start(tensors, facts)
        differing = [
            f"{name} was {theirs.get(name)!r} and is {ours.get(name)!r}"
            for name in sorted(set(theirs) | set(ours))
            if theirs.get(name) != ours.get(name)
        ]
        if differing:
            raise InputError(
                f"{self.checkpoint.path}: the checkpoint is of another run: {'; '.join(differing)}; "
                "start without resume, or with the same settings and images"
            )
        self.state.load_state_dict(tensors, facts)
        if self.budget is not None:
            self.budget.spent_before = self.progress.spent
        at = f"epoch {self.progress.epoch + 1}, step {self.progress.step}"
        self.watch.message(f"resumed at {at}")

    def identity(self) -> dict[str, object]:
        """Values that must be the same for a checkpoint to be continued exactly."""
        identity = {**self.job.identity, **self.job.settings.to_dict()}
        as_stored: dict[str, object] = json.loads(json.dumps(identity))  # tuples become lists
        return as_stored

    def finished(self) -> bool:
        p, patience = self.progress, self.job.settings.patience
        if p.epoch * self._steps() >= self._total():
            return True
        if patience and p.epoch - p.best_epoch >= patience:
            self.watch.message(f"stopped early: no better validation loss for {patience} epochs")
            return True
        return False

    def epoch(self) -> Generator[Step, None, None]:
        """Yield the steps of one epoch that are still to do; then write its row of the history.

        After each step :meth:`done` must be called. The epoch ends at once if a step was not finite.
        """
        job, p = self.job, self.progress
        self.order = epoch_batches(
            job.training, job.settings.batch_size, job.settings.seed, p.epoch
        )
        self.began, self.images, self.rolled_back = time.perf_counter(), 0, False
        for batch in self.batches.of(self.order[p.step :], (job.settings.seed, p.epoch)):
            if p.step >= self._epoch_steps():  # the last epoch of a planned number of steps
                break
            self.images += len(batch)
            yield Step(job.unit(batch), self._rate(), self._rng(self.order))
            if self.rolled_back:
                return
        seconds = time.perf_counter() - self.began
        train_loss = p.loss_sum / p.images
        if not p.history:
            self._measure_start()
        p.epoch, p.step, p.loss_sum, p.images = p.epoch + 1, 0, 0.0, 0
        if self._measure(train_loss=train_loss, seconds=seconds, images=self.images):
            self.good = self.state.state_dict()
            self._after_step()

    def done(self, losses: Tensor, finite: Tensor) -> None:
        """Record a step: its losses (B,), and whether they are finite. Save, report and stop when due."""
        p = self.progress
        self.deferred.add(losses, finite)
        p.step += 1
        p.images += len(losses)
        self._keep_budget()
        due = self.watch.due()
        read = due or self.deferred.full or p.step >= self._epoch_steps()
        if read and not self._all_well(self.order):
            self.rolled_back = True
            return
        if due:
            seconds = time.perf_counter() - self.began
            self.watch.step(self._step_progress(self.images, seconds))
        if self._halting():
            if not self._all_well(self.order):
                self.rolled_back = True
                return
            self._after_step()

    def _all_well(self, order: list[np.ndarray]) -> bool:
        """Check the steps since the last check; False if one was not finite and the epoch was rolled back."""
        p, steps = self.progress, len(self.deferred)
        losses, bad = self.deferred.read()
        if bad is None:
            p.loss_sum += math.fsum(losses)
            return True
        step = p.step - steps + bad
        self._roll_back(order[step], f"epoch {p.epoch + 1}, step {step + 1}: ")
        return False

    def _keep_budget(self) -> None:
        """Change the number of planned steps, if the machine became slower or faster than it was."""
        budget, p = self.budget, self.progress
        if budget is None or p.planned_steps is None:
            return
        budget.step_done()
        if not budget.due():
            return
        p.planned_steps = budget.replan(
            p.planned_steps,
            self._done(),
            step=p.step,
            per_epoch=self._steps(),
            validations=0 if p.history else 1,  # of the start
        )
        if abs(p.planned_steps - self.reported) > NEWS * self.reported:
            pace = "slower" if p.planned_steps < self.reported else "faster"
            self.watch.message(
                f"training is {pace} than measured: {p.planned_steps:,} steps instead of "
                f"{self.reported:,} keep the budget"
            )
            self.reported = p.planned_steps

    def _rate(self) -> float:
        s, p = self.job.settings, self.progress
        factor = rate_factor(self._done(), self._total(), kind=s.schedule, warmup=s.warmup)
        return s.learning_rate * p.rate_scale * factor

    def _done(self) -> int:
        """The number of steps done."""
        return self.progress.epoch * self._steps() + self.progress.step

    def _total(self) -> int:
        """The number of steps of the whole run."""
        planned = self.progress.planned_steps
        return self.job.settings.epochs * self._steps() if planned is None else planned

    def _epoch_steps(self) -> int:
        """The number of steps in the current epoch: all, unless it is the last one of a planned number."""
        return min(self._steps(), self._total() - self.progress.epoch * self._steps())

    def _rng(self, order: list[np.ndarray]) -> StepRng:
        """Return the random numbers of the next step."""
        p, progress = self.progress, self._done() / self._total()
        return step_rng(self.job.settings.seed, p.epoch, p.step, order[p.step], progress=progress)

    def _step_progress(self, images: int, seconds: float) -> StepProgress:
        p = self.progress
        return StepProgress(
            epoch=p.epoch + 1,
            epochs=math.ceil(self._total() / self._steps()),
            step=p.step,
            steps=self._epoch_steps(),
            loss=p.loss_sum / p.images,
            images=images,
            seconds=seconds,
        )

    def _measure_start(self) -> None:
        """Write the row of epoch 0 once the first epoch is done, so that the first step need not wait for it.

        Errors about unusable validation images are raised then, too. Until then ``state.best`` holds the
        initial weights.
        """
        averaged = self.state.averaged
        now = weights_of(averaged)
        averaged.load_state_dict(self.state.best)
        self._measure(train_loss=None, seconds=0.0, images=0)
        averaged.load_state_dict(now)
        assert self.good is not None
        known = ("history", "best_loss", "best_epoch")  # a roll-back need not compute these again
        facts = asdict(self.progress)
        self.good = self.good[0], self.good[1] | {name: facts[name] for name in known}

    def _measure(self, *, train_loss: float | None, seconds: float, images: int) -> bool:
        """Validate, keep the weights if they are the best so far, and write a row of the history.

        Returns:
            False if the loss was not finite and the epoch was rolled back.

        Raises:
            TrainingError: the validation loss is not finite before training.
        """
        began = time.monotonic()
        loss, error, bad, code = validate(self.state, self.job)
        p = self.progress
        if self.budget is not None:
            self.budget.validated(time.monotonic() - began)
        if bad and p.epoch == 0:
            raise TrainingError(
                f"before training the validation loss is not finite on these images: {self._names(bad)}; "
                "check them with 'convae check'"
            )
        if bad:
            self._roll_back(np.array(bad), f"validation after epoch {p.epoch}: ")
            return False
        if loss < p.best_loss:
            p.best_loss, p.best_epoch = loss, p.epoch
            self.state.best = weights_of(self.state.averaged)
        row: Row = {
            "epoch": p.epoch,
            "train_loss": train_loss,
            "validation_loss": loss,
            "validation_mse": error if math.isfinite(error) else None,
            "learning_rate": self._rate() if p.epoch else 0.0,
            "seconds": seconds,
            "images_per_second": images / seconds if seconds else 0.0,
            **code,
        }
        if p.planned_steps is not None:
            row["planned_steps"] = p.planned_steps
        p.history.append(row)
        self.watch.epoch(row)
        return True

    def _steps(self) -> int:
        """The number of steps in a whole epoch."""
        return math.ceil(len(self.job.training) / self.job.settings.batch_size)

    def _names(self, positions: Sequence[int] | np.ndarray) -> str:
        names = ", ".join(self.job.images.name(int(i)) for i in positions[:8])
        return names + (f" and {len(positions) - 8} more" if len(positions) > 8 else "")

    def _roll_back(self, batch: np.ndarray, where: str) -> None:
        """Return to the start of the epoch at half the rate; raise an error the second time.

        Raises:
            TrainingError: this is the second time.
        """
        where += "loss or gradient is not finite"
        if self.progress.rollbacks:
            raise TrainingError(
                f"{where} for the second time, on these images: {self._names(batch)}; check them with "
                "'convae check', or lower the learning rate"
            )
        assert self.good is not None
        planned = self.progress.planned_steps
        self.state.load_state_dict(*self.good)
        p = self.progress
        p.planned_steps = planned
        p.rollbacks += 1
        p.rate_scale *= 0.5
        self.watch.warn(
            f"{where}; went back to the start of the epoch and halved the learning rate"
        )

    def save(self) -> None:
        """Save the complete state to the checkpoint."""
        assert self.checkpoint is not None
        if self.budget is not None:
            self.progress.spent = self.budget.spent()
        tensors, facts = with_start(self.state.state_dict(), self.good)
        facts["identity"] = self.identity()
        self.checkpoint.save(tensors, facts, self.progress.steps_done)
        self.saved_at, self.saved = time.monotonic(), True

    def _halting(self) -> bool:
        """Return whether it is time to save, or the user wants to stop."""
        return self.interrupt.requested or self._late()

    def _late(self) -> bool:
        if self.checkpoint is None:
            return False
        return self.checkpoint.due(time.monotonic() - self.saved_at, first=not self.saved)

    def _after_step(self) -> None:
        """Save if it is time or the user wants to stop, and stop in the latter case.

        Raises:
            TrainingInterrupted: the user wants to stop.
        """
        stop = self.interrupt.requested
        if self.checkpoint is not None and (stop or self._late()):
            self.save()
        if stop:
            at = f"epoch {self.progress.epoch + 1}, step {self.progress.step}"
            raise TrainingInterrupted(at, self.interrupt.signal, saved=self.checkpoint is not None)
