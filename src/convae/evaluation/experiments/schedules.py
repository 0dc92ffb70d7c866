"""Ways to train a stacked autoencoder at equal cost: pure functions of the cost of epochs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from convae.errors import InputError

ALONE, BOTH, SCRATCH = "levels alone", "levels, then together", "together from scratch"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Epochs of each layer of the stack alone, followed by epochs of joint training."""

    level_epochs: tuple[int, ...]
    epochs: int

    def cost(self, levels: Sequence[int], joint: int) -> int:
        """Return the total cost, given that of an epoch of each layer and of joint training."""
        alone = sum(n * cost for n, cost in zip(self.level_epochs, levels, strict=True))
        return alone + self.epochs * joint

    def __str__(self) -> str:
        levels = "+".join(map(str, self.level_epochs)) if any(self.level_epochs) else ""
        together = f"{self.epochs} together" if self.epochs else ""
        return ", then ".join(filter(None, (levels, together)))


def equal_schedules(
    levels: Sequence[int], joint: int, epochs: int, level_epochs: Sequence[int] | None = None
) -> dict[str, Schedule]:
    """Return the three schedules, each at the cost of ``epochs`` epochs of joint training from scratch.

    Args:
        levels: the cost of an epoch of each layer of the stack, from the first stage to the code.
        joint: the cost of an epoch of joint training.
        epochs: of joint training from scratch.
        level_epochs: of each layer before joint training; None spends half of the budget on the layers.
            Layer-by-layer training alone uses the same proportions.

    Raises:
        InputError: if ``epochs`` is below 1, or nothing is left for joint training.

    >>> for name, way in equal_schedules([2, 3, 5], 10, 4).items(): print(f"{name}: {way}")
    levels alone: 4+4+4
    levels, then together: 2+2+2, then 2 together
    together from scratch: 4 together
    """
    if epochs < 1:
        raise InputError(f"epochs must be at least 1, to have something to compare; got {epochs}")
    parts = [1] * len(levels) if level_epochs is None else list(level_epochs)
    if not any(parts):
        raise InputError(
            "level_epochs must not be 0 for every level: it is levels that are compared"
        )
    budget = epochs * joint
    if level_epochs is None:
        together = math.ceil(epochs / 2)
        first = _shared_out(budget - together * joint, levels, parts)
    else:
        first = tuple(parts)
        left = budget - Schedule(level_epochs=first, epochs=0).cost(levels, joint)
        together = round(left / joint)
        if together < 1:
            raise InputError(
                f"level_epochs {', '.join(map(str, first))} cost as much as {(budget - left) / joint:.1f} of "
                f"the {epochs} epochs together, and leave none to train together: take more epochs, or "
                "fewer of the levels"
            )
    none = (0,) * len(levels)
    return {
        ALONE: Schedule(level_epochs=_shared_out(budget, levels, parts), epochs=0),
        BOTH: Schedule(level_epochs=first, epochs=together),
        SCRATCH: Schedule(level_epochs=none, epochs=epochs),
    }


def _shared_out(budget: float, costs: Sequence[int], parts: Sequence[int]) -> tuple[int, ...]:
    """Return whole epochs in about these proportions, with a total cost as near to the budget as possible.

    A layer with a proportion above 0 gets at least one epoch.
    """
    unit = budget / sum(part * cost for part, cost in zip(parts, costs, strict=True))
    least = [max(min(part, 1), math.floor(part * unit)) for part in parts]
    choices = product(*((n, n + 1) if part else (n,) for n, part in zip(least, parts, strict=True)))

    def missed(epochs: tuple[int, ...]) -> float:
        return abs(sum(n * cost for n, cost in zip(epochs, costs, strict=True)) - budget)

    return min(choices, key=missed)
