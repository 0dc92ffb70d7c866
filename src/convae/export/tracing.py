"""From a graph to ONNX, by PyTorch's exporter."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from convae.errors import InputError, brief
from convae.export.graphs.graph import BATCH, Graph, Slot

if TYPE_CHECKING:
    import onnx

_LOGGER = "torch.onnx._internal.exporter"
# Lengths with which a graph is traced; no two are equal, and none is 1, which would be taken for fixed.
_LENGTHS = {BATCH: 2, "height": 0, "width": 0, "code_height": 3, "code_width": 5}


def traced(graph: Graph) -> "onnx.ModelProto":
    """Return a graph as an ONNX model, with the outputs that are only compared.

    Raises:
        InputError: the exporter refuses the network.
    """
    lengths = {**_LENGTHS, **_sides(graph)}
    try:
        with _quiet():
            program = torch.export.export(
                graph.module.eval(),
                graph.example_inputs(lengths),
                dynamic_shapes=tuple(_free_axes(slot, graph.least) for slot in graph.inputs),
                strict=False,
                prefer_deferred_runtime_asserts_over_guards=True,
            )
            made = torch.onnx.export(
                program,
                input_names=[slot.name for slot in graph.inputs],
                output_names=[slot.name for slot in graph.outputs],
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # networks of a user may lead to any error of the exporter
        raise InputError(f"the network cannot be exported: {brief(error, 300)}") from error
    assert made is not None
    model = made.model_proto
    for given, slot in zip(model.graph.input, graph.inputs, strict=True):
        _name_axes(given, slot)
    for given, slot in zip(model.graph.output, graph.outputs, strict=True):
        _name_axes(given, slot)
    _set_defaults(model, graph)
    return model


def without_exact(model: "onnx.ModelProto", graph: Graph) -> "onnx.ModelProto":
    """Return a copy without the outputs that are only compared."""
    import onnx

    lean = onnx.ModelProto()
    lean.CopyFrom(model)
    kept = [output for output in lean.graph.output if output.name not in graph.exact]
    del lean.graph.output[:]
    lean.graph.output.extend(kept)
    return lean


def _sides(graph: Graph) -> dict[str, int]:
    return {"height": graph.least + 2, "width": graph.least + 3}


def _free_axes(slot: Slot, side: int) -> dict[int, Any]:
    found: dict[int, Any] = {}
    if slot.default is not None:
        return found
    for number, axis in enumerate(slot.axes):
        if isinstance(axis, str):
            least = 1 if axis == BATCH or axis.startswith("code") else side
            found[number] = torch.export.Dim(axis, min=least)
    return found


def _name_axes(given: Any, slot: Slot) -> None:
    """Name the free axes of an input or output, which the exporter names by formulas."""
    shape = given.type.tensor_type.shape
    for dim, axis in zip(shape.dim, slot.axes, strict=True):
        if isinstance(axis, str):
            dim.dim_param = axis
        elif not dim.HasField("dim_value"):
            dim.dim_value = axis


def _set_defaults(model: "onnx.ModelProto", graph: Graph) -> None:
    """Give optional inputs their values: an input that is an initializer as well may be left out."""
    from onnx import numpy_helper

    for slot in graph.optional:
        assert slot.default is not None
        model.graph.initializer.append(numpy_helper.from_array(slot.default, slot.name))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes to itself: they speak of its own parts."""
    loggers = [logging.getLogger(name) for name in (_LOGGER, "torch.onnx", "torch.export")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
