"""The images that a model takes and gives, as the graphs of all kinds of models need them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from convae.estimators.base import ImageEstimator
from convae.export.graphs.graph import BATCH, HEIGHT, WIDTH, Array, Axis, Slot
from convae.images.dataset.framing import Framing
from convae.images.dataset.scaling import DTYPE_RANGES, Scaling
from convae.images.sources.open_source import open_source

RELATIVE = (
    1e-4  # largest difference from the model's own answer, as a fraction of the range of the values
)
LEAST_SIDE = 5  # pixels: the least side of images whose sides are free


@dataclass(frozen=True, kw_only=True)
class Values:
    """How images are stored, and the sizes that a model takes.

    Attributes:
        channels: of an image that the model takes.
        made: channels of an image that it gives.
        scaling: of their values.
        framing: how images are brought to the size of the network; None if they are not.
        any_size: whether the network itself takes any size.
        factor: pixels a side that one position of the network's smallest map covers.
        size: (height, width) of the images that the network was made for.
    """

    channels: int
    made: int
    scaling: Scaling
    framing: Framing | None
    any_size: bool
    factor: int
    size: tuple[int, int]

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value of an image; of floats, of the images that were learnt from."""
        if self.scaling.dtype != "float32":
            return DTYPE_RANGES[self.scaling.dtype]
        return min(self.scaling.low), max(self.scaling.high)

    @property
    def tolerance(self) -> float:
        """Largest difference of a stored value from that of the model itself."""
        low, high = self.range
        return RELATIVE * (high - low)

    @property
    def free(self) -> bool:
        """Whether the height and the width of images are free."""
        return self.any_size or self.framing is not None

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """The height and width of images, or their names where they are free."""
        return (HEIGHT, WIDTH) if self.free else self.size

    @property
    def least(self) -> int:
        """Pixels a side with which each map of the network has at least two positions a side."""
        return 2 * self.factor + 1 if self.any_size and self.framing is None else LEAST_SIDE

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Sizes of images for the comparison with the model: the normal one, a larger and a smaller one."""
        height, width = (max(LEAST_SIDE, side) for side in self.size)
        if not self.free:
            return (self.size,)
        larger = (height + height // 2 + 3, width + 5)
        smaller = (max(LEAST_SIDE, height - 3), max(LEAST_SIDE, width * 3 // 4))
        return ((height, width), larger, smaller)

    def image_of_size(self, name: str, meaning: str) -> Slot:
        """Return the output of an image of the size of the input."""
        axes = self.axes
        if self.framing is not None and self.framing.mode != "resize":
            axes = ("kept_height", "kept_width")
        return Slot(
            name=name,
            dtype=self.scaling.dtype,
            axes=(BATCH, self.made, *axes),
            meaning=meaning,
            tolerance=self.tolerance,
            rounded=self.scaling.dtype != "float32",
        )

    def before_rounding(self) -> Slot:
        """Return the output that is only compared: the values before rounding, of the network's size."""
        axes = (HEIGHT, WIDTH) if self.any_size and self.framing is None else self.size
        return Slot(
            name="exact",
            dtype="float32",
            axes=(BATCH, self.made, *axes),
            meaning="values before rounding",
            tolerance=self.tolerance,
        )


def values_of(model: ImageEstimator) -> Values:
    """Return how a model's images are stored, and its sizes."""
    a, plan = model.architecture_, model._plan
    framing = plan.framing if plan.framing.size is not None else None
    if framing is None and not a.takes_any_size and model.plan_.framing.size is not None:
        framing = model.plan_.framing
    return Values(
        channels=plan.channels,
        made=a.image_shape[0],
        scaling=model.scaling_,
        framing=framing,
        any_size=a.takes_any_size,
        factor=max(a.factor),
        size=a.image_shape[1:],
    )


def image_slot(values: Values) -> Slot:
    """Return the input of images."""
    low, high = values.range
    if values.scaling.dtype == "float32":
        span = f"float values, usually from {low:g} to {high:g}; NaN where a pixel is missing"
    else:
        span = f"stored values from {low:g} to {high:g}"
    return Slot(
        name="image",
        dtype=values.scaling.dtype,
        axes=(BATCH, values.channels, *values.axes),
        meaning=f"images as they are stored, channels first: {span}",
    )


def batch_of(images: Array) -> Any:
    """Return images (B, C, H, W) as a source, whatever their number of channels."""
    return open_source(np.ascontiguousarray(np.moveaxis(images, 1, 3)), channels_first=False)
