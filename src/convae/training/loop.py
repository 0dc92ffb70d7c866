"""The training loop: one for all models.

What a step does follows from (seed, epoch, step, sample) and the state alone, never from the clock, the
process or a random state carried along; so a resumed run repeats an uninterrupted one bit for bit.
"""

import contextlib
import copy
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from convae import metrics
from convae.errors import InputError, TrainingError
from convae.images.image_set import ImageSet
from convae.images.tensors import UnitRange
from convae.losses import parse_loss
from convae.training.checkpoint import CheckpointFolder
from convae.training.constraining import CodeUse
from convae.training.devices import autocast, deterministic
from convae.training.interrupt import Interrupt, TrainingInterrupted
from convae.training.memory import steady_memory
from convae.training.observers import Moment, Observers, Row
from convae.training.optimizers import make_optimizers, set_rate
from convae.training.order import epoch_batches
from convae.training.schedule import rate_factor
from convae.training.settings import TrainingSettings
from convae.training.state import Progress, Stored, pack, take_start, unpack, with_start
from convae.training.task import VALIDATION, Draw, Reconstruction, Task, draw

EVALUATION_VALUES = 2**17  # numbers in a batch of validation images; independent of the batch size


@dataclass(kw_only=True)
class Job:
    """All that a run needs and does not change.

    Attributes:
        images: the set; ``training`` and ``validation`` are positions in it.
        unit: stored values -> network's values, on the device.
        task: what is to be learnt from them; None for their reconstruction.
        identity: what a checkpoint must agree with to be resumed (architecture, data, ...).
    """

    images: ImageSet
    training: np.ndarray
    validation: np.ndarray
    unit: UnitRange
    settings: TrainingSettings
    task: Task | None = None
    identity: dict[str, object] = field(default_factory=dict)


class Validation(NamedTuple):
    """How weights do on validation images.

    Attributes:
        loss, error: mean loss and mean squared error.
        bad: positions of the images whose loss is not finite.
        code: what a Gaussian code holds, for the history.
    """

    loss: float
    error: float
    bad: list[int]
    code: dict[str, Any]


