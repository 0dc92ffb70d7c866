"""Axes: from the range of some values to round ticks, their labels, and positions between 0 and 1."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convae.report.text import fixed, number


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One direction of a chart.

    Attributes:
        low: the value at the left or lower end.
        high: the value at the right or upper end; greater than ``low``.
        ticks: the values that get a mark.
        labels: the text at each of them.
        log: equal steps are equal factors; both ends are then positive.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    log: bool = False

    def place(self, values: np.ndarray | Sequence[float] | float) -> np.ndarray:
        """Return positions (n,) of ``values``: 0 at the low end, 1 at the high end, NaN for no position."""
        numbers = np.asarray(values, dtype=np.float64)
        low, high = self.low, self.high
        if self.log:
            numbers = np.log(np.where(numbers > 0, numbers, np.nan))
            low, high = math.log(low), math.log(high)
        return np.asarray((numbers - low) / (high - low))


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about ``count`` round values in [low, high]: steps of 1, 2, 2.5 or 5 and a power of ten.

    >>> nice_ticks(0, 1), nice_ticks(3, 47)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [10.0, 20.0, 30.0, 40.0])
    """
    step = nice_step(low, high, count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def nice_step(low: float, high: float, count: int = 5) -> float:
    """Return the round step that divides [low, high] into about ``count`` parts."""
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(s * power for s in (1, 2, 2.5, 5, 10) if rough <= s * power * (1 + 1e-9)))


def linear_axis(
    values: np.ndarray | Sequence[float], *, count: int = 5, widen: bool = True, whole: bool = False
) -> Axis:
    """Return an axis for ``values`` (those that are not finite are ignored).

    Args:
        values: (n,) the values that must have a position on it.
        count: about how many steps.
        widen: extend to the next round value at both ends; otherwise end where the values end.
        whole: ticks are whole numbers only (epochs, components).
    """
    low, high = _ends(values)
    step = nice_step(low, high, count)
    if whole:
        step = float(max(math.ceil(step), 1))
    if widen:
        low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(float(f"{index * step:.12g}") for index in range(first, last + 1))
    return Axis(low=low, high=high, ticks=ticks, labels=tick_labels(ticks))


def log_axis(values: np.ndarray | Sequence[float]) -> Axis:
    """Return a logarithmic axis for the positive ``values``, (n,), with a little room at both ends."""
    numbers = np.asarray(values, dtype=np.float64)
    positive = np.clip(numbers[np.isfinite(numbers) & (numbers > 1e-290)], 0, 1e280)
    low, high = (float(positive.min()), float(positive.max())) if positive.size else (0.1, 1.0)
    room = min(max((high**0.05) / (low**0.05), 1.02), 1e6)
    low, high = max(low / room, 1e-300), high * room
    ticks = tuple(_log_ticks(low, high))
    return Axis(low=low, high=high, ticks=ticks, labels=tick_labels(ticks, log=True), log=True)


def tick_labels(ticks: Sequence[float], *, log: bool = False) -> tuple[str, ...]:
    """Return the labels of ``ticks``: the same number of decimals along a linear axis."""
    largest = max((abs(tick) for tick in ticks), default=0.0)
    if log or (largest and not 1e-3 <= largest < 1e7):
        return tuple(_short(tick) for tick in ticks)
    decimals = next(
        (d for d in range(8) if all(abs(t - round(t, d)) <= 1e-9 * largest for t in ticks)), 8
    )
    return tuple(fixed(tick, decimals) for tick in ticks)


def _short(tick: float) -> str:
    if tick == 0:
        return "0"
    digits = next((d for d in range(1, 6) if abs(float(f"{tick:.{d - 1}e}") / tick - 1) < 1e-9), 6)
    if 1e-4 <= abs(tick) < 1e5:
        return fixed(tick, max(digits - 1 - math.floor(math.log10(abs(tick)) + 1e-12), 0))
    return number(tick, digits).removeprefix("1×") if abs(tick) < 1e-4 else _power_label(tick)


def _power_label(tick: float) -> str:
    mantissa, exponent = f"{tick:e}".split("e")
    # number() writes out large values; a tick has less room, so its power is derived from that of 1 / tick.
    sign = number(10.0 ** -int(exponent), 1).removeprefix("1×").replace("⁻", "")
    factor = f"{float(mantissa):g}".replace("-", "−")
    return sign if factor == "1" else f"{factor}×{sign}"


def _ends(values: np.ndarray | Sequence[float]) -> tuple[float, float]:
    numbers = np.asarray(values, dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(np.clip(edge, -1e300, 1e300)) for edge in (finite.min(), finite.max()))
    largest = max(abs(low), abs(high))
    if largest < 1e-290:  # too near zero for steps in between
        low = high = largest = 0.0
    if high - low > 1e-9 * largest:
        return low, high
    half = largest * 0.1 or 0.5
    return low - half, high + half


def _log_ticks(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = range(first, last + 1, max((last - first) // 6, 1))
    for mantissas in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 4, 6, 8)):
        ticks = [
            float(f"{m}e{power}")
            for power in decades
            for m in mantissas
            if low <= float(f"{m}e{power}") <= high
        ]
        if len(ticks) >= 4:
            return ticks
    return [tick for tick in nice_ticks(low, high, 4) if low <= tick <= high]
