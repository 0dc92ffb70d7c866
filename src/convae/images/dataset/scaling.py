"""Scale stored pixel values to about [0, 1] and back: fitted once, stored in the model.

Input is not clipped: a value outside the fitted range lies outside [0, 1] and is restored unchanged. Arrays
are channels first, ``(n, C, H, W)`` or ``(C, H, W)``.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from convae.errors import InputError, raise_faults, unknown_name

Array = np.ndarray[Any, np.dtype[Any]]

# The default range of each stored dtype, before images are known.
DTYPE_RANGES = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0), "float32": (0.0, 1.0)}
METHODS = ("auto", "dtype", "minmax")
QUANTILES = (0.001, 0.999)
SAMPLE_VALUES = 1 << 23
SAMPLE_SEED = 20240229
# Fitted ranges stay this far inside float32, so that neither high - low nor a step above overflows.
LARGEST = 1e38
BOUND = 1.6e38
CHUNK = 1 << 20


@dataclass(frozen=True)
class Scaling:
    """The affine map ``(x - low) / (high - low)``, one for all channels or one per channel.

    Args:
        low: the stored value that becomes 0; a tuple of 1 or C finite numbers.
        high: the stored value that becomes 1; as many as ``low``, each above it (in float32 too).
        dtype: how pixels are stored: ``uint8``, ``uint16`` or ``float32``.

    Raises:
        InputError: with all faults together.

    >>> scaling = Scaling((0.0,), (255.0,), "uint8")
    >>> pixels = np.array([[[0, 51, 255]]], dtype=np.uint8)
    >>> scaling.apply(pixels)
    array([[[0. , 0.2, 1. ]]], dtype=float32)
    >>> scaling.invert(scaling.apply(pixels))
    array([[[  0,  51, 255]]], dtype=uint8)
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    dtype: str

    def __post_init__(self) -> None:
        raise_faults("scaling", _faults(self.low, self.high, self.dtype))

    def apply(self, pixels: Array) -> Array:
        """Return scaled pixels, a new float32 array of the same shape, in about [0, 1]; NaN stays NaN.

        Args:
            pixels: (n, C, H, W) or (C, H, W), any real dtype.
        """
        low, span = self._low_and_span(pixels)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled: Array = np.subtract(pixels, low, dtype=np.float32)
            scaled /= span
        return scaled

    def invert(self, scaled: Array) -> Array:
        """Return pixels in the stored dtype.

        Integers are rounded half to even and clipped to the range of the dtype; floats are neither.

        Args:
            scaled: (n, C, H, W) or (C, H, W) in about [0, 1]. For an integer dtype NaN becomes
                ``low``.
        """
        low, span = self._low_and_span(scaled)
        with np.errstate(over="ignore", invalid="ignore"):
            pixels: Array = np.multiply(scaled, span, dtype=np.float32)
            pixels += low
            if self.dtype == "float32":
                return pixels
            np.copyto(pixels, low, where=np.isnan(pixels))
            np.rint(pixels, out=pixels)
        return np.clip(pixels, *DTYPE_RANGES[self.dtype]).astype(self.dtype)

    def limits(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the lowest and the highest scaled value that the dtype can hold, each as long as ``low``.

        A network's output may be clamped to them without loss. ``-inf`` and ``inf`` for float32.
        """
        if self.dtype == "float32":
            return (-math.inf,) * len(self.low), (math.inf,) * len(self.low)
        least, most = DTYPE_RANGES[self.dtype]
        pairs = list(zip(self.low, self.high, strict=True))
        return (
            tuple((least - low) / (high - low) for low, high in pairs),
            tuple((most - low) / (high - low) for low, high in pairs),
        )

    @classmethod
    def fit(cls, batches: Iterable[Array], dtype: str, method: str = "auto") -> "Scaling":
        """Fit the scaling to images, in one pass and bounded memory.

        Args:
            batches: raw pixels (n, C, H, W) of the dtype. Read only if the result depends on the values.
            dtype: ``uint8``, ``uint16`` or ``float32``.
            method: ``auto`` (default): 0..255 for uint8; 0..1 for float32 whose values all lie
                there; else, per channel, from the 0.1 % to the 99.9 % quantile, so that a few hot
                pixels do not press all others into the dark. ``dtype``: 0..255, 0..65535, 0..1
                whatever the values. ``minmax``: per channel, so that every value lies in [0, 1],
                which BCE needs. NaN and infinite values are ignored. Quantiles of uint16 are exact;
                those of float32 are exact up to 8 million values and from a fixed-seed sample
                beyond. A channel whose quantiles coincide is scaled by its extremes, a constant one
                by ``high = low + 1``.

        Raises:
            InputError: the method or dtype is unknown, or there are no images.
        """
        return fit_scaling(batches, dtype, method).scaling

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; :meth:`from_dict` inverts it."""
        return {"low": list(self.low), "high": list(self.high), "dtype": self.dtype}

    @classmethod
    def from_dict(cls, values: object) -> "Scaling":
        """Return the scaling that :meth:`to_dict` wrote; refuse anything else with :class:`InputError`."""
        keys = {"low", "high", "dtype"}
        if not isinstance(values, Mapping) or set(values) != keys:
            raise InputError(f"scaling must be a table with the keys {', '.join(sorted(keys))}")
        low, high = (
            tuple(side) if isinstance(side, list | tuple) else (side,)
            for side in (values["low"], values["high"])
        )
        scaling = cls(low, high, values["dtype"])
        return cls(tuple(map(float, scaling.low)), tuple(map(float, scaling.high)), scaling.dtype)

    def _low_and_span(self, pixels: Array) -> tuple[Array, Array]:
        """Return ``low`` and ``high - low`` as float32, shaped for the channel axis of ``pixels``."""
        if len(self.low) > 1 and (pixels.ndim < 3 or pixels.shape[-3] != len(self.low)):
            raise InputError(
                f"the scaling is for {len(self.low)} channels, "
                f"the images have the shape {pixels.shape} (expected channels first)"
            )
        shape = (-1, 1, 1) if len(self.low) > 1 else ()
        low = np.array(self.low, dtype=np.float32).reshape(shape)
        return low, np.array(self.high, dtype=np.float32).reshape(shape) - low


class FittedScaling(NamedTuple):
    """A scaling, and the values outside its range.

    Attributes:
        scaling: the fitted scaling.
        beyond: per channel, the distance of the farthest value from the range of most values, in widths of
            that range; 0 if no value is outside. Empty if the values were not read.
        farthest: that value, per channel.
        most: (low, high) of most values, per channel.
    """

    scaling: Scaling
    beyond: tuple[float, ...] = ()
    farthest: tuple[float, ...] = ()
    most: tuple[tuple[float, float], ...] = ()


def fit_scaling(batches: Iterable[Array], dtype: str, method: str = "auto") -> FittedScaling:
    """Apply :meth:`Scaling.fit`, and report the values outside the range it found.

    Args:
        batches: raw pixels (n, C, H, W) of the dtype.
        dtype: ``uint8``, ``uint16`` or ``float32``.
        method: as for :meth:`Scaling.fit`.

    Raises:
        InputError: as :meth:`Scaling.fit`.
    """
    if method not in METHODS:
        raise unknown_name("scaling", method, METHODS)
    if dtype not in DTYPE_RANGES:
        raise unknown_name("pixel dtype", dtype, DTYPE_RANGES)
    if method == "dtype" or (method == "auto" and dtype == "uint8"):
        low, high = DTYPE_RANGES[dtype]
        return FittedScaling(Scaling((low,), (high,), dtype))
    sketch = _Sketch(dtype)
    for batch in batches:
        sketch.add(batch)
    if not sketch.count:
        raise InputError("scaling: there are no images to fit it on")
    if method == "auto" and dtype == "float32" and sketch.in_unit_range():
        return FittedScaling(Scaling((0.0,), (1.0,), dtype))
    channels = range(sketch.channels)
    most = tuple(sketch.range_of_most(channel) for channel in channels)
    ranges = most if method == "auto" else tuple(map(sketch.whole_range, channels))
    outside = [sketch.outside(channel, *most[channel]) for channel in channels]
    scaling = Scaling(tuple(low for low, _ in ranges), tuple(high for _, high in ranges), dtype)
    beyond, farthest = (tuple(part) for part in zip(*outside, strict=True))
    return FittedScaling(scaling, beyond, farthest, most)


class _Sketch:
    """Statistics on each channel's range over a stream of batches, in constant memory."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.count = 0
        self.channels = 0
        self.least: list[float] = []
        self.most: list[float] = []
        self._histograms: list[Array] = []
        self._sample: _Sample | None = None

    def add(self, batch: Array) -> None:
        """Add one batch (n, C, H, W)."""
        channels = self.channels or (batch.shape[1] if batch.ndim == 4 else 0)
        if batch.ndim != 4 or batch.shape[1] != channels or str(batch.dtype) != self.dtype:
            raise InputError(
                f"scaling: batches must be {self.dtype} of the shape (n, {channels or 'C'}, H, W), "
                f"got {batch.dtype} of {batch.shape}"
            )
        if not self.channels:
            self._start(channels)
        self.count += len(batch)
        for channel in range(self.channels):
            for values in _chunks(batch[:, channel]):
                self._add_values(channel, values)
        if self._sample is not None:
            for image in batch:
                self._sample.add(image)

    def in_unit_range(self) -> bool:
        """Return whether every finite value of every channel lies in [0, 1]."""
        return min(self.least) >= 0 and max(self.most) <= 1

    def range_of_most(self, channel: int) -> tuple[float, float]:
        """Return (low, high) of one channel from its quantiles, high always above low."""
        low, high = self._quantiles(channel) if self._has_values(channel) else (0.0, 0.0)
        return self._apart(low, high) if low < high else self.whole_range(channel)

    def whole_range(self, channel: int) -> tuple[float, float]:
        """Return (low, high) of one channel from its extremes, high always above low."""
        if not self._has_values(channel):
            return 0.0, 1.0
        return self._apart(self.least[channel], self.most[channel])

    def _has_values(self, channel: int) -> bool:
        """Return whether there is at least one finite value."""
        return self.least[channel] <= self.most[channel]

    @staticmethod
    def _apart(low: float, high: float) -> tuple[float, float]:
        low, high = (min(max(value, -LARGEST), LARGEST) for value in (low, high))
        if np.float32(high) > np.float32(low):
            return low, high
        # In float32, 1 is lost when added to 1e10, hence a few float32 steps there.
        return low, low + max(1.0, 4 * float(np.spacing(np.float32(abs(low)))))

    def outside(self, channel: int, low: float, high: float) -> tuple[float, float]:
        """Return (the distance of the farthest value in widths of the range, that value)."""
        ends = (
            (self.most[channel] - high, self.most[channel]),
            (low - self.least[channel], self.least[channel]),
        )
        distance, value = max(ends)
        return max(0.0, distance / (high - low)), value

    def _start(self, channels: int) -> None:
        self.channels = channels
        self.least, self.most = [math.inf] * channels, [-math.inf] * channels
        if self.dtype == "float32":
            self._sample = _Sample(channels, max(SAMPLE_VALUES // channels, 4096))
        else:
            bins = int(DTYPE_RANGES[self.dtype][1]) + 1
            self._histograms = [np.zeros(bins, dtype=np.int64) for _ in range(channels)]

    def _add_values(self, channel: int, values: Array) -> None:
        finite = values[np.isfinite(values)] if self.dtype == "float32" else values
        if not finite.size:
            return
        self.least[channel] = min(self.least[channel], float(finite.min()))
        self.most[channel] = max(self.most[channel], float(finite.max()))
        if self._histograms:
            histogram = self._histograms[channel]
            histogram += np.bincount(finite, minlength=len(histogram))

    def _quantiles(self, channel: int) -> tuple[float, float]:
        if self._sample is not None:
            return self._sample.quantiles(channel)
        cumulative = np.cumsum(self._histograms[channel])
        ranks = [quantile * float(cumulative[-1]) for quantile in QUANTILES]
        low, high = np.searchsorted(cumulative, ranks)
        return float(low), float(high)


class _Sample:
    """A sample of about ``capacity`` pixels of a stream of any length; all pixels as long as they fit.

    One pixel is sampled from each run of ``stride`` pixels, at a random place in it: a fixed place would
    always meet the same columns of images whose width divides the stride. When the sample is full, one of
    every two pixels is kept and the stride doubled. The sample depends on a fixed seed and on the order
    of the images, not on the size of the batches.
    """

    def __init__(self, channels: int, capacity: int) -> None:
        self._values = np.empty((channels, capacity), dtype=np.float32)
        self._size = 0
        self._stride = 1
        self._rng = np.random.Generator(np.random.Philox(SAMPLE_SEED))

    def add(self, image: Array) -> None:
        """Sample from one image (C, H, W)."""
        height, width = image.shape[1:]
        while self._size - (-height * width // self._stride) > self._values.shape[1]:
            self._thin()
        rows, columns = np.divmod(self._places(height * width, self._stride), width)
        end = self._size + len(rows)
        self._values[:, self._size : end] = image[:, rows, columns]
        self._size = end

    def quantiles(self, channel: int) -> tuple[float, float]:
        """Return the low and the high quantile of one channel's finite values; NaN if there are none."""
        values = self._values[channel, : self._size]
        values = values[np.isfinite(values)]
        if not values.size:
            return math.nan, math.nan
        low, high = np.quantile(values.clip(-LARGEST, LARGEST), QUANTILES)
        return float(low), float(high)

    def _thin(self) -> None:
        kept = self._values[:, self._places(self._size, 2)]
        self._size = kept.shape[1]
        self._values[:, : self._size] = kept
        self._stride *= 2

    def _places(self, length: int, stride: int) -> Array:
        starts = np.arange(0, length, stride)
        if stride == 1:
            return starts
        places = starts + self._rng.integers(0, stride, size=len(starts))
        return places[places < length]


def _chunks(values: Array) -> Iterator[Array]:
    """Yield all values of an array (n, H, W) in flat pieces of at most CHUNK."""
    images = max(1, CHUNK // max(1, values[0].size)) if len(values) else 1
    for first in range(0, len(values), images):
        flat = values[first : first + images].ravel()
        for start in range(0, flat.size, CHUNK):
            yield flat[start : start + CHUNK]


def _faults(low: Sequence[object], high: Sequence[object], dtype: object) -> list[str]:
    """Return the faults of a scaling's three values, which may come from a hostile file."""
    faults = []
    if not isinstance(dtype, str) or dtype not in DTYPE_RANGES:
        faults.append(f"dtype must be one of {', '.join(DTYPE_RANGES)}, got {dtype!r:.40}")
    if not low or len(low) != len(high):
        faults.append(
            "low and high must have as many values as there are channels, or one; "
            f"got {len(low)} and {len(high)}"
        )
    if not all(_is_finite(value) for value in (*low, *high)):
        return [*faults, f"low and high must be finite numbers within ±{BOUND:g}"]
    for channel, (least, most) in enumerate(zip(low, high, strict=False)):
        if not np.float32(most) > np.float32(least):  # type: ignore[arg-type]
            faults.append(f"high must be above low, got {least} and {most} (channel {channel})")
            break
    return faults


def _is_finite(value: object) -> bool:
    """Return whether this is a number that float32 holds, with room for a difference; not a bool."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= BOUND
