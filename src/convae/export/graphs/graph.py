"""What a graph takes and gives, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Array = np.ndarray[Any, np.dtype[Any]]
Axis = int | str  # a fixed length, or the name of one that is free
BATCH, HEIGHT, WIDTH = "batch", "height", "width"


@dataclass(frozen=True, kw_only=True)
class Slot:
    """An input or an output.

    Attributes:
        name: in the exported file.
        dtype: of the values, as NumPy names it.
        axes: the length of each axis, or its name where it is free.
        meaning: one sentence for people.
        default: the value of an input that may be left out; None for one that must be given.
        tolerance: largest difference from the model's own answer, in the units of the values.
        rounded: of an output: whether its values are whole numbers, rounded at the end.
    """

    name: str
    dtype: str
    axes: tuple[Axis, ...]
    meaning: str
    default: Array | None = None
    tolerance: float = 0.0
    rounded: bool = False

    def describe(self) -> dict[str, Any]:
        """Return plain values for the metadata."""
        found: dict[str, Any] = {
            "name": self.name,
            "dtype": self.dtype,
            "shape": list(self.axes),
            "meaning": self.meaning,
        }
        if self.default is not None:
            found["default"] = self.default.tolist()
        return found


Answers = dict[str, Array]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A module to export.

    Attributes:
        module: from the tensors of :attr:`inputs`, in their order, to those of :attr:`outputs`.
        inputs, outputs: in order.
        answer: the model's own answer through its public verbs, given the inputs by name: what an exported
            file is compared with.
        sizes: (height, width) of the images that a comparison is made with.
        least: pixels a side with which the exporter proves that a graph is right; smaller images work, too.
        examples: stored images (H, W, C) of the model, for the comparison; empty if it holds none.
        facts: plain values for the metadata.
        exact: names of outputs that are only compared, and are not in the file: values before rounding.
    """

    module: nn.Module
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    answer: Callable[[dict[str, Array]], Answers]
    sizes: Sequence[tuple[int, int]]
    least: int = 5
    examples: Sequence[Array] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    exact: tuple[str, ...] = ()

    @property
    def required(self) -> tuple[Slot, ...]:
        """The inputs without a default."""
        return tuple(slot for slot in self.inputs if slot.default is None)

    @property
    def optional(self) -> tuple[Slot, ...]:
        """The inputs with a default."""
        return tuple(slot for slot in self.inputs if slot.default is not None)

    def example_inputs(self, sizes: dict[str, int]) -> tuple[Tensor, ...]:
        """Return inputs for tracing, with these lengths of free axes."""
        found = []
        for slot in self.inputs:
            if slot.default is not None:
                found.append(torch.from_numpy(slot.default.copy()))
                continue
            shape = [sizes[axis] if isinstance(axis, str) else axis for axis in slot.axes]
            found.append(torch.from_numpy(np.ones(shape, slot.dtype)))
        return tuple(found)
