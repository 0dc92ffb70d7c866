"""The engines of inference beside PyTorch: the same networks, converted. ``onnxruntime`` or ``openvino``.

Each gets its weights from PyTorch, batches of one shape, float32 and as many threads as the others.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from contenders import data
from contenders.plain_networks import plain_network
from contenders.serving import Gate

Job = dict[str, Any]
Engine = Callable[[np.ndarray], np.ndarray]
THREADS = int(os.environ["OMP_NUM_THREADS"])


def infer(job: Job, gate: Gate) -> None:
    """A unit of work is one batch of images, from uint8 to uint8."""
    batch, side = job["batch"], job["side"]
    network = plain_network(job["preset"], side).eval()
    make = {"onnxruntime": onnxruntime, "openvino": openvino}[job["variant"]]
    run = make(network, (batch, 1, side, side))
    images = data.images(job["images"], side)
    check(network, run, unit(images[:batch]))

    def work(amount: int) -> None:
        for chosen in data.portions(images, amount * batch):
            for at in range(0, len(chosen), batch):
                made = run(unit(chosen[at : at + batch]))
                np.rint(made * 255).astype(np.uint8)

    gate.serve(work)


def unit(images: np.ndarray) -> np.ndarray:
    """(n, side, side) uint8 to (n, 1, side, side) float32 in [0, 1]."""
    return images[:, None].astype(np.float32) / 255


def onnxruntime(network: nn.Module, shape: tuple[int, ...]) -> Engine:
    """ONNX Runtime on the CPU."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(network, (torch.zeros(shape),), path, input_names=["x"], dynamo=True)
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda x: np.asarray(session.run(None, {"x": x})[0])


def openvino(network: nn.Module, shape: tuple[int, ...]) -> Engine:
    """OpenVINO on the CPU."""
    import openvino as ov

    model = ov.convert_model(network, example_input=torch.zeros(shape), input=list(shape))
    wanted = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.compile_model(model, "CPU", {**wanted, "PERFORMANCE_HINT": "LATENCY"})
    return lambda x: np.asarray(compiled(x)[0])


def check(network: nn.Module, run: Engine, x: np.ndarray) -> None:
    """The engine computes the network."""
    with torch.inference_mode():
        ours = network(torch.from_numpy(x)).numpy()
    worst = np.abs(run(x) - ours).max()
    if worst > 1e-4:
        raise SystemExit(f"it is wrong by {worst:.2g}")