class Trainer:
    """A network being trained: its optimizers, averaged weights, best weights and progress."""

    def __init__(
        self, network: nn.Module, settings: TrainingSettings, task: Task | None = None
    ) -> None:
        self.network = network
        self.settings = settings
        self.task: Task = task or Reconstruction(parse_loss(settings.loss))
        self.optimizers = make_optimizers(network, settings)
        self.averaged = copy.deepcopy(network).requires_grad_(False) if settings.ema else network
        self.best = _weights(self.averaged)
        self.progress = Progress()
        self.device = next(network.parameters()).device

    def step(self, batch: Tensor, rate: float, chance: Draw) -> Tensor | None:
        """Change the weights by one batch.

        Args:
            batch: (B, C, H, W) in about [0, 1].
            rate: learning rate.
            chance: what the task draws from.

        Returns:
            (B,) the loss of each image before the change, or None if loss or gradient were not finite,
            in which case nothing was changed.
        """
        self.network.train()
        example = self.task.example(batch, chance)
        with autocast(self.device, self.settings.precision):
            output = self.network(example.input, example.noise)
        losses = self.task.losses(output, example)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(
            self.network.parameters(), self.settings.clip or math.inf
        )
        if not torch.isfinite(norm + losses.detach().sum()):
            return None
        set_rate(self.optimizers, rate)
        for optimizer in self.optimizers:
            optimizer.step()
        self._average()
        return losses.detach()

    def _average(self) -> None:
        """Move the averaged weights towards the new ones; early on the average forgets faster."""
        self.progress.steps_done += 1
        if self.averaged is self.network:
            return
        done = self.progress.steps_done
        weight = 1 - min(self.settings.ema, (1 + done) / (10 + done))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.averaged.parameters()), list(self.network.parameters()), weight
            )
            # running means belong to the weights that they were taken with
            for mean, new in zip(self.averaged.buffers(), self.network.buffers(), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(new, weight)
                else:
                    mean.copy_(new)

    @torch.no_grad()
    def validate(self, job: Job) -> Validation:
        """The averaged weights on the validation images. Draws are the same each time."""
        self.averaged.eval()
        losses = errors = 0.0
        bad: list[int] = []
        use = CodeUse()
        size = max(1, EVALUATION_VALUES // math.prod(job.images.shape))
        order = [job.validation[i : i + size] for i in range(0, len(job.validation), size)]
        seed, batches = self.settings.seed, job.images.batches(order)
        for step, (positions, batch) in enumerate(zip(order, batches, strict=True)):
            chance = draw(seed, VALIDATION, step, positions)
            example = self.task.example(job.unit(batch), chance)
            output = self.averaged(example.input, example.noise)
            loss = self.task.losses(output, example)
            bad += positions[(~torch.isfinite(loss)).cpu().numpy()].tolist()
            losses += float(loss.sum())
            image = output.reconstruction[:, : example.target.shape[1]]
            errors += float(metrics.mse(image, example.target).sum())
            use.add(output)
        count = len(job.validation)
        return Validation(losses / count, errors / count, bad, use.row())


def train(
    network: nn.Module,
    job: Job,
    *,
    checkpoint: CheckpointFolder | None = None,
    resume: bool = False,
    keep: bool = False,
    observers: Observers | None = None,
) -> list[Row]:
    """Train a network and leave it with the weights that validated best.

    Args:
        network: on its device; changed in place.
        checkpoint: where to save the whole state now and then.
        resume: go on from that checkpoint instead of starting.
        keep: save the state at the end as well, so that a later resume finds the run done.

    Returns:
        The history: one row for the start (epoch 0) and one per epoch.

    Raises:
        TrainingError: if loss or gradient are not finite a second time.
        TrainingInterrupted: after Ctrl-C or SIGTERM, once the step is done and the state saved.
        ModelFileError, InputError: if there is nothing to resume from, or it is of another run.
    """
    watch = observers or Observers([])
    trainer = Trainer(network, job.settings, job.task)
    with contextlib.ExitStack() as stack:
        stack.enter_context(deterministic())
        stack.enter_context(steady_memory())
        interrupt = stack.enter_context(Interrupt())
        if checkpoint is not None:
            stack.enter_context(checkpoint.locked())
        run = _Run(trainer, job, checkpoint, watch, interrupt)
        run.start(resume=resume)
        while not run.finished():
            run.epoch()
        if keep and checkpoint is not None:
            run.save()
    network.load_state_dict(trainer.best)
    return trainer.progress.history


class _Run:
    """The bookkeeping around the steps: epochs, history, checkpoints, roll-back, early stopping."""

    def __init__(
        self,
        trainer: Trainer,
        job: Job,
        checkpoint: CheckpointFolder | None,
        watch: Observers,
        interrupt: Interrupt,
    ) -> None:
        self.trainer, self.job, self.checkpoint = trainer, job, checkpoint
        self.watch, self.interrupt = watch, interrupt
        self.saved_at = time.monotonic()
        self.good: Stored | None = None  # the state at the start of the epoch

    @property
    def progress(self) -> Progress:
        return self.trainer.progress

    def start(self, *, resume: bool) -> None:
        if resume:
            self._resume()
        else:
            self._measure(train_loss=None, seconds=0.0, images=0)
        self.good = self.good or pack(self.trainer)

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
        unpack(self.trainer, tensors, facts)
        at = f"epoch {self.progress.epoch + 1}, step {self.progress.step}"
        self.watch.message(f"resumed at {at}")

    def identity(self) -> dict[str, object]:
        """What must be the same for a checkpoint to be continued exactly."""
        identity = {**self.job.identity, **self.job.settings.to_dict()}
        as_stored: dict[str, object] = json.loads(json.dumps(identity))  # tuples become lists
        return as_stored

    def finished(self) -> bool:
        p, patience = self.progress, self.job.settings.patience
        if p.epoch >= self.job.settings.epochs:
            return True
        if patience and p.epoch - p.best_epoch >= patience:
            self.watch.message(f"stopped early: no better validation loss for {patience} epochs")
            return True
        return False

    def epoch(self) -> None:
        """The steps of one epoch that are still to do, then its line of the history."""
        job, p = self.job, self.progress
        order = epoch_batches(job.training, job.settings.batch_size, job.settings.seed, p.epoch)
        began = time.perf_counter()
        images = 0
        moment = (job.settings.seed, p.epoch)
        batches: Iterator[np.ndarray] = job.images.batches(order[p.step :], moment)
        for batch in batches:
            losses = self.trainer.step(job.unit(batch), self._rate(len(order)), self._chance(order))
            if losses is None:
                self._roll_back(order[p.step], f"epoch {p.epoch + 1}, step {p.step + 1}: ")
                return
            p.step += 1
            p.loss_sum += float(losses.sum())
            p.images += len(losses)
            images += len(losses)
            if self.watch.due():
                self.watch.step(self._moment(len(order), images, time.perf_counter() - began))
            self._after_step()
        train_loss = p.loss_sum / p.images
        p.epoch, p.step, p.loss_sum, p.images = p.epoch + 1, 0, 0.0, 0
        seconds = time.perf_counter() - began
        if self._measure(train_loss=train_loss, seconds=seconds, images=images):
            self.good = pack(self.trainer)
            self._after_step()

    def _rate(self, steps: int) -> float:
        s, p = self.job.settings, self.progress
        done, total = self._done(steps)
        factor = rate_factor(done, total, kind=s.schedule, warmup=s.warmup)
        return s.learning_rate * p.rate_scale * factor

    def _done(self, steps: int) -> tuple[int, int]:
        """Steps done and in all, with so many an epoch."""
        p = self.progress
        return p.epoch * steps + p.step, self.job.settings.epochs * steps

    def _chance(self, order: list[np.ndarray]) -> Draw:
        """What the task draws from in the step to come."""
        p, (done, total) = self.progress, self._done(len(order))
        positions = order[p.step]
        return draw(self.job.settings.seed, p.epoch, p.step, positions, progress=done / total)

    def _moment(self, steps: int, images: int, seconds: float) -> Moment:
        p = self.progress
        return Moment(
            epoch=p.epoch + 1,
            epochs=self.job.settings.epochs,
            step=p.step,
            steps=steps,
            loss=p.loss_sum / p.images,
            images=images,
            seconds=seconds,
        )

    def _measure(self, *, train_loss: float | None, seconds: float, images: int) -> bool:
        """Validate, keep the weights if they are the best so far, and write a line of the history.

        Returns:
            False if the loss was not finite and the epoch was taken back.
        """
        loss, error, bad, code = self.trainer.validate(self.job)
        p = self.progress
        if bad and p.epoch == 0:
            raise TrainingError(
                f"before training the validation loss is not finite on these images: {self._names(bad)}; "
                "look at them with 'convae check'"
            )
        if bad:
            self._roll_back(np.array(bad), f"validation after epoch {p.epoch}: ")
            return False
        if loss < p.best_loss:
            p.best_loss, p.best_epoch = loss, p.epoch
            self.trainer.best = _weights(self.trainer.averaged)
        row: Row = {
            "epoch": p.epoch,
            "train_loss": train_loss,
            "validation_loss": loss,
            "validation_mse": error if math.isfinite(error) else None,
            "learning_rate": self._rate(self._steps()) if p.epoch else 0.0,
            "seconds": seconds,
            "images_per_second": images / seconds if seconds else 0.0,
            **code,
        }
        p.history.append(row)
        self.watch.epoch(row)
        return True

    def _steps(self) -> int:
        """Steps in an epoch."""
        return math.ceil(len(self.job.training) / self.job.settings.batch_size)

    def _names(self, positions: Sequence[int] | np.ndarray) -> str:
        names = ", ".join(self.job.images.name(int(i)) for i in positions[:8])
        return names + (f" and {len(positions) - 8} more" if len(positions) > 8 else "")

    def _roll_back(self, batch: np.ndarray, where: str) -> None:
        """Back to the start of the epoch at half the rate; a second time is the end."""
        where += "loss or gradient is not finite"
        if self.progress.rollbacks:
            raise TrainingError(
                f"{where} for the second time, on these images: {self._names(batch)}; look at them with "
                "'convae check', or lower the learning rate"
            )
        assert self.good is not None
        unpack(self.trainer, *self.good)
        p = self.progress
        p.rollbacks += 1
        p.rate_scale *= 0.5
        self.watch.message(
            f"{where}; went back to the start of the epoch and halved the learning rate"
        )

    def save(self) -> None:
        """The whole state, into the checkpoint."""
        assert self.checkpoint is not None
        tensors, facts = with_start(pack(self.trainer), self.good)
        facts["identity"] = self.identity()
        self.checkpoint.save(tensors, facts, self.progress.steps_done)
        self.saved_at = time.monotonic()

    def _after_step(self) -> None:
        """Save if it is time or the user wants to stop; stop if so."""
        stop = self.interrupt.requested
        if self.checkpoint is not None:
            late = time.monotonic() - self.saved_at >= self.checkpoint.every
            if stop or late:
                self.save()
        if stop:
            at = f"epoch {self.progress.epoch + 1}, step {self.progress.step}"
            raise TrainingInterrupted(at, self.interrupt.signal, saved=self.checkpoint is not None)


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
