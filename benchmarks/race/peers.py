"""The virtual environment of the peers: made once, in ``benchmarks/.peers``, by pip as it is set up here.

What cannot be installed is remembered with the reason, and told in every table. Remove the folder to try
again.
"""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from race.workers import BENCHMARKS
from record import note

FOLDER = BENCHMARKS / ".peers"
PACKAGES = ("tensorflow", "keras", "pythae", "onnxruntime", "openvino")
BESIDE = {"onnxruntime": ("onnxscript",)}  # what converts networks for it
TOLD = ("torch", *PACKAGES, "numpy")
_VERSIONS = """
import importlib.metadata as m, json, sys
found = {}
for name in sys.argv[1:]:
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: pass
print(json.dumps(found))
"""


def python() -> Path:
    """The interpreter of the environment."""
    return FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@cache
def missing() -> dict[str, str]:
    """The packages that could not be installed, with reasons; makes the environment if it is not there."""
    state = FOLDER / "missing.json"
    if not state.is_file():
        shutil.rmtree(FOLDER, ignore_errors=True)
        found = _make()
        if FOLDER.is_dir():
            state.write_text(json.dumps(found))
        return found
    known: dict[str, str] = json.loads(state.read_text())
    return known


def versions() -> dict[str, str]:
    """The versions of the packages in it."""
    if not python().exists():
        return {}
    done = subprocess.run(
        [python(), "-c", _VERSIONS, *TOLD], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _make() -> dict[str, str]:
    note(f"making the environment of the peers in {FOLDER}")
    made = subprocess.run(
        [sys.executable, "-m", "venv", FOLDER], capture_output=True, text=True, check=False
    )
    if made.returncode:
        return dict.fromkeys(PACKAGES, _reason(made))
    # torch first and by name: left open it pulls gigabytes of CUDA packages.
    fault = _install(_our_torch())
    if fault:
        return dict.fromkeys(PACKAGES, f"torch cannot be installed: {fault}")
    faults = {name: _install(name, *BESIDE.get(name, ())) for name in PACKAGES}
    return {name: fault for name, fault in faults.items() if fault}


def _our_torch() -> str:
    """Our torch, so that peers stand on the same one."""
    lines = (BENCHMARKS.parent / "constraints.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def _install(*packages: str) -> str:
    """Install packages; gives the reason if that fails, else nothing."""
    note(f"  pip install {' '.join(packages)}")
    pip = [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
    return _reason(done) if done.returncode else ""


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    faults = [line for line in lines if line.startswith("ERROR")] or lines
    return faults[-1].removeprefix("ERROR: ")[:200] if faults else f"exit code {done.returncode}"
