"""The learning rate as a function of the training step."""

import math


def rate_factor(step: int, total: int, *, kind: str, warmup: float) -> float:
    """Return the factor on the highest learning rate at a step.

    Args:
        step: 0 for the first.
        total: steps in all.
        kind: ``cosine`` falls to zero at ``total``; ``constant`` stays at one.
        warmup: fraction of ``total`` over which the factor first rises linearly.

    >>> [round(rate_factor(s, 100, kind="cosine", warmup=0.1), 2) for s in (0, 9, 10, 55, 99)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    rising = max(1, round(total * warmup))
    if step < rising:
        return (step + 1) / rising
    if kind == "constant":
        return 1.0
    progress = (step - rising) / max(1, total - rising)
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
