"""What an exported file says about itself: plain values, as JSON and as single properties."""

import hashlib
import json
from importlib import metadata as packages
from pathlib import Path
from typing import Any

from convae.estimators.base import ImageEstimator
from convae.export.graphs.graph import Graph
from convae.export.graphs.images import Values, values_of
from convae.networks.tiling import depends_on_all, reach
from convae.version import __version__

KEY = "convae"
_WRITERS = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino")


def described(model: ImageEstimator, graph: Graph, source: Path | None) -> dict[str, Any]:
    """Return what a file says about itself.

    Args:
        source: the model file, whose hash is stated; None for a model that is not in a file.
    """
    values = values_of(model)
    return {
        "made_by": f"convae {__version__}",
        "job": model.job,
        "kind": type(model).__name__,
        "bottleneck": model.architecture_.bottleneck,
        "scaling": values.scaling.to_dict(),
        "size": list(values.size),
        "framing": None if values.framing is None else values.framing.mode,
        "channels": values.channels,
        "input_dtype": values.scaling.dtype,
        "input_range": list(values.range),
        "inputs": [slot.describe() for slot in graph.inputs],
        "outputs": [slot.describe() for slot in graph.outputs if slot.name not in graph.exact],
        "tiling": _tiling(model, values),
        "model_sha256": None if source is None else sha256(source),
        "versions": {name: version for name in _WRITERS if (version := _version(name))},
        **graph.facts,
    }


def properties(values: dict[str, Any]) -> dict[str, str]:
    """Return the metadata of an ONNX file: everything as JSON, and the most wanted values one by one."""
    single = ("job", "kind", "channels", "input_dtype", "false_alarm_rate", "threshold")
    found = {KEY: json.dumps(values, indent=1)}
    for name in single:
        if values.get(name) is not None:
            found[f"{KEY}.{name}"] = str(values[name])
    return found


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tiling(model: ImageEstimator, values: Values) -> dict[str, Any]:
    """Return what a program needs to know that applies a network to the tiles of a large image."""
    a = model.architecture_
    if not values.any_size or values.framing is not None or depends_on_all(model.network_):
        return {"possible": False}
    return {"possible": True, "overlap": reach(model.network_), "multiple": list(a.factor)}


def _version(package: str) -> str | None:
    try:
        return packages.version(package)
    except packages.PackageNotFoundError:
        return None
