"""What is measured of each image for a job, and differences in it as sentences."""

import math
from dataclasses import dataclass

from convae.metrics.resampling import Difference
from convae.report.text import number, numbers


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What is measured of each image.

    Attributes:
        name: what it is: ``squared error``.
        better: ``lower`` or ``higher``.
        unit: follows a value, such as `` dB``.
        relative: whether differences are stated in percent.
    """

    name: str
    better: str
    unit: str = ""
    relative: bool = True

    @property
    def sign(self) -> int:
        """1 where lower is better, -1 where higher is: a value times it is an error to minimise."""
        return 1 if self.better == "lower" else -1

    @property
    def title(self) -> str:
        """The heading of a column: ``PSNR (dB)``."""
        return f"{self.name} ({self.unit.strip()})" if self.unit else self.name

    def gain(self, difference: Difference, base: float) -> str:
        """Return ``3.1 % lower (95 % interval 1.0 to 5.2 %)``: the first of a difference, as the better one.

        Args:
            difference: the first minus the second.
            base: the mean of the second, of which a relative difference is a part.
        """
        scale = 100 / abs(base) if self.relative and base else 1.0
        unit = " %" if scale != 1.0 else self.unit
        value, *ends = self._scaled(difference, scale)
        word = "lower" if difference.value < 0 else "higher"
        if not ends:
            return f"{number(abs(value), 2)}{unit} {word} (one image gives no interval)"
        shown = sorted(abs(end) for end in ends) if difference.sign else ends
        low, high = numbers(shown, 2, distinct=False)
        if not difference.sign:
            return f"{number(abs(value), 2)}{unit} {word} ({self.doubt(difference, base)})"
        return f"{number(abs(value), 2)}{unit} {word} (95 % interval {low} to {high}{unit})"

    def doubt(self, difference: Difference, base: float) -> str:
        """Return ``−1.2 to 3.4 %``: the interval of a difference that may be zero."""
        scale = 100 / abs(base) if self.relative and base else 1.0
        _, *ends = self._scaled(difference, scale)
        unit = " %" if scale != 1.0 else self.unit
        if not ends:
            return "one image gives no interval"
        low, high = numbers(ends, 2, distinct=False)
        return f"95 % interval of the difference {low} to {high}{unit}"

    def _scaled(self, difference: Difference, scale: float) -> list[float]:
        ends = () if difference.interval is None else difference.interval
        return [value * scale for value in (difference.value, *ends)]

    def text(self, value: float) -> str:
        """Return a value with its unit."""
        return "-" if math.isnan(value) else f"{number(value, 4)}{self.unit}"


RECONSTRUCTION = Figure(name="squared error", better="lower")
INPAINTING = Figure(name="squared error in the holes", better="lower")
DENOISING = Figure(name="PSNR", better="higher", unit=" dB", relative=False)
LIKELIHOOD = Figure(name="ELBO", better="higher", unit=" nats", relative=False)
