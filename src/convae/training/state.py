"""The state of a run as tensors and plain values, and back."""

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor

from convae.errors import ModelFileError
from convae.training.observers import Row
from convae.training.optimizers import optimizer_tensors, restore_optimizers

if TYPE_CHECKING:
    from convae.training.trainer import Trainer

Stored = tuple[dict[str, Tensor], dict[str, Any]]
START = "start"  # of the epoch under way: what a roll-back goes back to


@dataclass(kw_only=True)
class Progress:
    """Where a run is.

    Attributes:
        epoch: epochs done.
        step: steps done in the epoch under way.
        steps_done: steps done in all.
        loss_sum, images: of the epoch under way.
        rate_scale, rollbacks: what non-finite losses have done so far.
        best_loss, best_epoch: the best validation.
        history: rows so far.
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


def pack(trainer: "Trainer") -> Stored:
    """Copies of all tensors of a run, and its progress as plain values."""
    tensors = {f"network.{n}": t for n, t in trainer.network.state_dict().items()}
    if trainer.averaged is not trainer.network:
        tensors |= {f"averaged.{n}": t for n, t in trainer.averaged.state_dict().items()}
    tensors |= {f"best.{n}": t for n, t in trainer.best.items()}
    tensors |= {f"optimizer.{n}": t for n, t in optimizer_tensors(trainer.optimizers).items()}
    facts = asdict(trainer.progress)
    facts["best_loss"] = None if math.isinf(facts["best_loss"]) else facts["best_loss"]
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}, facts


def unpack(trainer: "Trainer", tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Take over what :func:`pack` gave.

    Raises:
        ModelFileError: if it does not fit this network.
    """
    try:
        progress = Progress(**{**facts, "history": [dict(row) for row in facts["history"]]})
        if progress.best_loss is None:
            progress.best_loss = math.inf
        trainer.network.load_state_dict(_part(tensors, "network."))
        if trainer.averaged is not trainer.network:
            trainer.averaged.load_state_dict(_part(tensors, "averaged."))
        trainer.best = {n: t.clone() for n, t in _part(tensors, "best.").items()}
        restore_optimizers(trainer.optimizers, _part(tensors, "optimizer."))
    except (KeyError, TypeError, RuntimeError, IndexError, ValueError) as error:
        raise ModelFileError(f"the checkpoint does not fit this network: {error}") from error
    trainer.progress = progress


def with_start(now: Stored, start: Stored | None) -> Stored:
    """``now``, and inside an epoch its start too, so that a resumed run rolls back to the same place."""
    tensors, facts = now
    if start is None or not facts["step"]:
        return now
    tensors |= {f"{START}.{n}": t for n, t in start[0].items()}
    return tensors, {**facts, START: start[1]}


def take_start(tensors: dict[str, Tensor], facts: dict[str, Any]) -> Stored | None:
    """Take out again what :func:`with_start` added."""
    start = _part(tensors, f"{START}.")
    for name in start:
        del tensors[f"{START}.{name}"]
    told = facts.pop(START, None)
    return None if told is None else (start, told)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
