"""Deferred read-back of losses, which avoids a device synchronisation at every step.

Reading a number that an accelerator computes waits until all earlier work is done, and the accelerator then
idles until the next work arrives. So the loop runs a number of steps before it reads their losses.
"""

import torch
from torch import Tensor

MOST = 64  # steps; a roll-back repeats at most one epoch in any case


class DeferredLosses:
    """Losses of steps that have not been read, in order, on the device that computed them.

    Args:
        device: of the losses. Losses computed on a CPU are read after every step.
    """

    def __init__(self, device: torch.device) -> None:
        self._most = 1 if device.type == "cpu" else MOST
        self._sums: list[Tensor] = []
        self._finite: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._sums)

    @property
    def full(self) -> bool:
        """Whether it is time to read the losses."""
        return len(self) >= self._most

    def add(self, losses: Tensor, finite: Tensor) -> None:
        """Add the losses (B,) of one more step, and whether all values of that step are finite, ()."""
        self._sums.append(losses.sum())
        self._finite.append(finite)

    def read(self) -> tuple[list[float], int | None]:
        """Return and clear the sum of the losses of each step, and the first step that is not finite."""
        if not self:
            return [], None
        sums, finite = torch.stack(self._sums).tolist(), torch.stack(self._finite).tolist()
        self._sums, self._finite = [], []
        return sums, None if all(finite) else finite.index(False)
