"""Exported files beside convae: how far apart their answers are, how large they are, and how fast."""

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import convae
from record import Section, note

ROOT = Path(__file__).resolve().parent.parent
IMAGES, USED, SMALL, LARGE = 40, 32, 16, 64
Make = Callable[[], Any]
ONE: dict[str, Any] = {"epochs": 1, "random_state": 0, "device": "cpu"}
# words, model, channels, and (format, side) of each file
CASES: tuple[tuple[str, Make, int, tuple[tuple[str, int], ...]], ...] = (
    (
        "detector, defects",
        lambda: convae.AnomalyDetector(**ONE),
        1,
        (("onnx", SMALL), ("openvino", SMALL), ("onnx", LARGE)),
    ),
    (
        "autoencoder",
        lambda: convae.ConvAutoencoder(latent_dim=8, **ONE),
        1,
        (("onnx", SMALL), ("openvino", SMALL), ("onnx", LARGE)),
    ),
    (
        "denoiser, colour",
        lambda: convae.Denoiser(**ONE),
        3,
        (("onnx", SMALL), ("openvino", SMALL)),
    ),
    ("variational", lambda: convae.VariationalAutoencoder(latent_dim=8, **ONE), 1, (("onnx", 16),)),
    ("sparse", lambda: convae.SparseAutoencoder(latent_dim=8, **ONE), 1, (("onnx", SMALL),)),
    ("stacked", lambda: convae.StackedAutoencoder(latent_dim=8, **ONE), 1, (("onnx", SMALL),)),
    (
        "codebook",
        lambda: convae.ConvAutoencoder(bottleneck="vq", **ONE),
        1,
        (("onnx", SMALL),),
    ),
    (
        "detector, attributes",
        lambda: convae.AnomalyDetector(method="attributes", **ONE),
        1,
        (("onnx", SMALL),),
    ),
    (
        "detector, likelihood",
        lambda: convae.AnomalyDetector(method="likelihood", **ONE),
        1,
        (("onnx", SMALL),),
    ),
)
COLUMNS = (
    "model",
    "format",
    "images",
    "largest difference",
    "decisions that differ",
    "bytes",
    "ms an image",
    "ms an image by convae",
)


def export() -> None:
    """The table, and how long a program takes from its start to the score of one image."""
    section = Section("export", "Exported files beside convae", COLUMNS)
    section.remarks.append(
        f"Models of one epoch, fitted to {IMAGES} drawn images. The largest difference is of any output but "
        "those that are rounded, in the units of its values, on the images of `convae export`. Times are of "
        f"{USED} images at once, with one thread; detection by convae also finds the regions."
    )
    with tempfile.TemporaryDirectory() as folder:
        for words, make, channels, files in CASES:
            _rows(section, words, make, channels, files, Path(folder))
        section.remarks.append(_starts(Path(folder)))
    section.write()


def _rows(
    section: Section,
    words: str,
    make: Make,
    channels: int,
    files: tuple[tuple[str, int], ...],
    folder: Path,
) -> None:
    for side in dict.fromkeys(side for _, side in files):
        images = drawn(IMAGES, side, channels)
        note(f"fitting: {words}, {side}x{side}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = make().fit(images, verbose=False)
        path = folder / f"{words.replace(', ', '-')}-{side}.convae"
        model.save(path)
        for to in (one for one, of in files if of == side):
            section.row(words, to, f"{side}x{side}x{channels}", *_measured(path, to, images[:USED]))
            section.write()  # a later row may fail


def _measured(path: Path, to: str, images: np.ndarray) -> Iterator[object]:
    suffix = {"onnx": ".onnx", "openvino": ".xml"}[to]
    try:
        done = convae.export_model(path, path.with_suffix(suffix), to=to)
    except convae.errors.InputError as error:
        yield from (f"refused: {error}", "-", "-", "-", "-")
        return
    exact = {slot["name"] for slot in done.metadata["outputs"] if slot["dtype"] == "float32"} | {
        "exact"
    }
    found = done.parity.differences
    name = max(exact & found.keys(), key=lambda one: found[one])
    decided, differ = done.parity.decisions
    yield f"{name} {found[name]:.2g}"
    yield f"{differ} of {decided}" if decided else "-"
    yield done.bytes
    stored = images[:, None] if images.ndim == 3 else np.moveaxis(images, 3, 1)
    yield f"{1000 * _seconds(_runner(done.path, to, np.ascontiguousarray(stored))) / USED:.2f}"
    yield f"{1000 * _seconds(_by_convae(path, images)) / USED:.2f}"


def _runner(path: Path, to: str, stored: np.ndarray) -> Callable[[], object]:
    """Return what runs a file once, with one thread."""
    if to == "openvino":
        import openvino

        hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        compiled = openvino.Core().compile_model(path, "CPU", hints)
        return lambda: compiled({"image": stored})
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options)
    return lambda: session.run(None, {"image": stored})


def _by_convae(path: Path, images: np.ndarray) -> Callable[[], object]:
    import torch

    torch.set_num_threads(1)
    model: Any = convae.load(path, device="cpu")
    for verb in ("iter_detect", "iter_denoise", "iter_reconstruct"):
        if hasattr(model, verb):
            return lambda: list(getattr(model, verb)(images))
    raise TypeError(type(model).__name__)


def _seconds(work: Callable[[], object]) -> float:
    """Return the least seconds of three runs, after one that warms up."""
    work()
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def _starts(folder: Path) -> str:
    """Return a sentence on the time from the start of a program to the score of one image."""
    image = folder / "one.png"
    Image.fromarray(drawn(1, SMALL, 1)[0]).save(image)
    model = folder / f"detector-defects-{SMALL}.convae"
    program = [sys.executable, str(ROOT / "examples" / "deploy" / "run.py")]
    detect = [sys.executable, "-m", "convae", "detect", str(model), str(image)]
    commands = {
        "examples/deploy/run.py": [*program, str(model.with_suffix(".onnx")), str(image)],
        "convae detect": [*detect, "--out", str(folder / "found"), "--overwrite"],
    }
    found = {
        name: _seconds(lambda command=command: _run(command, folder))  # type: ignore[misc]
        for name, command in commands.items()
    }
    parts = " and ".join(f"{seconds:.1f} s by `{name}`" for name, seconds in found.items())
    return f"From the start of a program to the score of one image of {SMALL}x{SMALL}: {parts}."


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def drawn(count: int, side: int, channels: int) -> np.ndarray:
    """Return smooth images with some grain, (n, H, W) or (n, H, W, C) uint8."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    waves = [
        [127 + 90 * np.sin(x / 3 + i + k) * np.cos(y / 4 + k) for k in range(channels)]
        for i in range(count)
    ]
    values = np.moveaxis(np.array(waves), 1, 3)
    values = (values + rng.normal(0, 4, values.shape)).clip(0, 255).astype(np.uint8)
    found: np.ndarray = values if channels > 1 else values[..., 0]
    return found
