"""The state of a run: weights, averaged weights, optimizers and progress.

It is saved as tensors and plain values, and restored from them.
"""

import copy
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from convae.config.training import TrainingConfig
from convae.errors import ModelFileError
from convae.training.observers import Row
from convae.training.optimizers import make_optimizers, optimizer_tensors, restore_optimizers

Stored = tuple[dict[str, Tensor], dict[str, Any]]
START = "start"  # of the current epoch: the state that a roll-back restores


@dataclass(kw_only=True)
class TrainingProgress:
    """The progress of a run.

    Attributes:
        epoch: epochs done.
        step: steps done in the current epoch.
        steps_done: steps done in total.
        loss_sum, images: of the current epoch.
        rate_scale, rollbacks: the effect of non-finite losses so far.
        best_loss, best_epoch: the best validation.
        history: rows so far.
        planned_steps: steps of the whole run, where a time budget decides it; None for whole epochs.
        spent: seconds of the time budget that the fit has taken.
    """

    epoch: int = 0
    step: int = 0
    steps_done: int = 0
    loss_sum: float = 0.0
    images: int = 0
    rate_scale: float = 1.0
    rollbacks: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    history: list[Row] = field(default_factory=list)
    planned_steps: int | None = None
    spent: float = 0.0


class TrainingState:
    """A network being trained: its optimizers, averaged weights, best weights and progress.

    Args:
        network: on its device; trained in place.
        settings: how it is trained.
    """

    def __init__(self, network: nn.Module, settings: TrainingConfig) -> None:
        self.network = network
        self.settings = settings
        self.optimizers = make_optimizers(network, settings)
        self.averaged = copy.deepcopy(network).requires_grad_(False) if settings.ema else network
        self.best = weights_of(self.averaged)
        self.progress = TrainingProgress()
        self.device = next(network.parameters()).device

    def update_average(self) -> None:
        """Count a step, and move the averaged weights towards the new ones; early steps move them further."""
        self.progress.steps_done += 1
        if self.averaged is self.network:
            return
        done = self.progress.steps_done
        weight = 1 - min(self.settings.ema, (1 + done) / (10 + done))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.averaged.parameters()), list(self.network.parameters()), weight
            )
            # running means belong to the weights with which they were computed
            for mean, new in zip(self.averaged.buffers(), self.network.buffers(), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(new, weight)
                else:
                    mean.copy_(new)

    def state_dict(self) -> Stored:
        """Return copies of all tensors of a run, and its progress as plain values."""
        tensors = {f"network.{n}": t for n, t in self.network.state_dict().items()}
        if self.averaged is not self.network:
            tensors |= {f"averaged.{n}": t for n, t in self.averaged.state_dict().items()}
        tensors |= {f"best.{n}": t for n, t in self.best.items()}
        tensors |= {f"optimizer.{n}": t for n, t in optimizer_tensors(self.optimizers).items()}
        facts = asdict(self.progress)
        facts["best_loss"] = None if math.isinf(facts["best_loss"]) else facts["best_loss"]
        return {name: tensor.detach().clone() for name, tensor in tensors.items()}, facts

    def load_state_dict(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Restore the result of :meth:`state_dict`.

        Raises:
            ModelFileError: it does not fit this network.
        """
        try:
            progress = TrainingProgress(
                **{**facts, "history": [dict(row) for row in facts["history"]]}
            )
            if progress.best_loss is None:
                progress.best_loss = math.inf
            self.network.load_state_dict(_part(tensors, "network."))
            if self.averaged is not self.network:
                self.averaged.load_state_dict(_part(tensors, "averaged."))
            self.best = {n: t.clone() for n, t in _part(tensors, "best.").items()}
            restore_optimizers(self.optimizers, _part(tensors, "optimizer."))
        except (KeyError, TypeError, RuntimeError, IndexError, ValueError) as error:
            raise ModelFileError(f"the checkpoint does not fit this network: {error}") from error
        self.progress = progress


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all weights and running means."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def with_start(now: Stored, start: Stored | None) -> Stored:
    """Return ``now``, and inside an epoch its start, so that a resumed run rolls back to the same place."""
    tensors, facts = now
    if start is None or not facts["step"]:
        return now
    tensors |= {f"{START}.{n}": t for n, t in start[0].items()}
    return tensors, {**facts, START: start[1]}


def take_start(tensors: dict[str, Tensor], facts: dict[str, Any]) -> Stored | None:
    """Remove and return what :func:`with_start` added."""
    start = _part(tensors, f"{START}.")
    for name in start:
        del tensors[f"{START}.{name}"]
    start_facts = facts.pop(START, None)
    return None if start_facts is None else (start, start_facts)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
