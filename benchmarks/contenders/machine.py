"""What the processor can do at most: one large matrix product after another, in float32."""

from typing import Any

import torch

from contenders.serving import Gate

SIDE = 2048
OPERATIONS = 2 * SIDE**3


def product(job: dict[str, Any], gate: Gate) -> None:
    """A unit of work is one product."""
    a, b = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    c = torch.empty(SIDE, SIDE)

    def work(amount: int) -> None:
        for _ in range(amount):
            torch.mm(a, b, out=c)

    gate.serve(work)
