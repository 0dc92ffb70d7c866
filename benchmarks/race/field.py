"""Who races, and in which environment."""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Any

from race import peers
from race.workers import BENCHMARKS, ContenderError, Worker

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Contender:
    """One who races.

    Attributes:
        name: for people.
        module: of ``contenders``.
        variant: what the module is to do differently.
        package: what must be in the environment of the peers; None for those that run in ours.
    """

    name: str
    module: str
    variant: str = ""
    package: str | None = None

    def start(self, task: str, **job: Any) -> Worker:
        """A process that does a task of the module, not yet ready.

        Raises:
            ContenderError: if it cannot be started, with the reason.
        """
        if self.variant == "compiled" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
            raise ContenderError("there is no C++ compiler")
        python, path = sys.executable, os.environ.get("PYTHONPATH")
        if self.package:
            if reason := peers.missing().get(self.package):
                raise ContenderError(f"{self.package} cannot be installed: {reason}")
            python, path = str(peers.python()), None
        details = {"module": self.module, "task": task, "variant": self.variant, **job}
        command = [python, str(BENCHMARKS / "contend.py"), json.dumps(details)]
        name = f"{self.module}-{self.variant or 'plain'}-{task}".replace(" ", "-")
        return Worker(command, name, CORES, path)


OURS = Contender("convae", "ours")
OWN_RECIPE = Contender("convae, its own recipe (Muon, averaged weights)", "ours", "own recipe")
SHOWING = Contender("convae, showing its progress", "ours", "progress")
DEFAULTS = Contender("convae, its default network and recipe", "ours", "defaults")
PLAIN = Contender("PyTorch", "plain_torch", "eager")
CHANNELS_LAST = Contender("PyTorch, channels last", "plain_torch", "channels-last")
GLOROT = Contender(
    "PyTorch, channels last, Glorot's weights as Keras has them",
    "plain_torch",
    "channels-last glorot",
)
COMPILED = Contender("PyTorch, channels last, compiled", "plain_torch", "compiled")
FROZEN = Contender("PyTorch, channels last, frozen and fused", "plain_torch", "frozen")
KERAS = (
    Contender("Keras on TensorFlow", "keras_", "tensorflow", "tensorflow"),
    Contender("Keras on PyTorch", "keras_", "torch", "keras"),
    Contender("Keras on PyTorch, channels first", "keras_", "torch-channels-first", "keras"),
)
PYTHAE = Contender("Pythae", "pythae_", "", "pythae")
ENGINES = (
    Contender("ONNX Runtime", "engines", "onnxruntime", "onnxruntime"),
    Contender("OpenVINO", "engines", "openvino", "openvino"),
)
MACHINE = Contender("matrix product", "machine")
