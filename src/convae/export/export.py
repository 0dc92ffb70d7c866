"""From a fitted model to a file for other programs, which is written only if it gives the same answers."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from convae.errors import InputError, unknown_name
from convae.estimators.base import ImageEstimator
from convae.export.graphs.graph import Answers, Array, Graph
from convae.export.graphs.images import values_of
from convae.export.graphs.of_model import graph_of
from convae.export.metadata import described, properties
from convae.export.openvino_file import OpenvinoRunner, converted, write
from convae.export.parity import Parity, compared
from convae.export.running import OnnxRunner, Runner, needs
from convae.export.tracing import traced, without_exact
from convae.filesystem.atomic import atomic_write

if TYPE_CHECKING:
    import onnx

FORMATS = {"onnx": ".onnx", "openvino": ".xml"}
LARGEST = 2**31 - 2**20  # bytes of an ONNX file, which is one message of Protocol Buffers


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        path: the file.
        format: ``onnx`` or ``openvino``.
        bytes: its size.
        parity: how far it is from the model itself.
        metadata: what the file says about itself.
    """

    path: Path
    format: str
    bytes: int
    parity: Parity
    metadata: dict[str, Any]


def export_model(
    model: ImageEstimator | str | Path,
    path: str | Path,
    *,
    to: str = "onnx",
    part: str | None = None,
) -> Exported:
    """Write a model as a file for other programs; the file takes and gives stored values.

    Everything is in the file: scaling, resizing, padding, the network, and what follows it. It is written
    only if it gives the answers of the model itself: it is run on images of several sizes, and compared.

    Args:
        model: a fitted model, or the path of its file.
        path: the file to write; it must end in ``.onnx``, for OpenVINO in ``.xml`` (the weights are then
            written next to it, in a file that ends in ``.bin``).
        to: the format: ``onnx`` (default) or ``openvino``. In an OpenVINO file, the inputs that may be left
            out elsewhere, such as the threshold, are constants.
        part: ``encoder`` or ``decoder`` of an autoencoder alone; None (default) for the whole model.

    Returns:
        What was written, with the largest differences from the model.

    Raises:
        InputError: the model cannot be exported, or the file does not give its answers; nothing is written.
        MissingExtraError: a package is missing; the message says which.
    """
    if to not in FORMATS:
        raise unknown_name("format", to, FORMATS)
    target = Path(path)
    if target.suffix.lower() != FORMATS[to]:
        raise InputError(f"path must end in {FORMATS[to]} for the format {to!r}; got {target}")
    needs("an exported model", "onnx", "onnxscript", "onnxruntime")
    if to == "openvino":
        needs("an OpenVINO file", "openvino")
    model, source = _opened(model)
    graph = with_range(graph_of(model, part), model)
    facts = {**described(model, graph, source), "part": part, "precision": "float32"}
    full = traced(graph)
    lean = without_exact(full, graph)
    if to == "openvino":
        return _openvino(graph, full, lean, target, facts)
    runner = Both(OnnxRunner(full), OnnxRunner(lean))
    parity = compared(graph, runner, OnnxRunner.program)
    facts |= {"comparison": parity.describe()}
    content = _checked(with_metadata(lean, facts))
    with atomic_write(target) as file:
        file.write(content)
    return Exported(path=target, format=to, bytes=len(content), parity=parity, metadata=facts)


def _openvino(
    graph: Graph,
    full: "onnx.ModelProto",
    lean: "onnx.ModelProto",
    target: Path,
    facts: dict[str, Any],
) -> Exported:
    """Write the files of OpenVINO, compared with the model by OpenVINO itself."""
    made = converted(lean, graph)
    runner = Both(OpenvinoRunner(converted(full, graph)), OpenvinoRunner(made))
    parity = compared(graph, runner, OpenvinoRunner.program)
    facts |= {"comparison": parity.describe()}
    size = write(made, target, facts)
    return Exported(path=target, format="openvino", bytes=size, parity=parity, metadata=facts)


class Both:
    """Runs what is written; the values before rounding come from the same graph with these outputs.

    Args:
        full: with the outputs that are only compared.
        lean: without them, as it is written.
    """

    def __init__(self, full: Runner, lean: Runner) -> None:
        self.full, self.lean = full, lean

    def __call__(self, given: dict[str, Array]) -> Answers:
        """Return the outputs by name."""
        return self.full(given) | self.lean(given)


def with_range(graph: Graph, model: ImageEstimator) -> Graph:
    """Return the graph with the range of the values of its images among its facts."""
    low, high = values_of(model).range
    return replace(graph, facts={**graph.facts, "input_range": [low, high]})


def with_metadata(made: "onnx.ModelProto", facts: dict[str, Any]) -> "onnx.ModelProto":
    """Set what an ONNX model says about itself, and return it."""
    made.producer_name = "convae"
    made.doc_string = f"A model to {facts['job']}, by {facts['made_by']}."
    del made.metadata_props[:]
    for name, text in properties(facts).items():
        made.metadata_props.add(key=name, value=text)
    for node in made.graph.node:  # the exporter's notes, with names of its own parts and of folders
        del node.metadata_props[:]
    return made


def metadata_of(made: "onnx.ModelProto") -> dict[str, Any]:
    """Return what an exported ONNX model says about itself."""
    for one in made.metadata_props:
        if one.key == "convae":
            found: dict[str, Any] = json.loads(one.value)
            return found
    raise InputError("this ONNX file was not written by convae")


def _opened(model: ImageEstimator | str | Path) -> tuple[ImageEstimator, Path | None]:
    """Return the model on the processor, and its file if it came from one."""
    if isinstance(model, str | Path):
        from convae.estimators.registry import load

        return load(model, device="cpu"), Path(model)
    check_is_fitted(model, "network_")
    return model, None


def _checked(made: "onnx.ModelProto") -> bytes:
    import onnx

    onnx.checker.check_model(made)
    if made.ByteSize() > LARGEST:
        raise InputError(
            f"the ONNX file would have {made.ByteSize():,} bytes, and such files have at most 2 GB"
        )
    content: bytes = made.SerializeToString()
    return content
