"""Differences between methods in words: their size, their interval, and which method is better."""

from convae.metrics.resampling import Difference
from convae.report.text import numbers


def interval_of(difference: Difference) -> str:
    """Return ``−0.0012 (95 % interval −0.0015 to −0.0009)``."""
    if difference.interval is None:
        measured = "one image" if difference.images == 1 else f"{difference.images} images"
        return f"{numbers([difference.value], 2)[0]} (no interval: {measured} measured)"
    value, low, high = numbers([difference.value, *difference.interval], 2, distinct=False)
    return f"{value} (95 % interval {low} to {high})"


def against(difference: Difference, rival: str, unit: str) -> str:
    """Return the end of a sentence that compares the model with a rival, where more is better.

    Args:
        difference: the model minus the rival.
        rival: its name with its article, if it has one: ``the biharmonic fill``.
        unit: after numbers, such as `` dB``.
    """
    if difference.interval is None:
        return f"and whether that is better than {rival} cannot be told: {interval_of(difference)}{unit}"
    value, low, high = (f"{abs(difference.value):.2f}", *(f"{x:+.2f}" for x in difference.interval))
    interval = f"95 % interval of the difference {low} to {high}{unit}".replace("-", "−")
    if not difference.sign:
        return f"which cannot be told apart from {rival} ({interval})"
    where = "above" if difference.sign > 0 else "below"
    return f"{value}{unit} {where} {rival} ({interval})"
