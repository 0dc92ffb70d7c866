"""An exported file compared with the model itself, on images of several sizes and in batches of 1 and 3.

Values are compared before they are rounded to whole numbers. After rounding, two values that lie on both
sides of a half may differ by one step; nothing else may. A decision may differ from the model's only where
the score lies so near to the threshold that rounding decides; such images are not counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from convae.errors import InputError
from convae.export.graphs.graph import Answers, Array, Graph, Slot
from convae.export.running import Runner

BATCHES = (1, 3)
SEED = 20260101


@dataclass
class Parity:
    """How far an exported file is from the model itself.

    Attributes:
        images: number of images that were compared.
        sizes: (height, width) of them.
        largest: by output, the largest difference in units of what is allowed.
        differences: by output, the largest difference in the units of its values.
        decisions: number of decisions that were compared, and how many of them differed.
    """

    images: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)
    largest: dict[str, float] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)
    decisions: tuple[int, int] = (0, 0)

    @property
    def worst(self) -> tuple[str, float]:
        """The output that differs most, and by how much of what is allowed."""
        return max(self.largest.items(), key=lambda item: item[1])

    def describe(self) -> dict[str, Any]:
        """Return plain values for the metadata."""
        decided, differ = self.decisions
        found: dict[str, Any] = {
            "images": self.images,
            "sizes": [f"{height}x{width}" for height, width in self.sizes],
            "largest_differences": self.differences,
        }
        if decided:
            found |= {"decisions": decided, "decisions_that_differ": differ}
        return found

    def sentence(self) -> str:
        """Return a sentence for people."""
        parts = [f"{name} {value:.2g}" for name, value in self.differences.items()]
        text = f"compared with the model on {self.images} images: largest difference: {', '.join(parts)}"
        decided, differ = self.decisions
        return f"{text}; {differ} of {decided} decisions differ" if decided else text


def compared(graph: Graph, run: Runner, program: str) -> Parity:
    """Compare an exported file with the model itself.

    Args:
        run: runs the file, with the outputs that are only compared.
        program: that runs it, for the message.

    Raises:
        InputError: a value differs by more than its tolerance, or a decision differs.
    """
    found = Parity()
    pairs = []
    for given in test_inputs(graph):
        pairs.append((run(given), graph.answer(given) | _before_rounding(graph, given)))
        images = next(iter(given.values()))
        found.images += len(images)
        size = (int(images.shape[-2]), int(images.shape[-1])) if images.ndim == 4 else (1, 1)
        found.sizes += [size] if size not in found.sizes else []
    for slot in graph.outputs:
        got = [one[slot.name] for one, _ in pairs]
        wanted = [answer[slot.name] for _, answer in pairs]
        bounds = [_bounds(slot, answer) for _, answer in pairs]
        _compare(found, slot, got, wanted, bounds)
    name, share = found.worst
    if share > 1:
        raise InputError(
            f"no file was written: run by {program}, its {name} differs from the model's own by up to "
            f"{found.differences[name]:.3g}; this network cannot be exported with the precision that its "
            "results need"
        )
    return found


def test_inputs(graph: Graph) -> Iterator[dict[str, Array]]:
    """Yield inputs to compare with: random, smooth and constant images, and the model's own examples."""
    rng = np.random.default_rng(SEED)
    for size in graph.sizes:
        for batch in BATCHES:
            yield {slot.name: _example(graph, slot, size, batch, rng) for slot in graph.required}
    image = graph.required[0]
    for example in graph.examples:
        stored = np.moveaxis(example, 2, 0)[None].astype(image.dtype)
        others = {
            slot.name: _example(graph, slot, example.shape[:2], 1, rng)
            for slot in graph.required[1:]
        }
        yield {image.name: stored, **others}


def _example(
    graph: Graph, slot: Slot, size: tuple[int, int], batch: int, rng: np.random.Generator
) -> Array:
    """Return values of one input: smooth images first, then noise, then constant ones."""
    lengths = {
        "batch": batch,
        "height": size[0],
        "width": size[1],
        "code_height": 3,
        "code_width": 2,
    }
    shape = [lengths[axis] if isinstance(axis, str) else axis for axis in slot.axes]
    if slot.name == "code":
        return rng.normal(size=shape).astype(np.float32)
    if slot.name == "mask":
        return _holes(shape, rng)
    low, high = graph.facts["input_range"]
    unit = np.stack([_picture(number, shape[1:], rng) for number in range(batch)])
    values = low + unit * (high - low)
    found: Array = (values if slot.dtype == "float32" else np.rint(values)).astype(slot.dtype)
    return found


