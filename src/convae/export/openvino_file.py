"""From an ONNX model to the two files of OpenVINO: ``.xml`` (the graph) and ``.bin`` (the weights)."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convae.errors import InputError, brief
from convae.export.graphs.graph import Answers, Array, Graph
from convae.filesystem.atomic import atomic_write

if TYPE_CHECKING:
    import onnx

WEIGHTS = ".bin"


class OpenvinoRunner:
    """Runs a model by OpenVINO on the processor, in float32.

    Args:
        model: of OpenVINO, or the path of its ``.xml`` file.
    """

    program = "OpenVINO"

    def __init__(self, model: Any) -> None:
        import openvino

        # without the hint, some processors compute with 16 bits
        hints = {"INFERENCE_PRECISION_HINT": "f32"}
        core = openvino.Core()
        self.compiled = core.compile_model(model, "CPU", hints)
        self.inputs = {name for one in self.compiled.inputs for name in one.get_names()}

    def __call__(self, given: dict[str, Array]) -> Answers:
        """Return the outputs by name."""
        wanted = {name: value for name, value in given.items() if name in self.inputs}
        found = self.compiled(wanted)
        return {name: value for output, value in found.items() for name in output.get_names()}


def converted(made: "onnx.ModelProto", graph: Graph) -> Any:
    """Return an ONNX model as one of OpenVINO; inputs that may be left out become constants.

    Raises:
        InputError: OpenVINO cannot read it.
    """
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(made.SerializeToString())
        try:
            model = openvino.convert_model(path)
        except Exception as error:  # OpenVINO has many kinds of errors
            raise InputError(f"OpenVINO cannot read this network: {brief(error, 300)}") from error
    names = [slot.name for slot in graph.outputs]
    for output in model.outputs:
        known = output.get_names() & set(names)
        output.get_tensor().set_names(known or output.get_names())
    return model


def write(model: Any, target: Path, facts: dict[str, Any]) -> int:
    """Write both files, the weights first; return their bytes together."""
    import openvino

    model.set_rt_info(json.dumps(facts), ["convae"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        contents = {target.with_suffix(WEIGHTS): path.with_suffix(WEIGHTS), target: path}
        total = 0
        for place, made in contents.items():
            content = made.read_bytes()
            total += len(content)
            with atomic_write(place) as file:
                file.write(content)
    return total
