"""What steps gave and nobody has looked at yet.

To look at a number that an accelerator computes waits until all work before it is done, and the accelerator
then waits for the next. So the loop lets a number of steps go by before it looks at their losses.
"""

import torch
from torch import Tensor

MOST = 64  # steps; a roll-back loses no more than the epoch anyway


class Unseen:
    """Losses of steps, in order, on the device that computed them.

    Args:
        device: of the losses. What a CPU computes is looked at after every step.
    """

    def __init__(self, device: torch.device) -> None:
        self._most = 1 if device.type == "cpu" else MOST
        self._sums: list[Tensor] = []
        self._finite: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._sums)

    @property
    def full(self) -> bool:
        """Whether it is time to look."""
        return len(self) >= self._most

    def add(self, losses: Tensor, finite: Tensor) -> None:
        """Take the losses (B,) of one more step, and whether all of that step is finite, ()."""
        self._sums.append(losses.sum())
        self._finite.append(finite)

    def look(self) -> tuple[list[float], int | None]:
        """The sum of the losses of each step, and the first step that is not finite; then forget them."""
        if not self:
            return [], None
        sums, finite = torch.stack(self._sums).tolist(), torch.stack(self._finite).tolist()
        self._sums, self._finite = [], []
        return sums, None if all(finite) else finite.index(False)