def _picture(number: int, shape: list[int], rng: np.random.Generator) -> Array:
    """Return one image (C, H, W) in [0, 1]: smooth with some grain, noise, or one colour."""
    if number == 1:
        return rng.random(shape)
    if number == 2:
        return np.broadcast_to(rng.random((shape[0], 1, 1)), shape).copy()
    y, x = np.mgrid[: shape[1], : shape[2]]
    waves = [
        np.sin(x / rng.uniform(2, 8) + rng.uniform(0, 6)) * np.cos(y / rng.uniform(2, 8))
        for _ in range(shape[0])
    ]
    return np.clip(0.5 + 0.35 * np.stack(waves) + rng.normal(0, 0.03, shape), 0, 1)


def _holes(shape: list[int], rng: np.random.Generator) -> Array:
    """Return masks (B, H, W): scattered pixels and a box each; the last of several has no hole."""
    mask = (rng.random(shape) < 0.2).astype(np.uint8)
    height, width = shape[-2:]
    mask[..., height // 4 : height // 2, width // 3 : width * 2 // 3] = 1
    if len(mask) > 2:
        mask[-1] = 0
    return mask


def _before_rounding(graph: Graph, given: dict[str, Array]) -> Answers:
    """Return the values before rounding, which no verb of a model gives, from the module itself."""
    if not graph.exact:
        return {}
    tensors = [
        torch.from_numpy(given[slot.name] if slot.default is None else slot.default)
        for slot in graph.inputs
    ]
    with torch.inference_mode():
        made = graph.module(*tensors)
    named = zip(graph.outputs, made, strict=True)
    return {slot.name: one.numpy() for slot, one in named if slot.name in graph.exact}


def _bounds(slot: Slot, answer: Answers) -> tuple[Array, Array] | None:
    if f"{slot.name}.low" not in answer:
        return None
    return answer[f"{slot.name}.low"], answer[f"{slot.name}.high"]


def _compare(
    found: Parity,
    slot: Slot,
    got: list[Array],
    wanted: list[Array],
    bounds: list[tuple[Array, Array] | None],
) -> None:
    """Add the comparison of one output to what was found."""
    for one, other in zip(got, wanted, strict=True):
        if one.shape != other.shape:
            raise InputError(
                f"no file was written: its {slot.name} has the shape {one.shape} where the model gives "
                f"{other.shape}"
            )
    if slot.dtype == "bool":
        _compare_decisions(found, slot, got, wanted, bounds)
        return
    worst = share = 0.0
    for one, other, bound in zip(got, wanted, bounds, strict=True):
        apart, allowed = _difference(one, other, bound), _allowed(slot, other)
        worst = max(worst, float(apart.max(initial=0.0)))
        far = np.where(apart > 0, apart / np.maximum(allowed, 1e-30), 0.0)
        share = max(share, float(far.max(initial=0.0)))
    found.differences[slot.name], found.largest[slot.name] = worst, share


def _difference(got: Array, wanted: Array, bound: tuple[Array, Array] | None) -> Array:
    """Return the differences; from the nearest end of an interval, where there is one."""
    got, wanted = got.astype(np.float64), wanted.astype(np.float64)
    low, high = (wanted, wanted) if bound is None else bound
    same = np.isnan(got) & np.isnan(wanted)
    apart = np.maximum(np.maximum(low - got, got - high), 0)
    found: Array = np.where(same, 0.0, np.nan_to_num(apart, nan=np.inf))
    return found


def _allowed(slot: Slot, wanted: Array) -> Array:
    """Return the largest differences that are allowed; at least one step of rounded values."""
    least = max(slot.tolerance, 1.0) if slot.rounded else slot.tolerance
    if least >= 0:
        return np.full(wanted.shape, least)
    found: Array = -least * np.maximum(1.0, np.abs(np.nan_to_num(wanted.astype(np.float64))))
    return found


def _compare_decisions(
    found: Parity,
    slot: Slot,
    got: list[Array],
    wanted: list[Array],
    bounds: list[tuple[Array, Array] | None],
) -> None:
    """Count decisions that differ; one counts only where rounding of the score cannot explain it."""
    decided = differ = 0
    for one, other, bound in zip(got, wanted, bounds, strict=True):
        clear = np.ones(other.shape, bool) if bound is None else bound[0] == bound[1]
        decided += int(clear.sum())
        differ += int((clear & (one != other)).sum())
    found.decisions = (decided, differ)
    found.differences[slot.name] = float(differ)
    found.largest[slot.name] = np.inf if differ else 0.0
