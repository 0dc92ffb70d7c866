"""Exported files run by the programs that they are for."""

from typing import TYPE_CHECKING, Protocol

from convae.errors import MissingExtraError
from convae.export.graphs.graph import Answers, Array

if TYPE_CHECKING:
    import onnx


class Runner(Protocol):
    """Runs an exported file."""

    def __call__(self, given: dict[str, Array]) -> Answers:
        """Return the outputs by name, for the inputs by name."""
        ...


class OnnxRunner:
    """Runs an ONNX model by ONNX Runtime on the processor.

    Args:
        model: the bytes of a file, or its path.
    """

    program = "ONNX Runtime"

    def __init__(self, model: "bytes | str | onnx.ModelProto") -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # notes on the graph mean nothing to users
        found = model if isinstance(model, bytes | str) else model.SerializeToString()
        self.session = onnxruntime.InferenceSession(
            found, options, providers=["CPUExecutionProvider"]
        )
        self.names = [output.name for output in self.session.get_outputs()]

    def __call__(self, given: dict[str, Array]) -> Answers:
        """Return the outputs by name."""
        return dict(zip(self.names, self.session.run(self.names, given), strict=True))


def needs(what: str, *packages: str) -> None:
    """Check that packages are installed.

    Raises:
        MissingExtraError: one is not; the message says what to install.
    """
    import importlib.util

    if any(importlib.util.find_spec(package) is None for package in packages):
        names = " ".join(package.replace("_", "-") for package in packages)
        raise MissingExtraError(what, names)
