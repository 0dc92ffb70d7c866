"""A run within a time budget: how many steps the time that is left is enough for.

A run depends on the clock only through the number of steps that is planned. That number is a part of its
state, so that checkpoints and the history hold every decision, and a resumed run follows them.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

# Of the budget: the time between two forecasts, and the error of a forecast that changes the plan.
CHECK, TOLERANCE = 0.04, 0.02
NEWS = 0.1  # change of the number of steps that a message reports
MOST_EPOCHS = 300  # three times the most that a fit without a budget has


class Costs(NamedTuple):
    """Seconds that the parts of a training take: a step, and a validation."""

    step: float
    validation: float


def now() -> float:
    """Return the seconds of the clock by which budgets are kept."""
    return time.monotonic()


def steps_within(seconds: float, costs: Costs, per_epoch: int, step: int = 0) -> int:
    """Return how many steps fit into some time, with a validation after each epoch and after the last step.

    Args:
        seconds: the time; 0 or less is enough for none.
        costs: of a step and of a validation.
        per_epoch: steps in an epoch.
        step: steps of the current epoch that are done already.

    >>> steps_within(10, Costs(step=1.0, validation=1.0), per_epoch=4)
    8
    """
    if seconds <= 0:
        return 0
    seconds += step * costs.step  # as if counted from the start of the epoch
    whole, rest = divmod(seconds, per_epoch * costs.step + costs.validation)
    part = max(0, int((rest - costs.validation) / costs.step))
    return max(0, int(whole) * per_epoch + part - step)


@dataclass
class TimeBudget:
    """The time that a fit may take, and how fast its training is.

    Attributes:
        seconds: the budget.
        began: when the fit began, by :func:`now`.
        reserve: seconds to keep for what follows the training.
        costs: as measured last.
        spent_before: seconds that the run had taken before it was interrupted.
    """

    seconds: float
    began: float
    reserve: float
    costs: Costs
    spent_before: float = 0.0

    def __post_init__(self) -> None:
        self._checked = self._mark = time.monotonic()
        self._steps, self._in_steps = 0, 0.0

    def spent(self) -> float:
        """Return the seconds that the fit has taken so far."""
        return self.spent_before + time.monotonic() - self.began

    def left(self) -> float:
        """Return the seconds that are left for the training."""
        return self.seconds - self.reserve - self.spent()

    def step_done(self) -> None:
        """Count a step, and the time since the last one."""
        now = time.monotonic()
        self._in_steps, self._steps, self._mark = (
            self._in_steps + now - self._mark,
            self._steps + 1,
            now,
        )

    def validated(self, seconds: float) -> None:
        """Record how long a validation took; its time is not part of the next step."""
        self.costs = self.costs._replace(validation=seconds)
        self._mark = time.monotonic()

    def due(self) -> bool:
        """Return whether it is time for another forecast."""
        return time.monotonic() - self._checked >= CHECK * self.seconds

    def replan(
        self, planned: int, done: int, *, step: int, per_epoch: int, validations: int = 0
    ) -> int:
        """Return the number of steps of the whole run that keeps the budget, at the speed of the last steps.

        Args:
            planned: the number so far; it stays if it misses the budget by less than 2 %.
            done: steps done.
            step: steps done in the current epoch.
            per_epoch: steps in an epoch.
            validations: validations that are due in addition to those after each epoch.
        """
        recent = self._in_steps / max(1, self._steps)
        self.costs = self.costs._replace(step=(self.costs.step + recent) / 2)
        self._checked, self._steps, self._in_steps = time.monotonic(), 0, 0.0
        left = self.left() - validations * self.costs.validation
        most = done + steps_within(left, self.costs, per_epoch, step)
        most = max(done, min(most, MOST_EPOCHS * per_epoch))
        off = abs(most - planned) * self.costs.step
        return planned if off <= TOLERANCE * self.seconds else most
