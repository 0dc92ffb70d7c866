"""Small valid inputs that are no images: arrays, codes, tables, models, checkpoints, configurations."""

import csv
import gzip
import io
import shutil
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.case import Seed

COUNT = 12
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8), dtype=np.uint8)
LABELS = np.arange(COUNT) % 3
TINY: dict[str, Any] = {"epochs": 1, "widths": (3,), "latent_dim": 2, "random_state": 0}


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npz(packed: bool, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _idx(array: np.ndarray) -> bytes:
    kind = {"|u1": 8, ">i2": 11, ">f4": 13}[array.dtype.str]
    head = bytes((0, 0, kind, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def arrays(folder: Path) -> list[Seed]:
    """``.npy``, ``.npz`` and IDX."""
    floats = (IMAGES / 7).astype(np.float32)
    colour = np.stack([IMAGES] * 3, axis=3)
    digits, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
    zipped = {f"{digits}.gz": gzip.compress(_idx(IMAGES), mtime=0),
              f"{labels}.gz": gzip.compress(_idx(LABELS.astype("u1")), mtime=0)}  # fmt: skip
    return [
        Seed("grey", {"a.npy": _npy(IMAGES)}),
        Seed("colour", {"a.npy": _npy(colour)}),
        Seed("fortran", {"a.npy": _npy(np.asfortranarray(floats.astype(">f8")))}),
        Seed("bits", {"a.npy": _npy(IMAGES > 99)}),
        Seed("npz", {"a.npz": _npz(False, x=IMAGES, y=LABELS)}),
        Seed("packed", {"a.npz": _npz(True, x_train=floats, y_train=LABELS, x_test=floats[:3])}),
        Seed("idx", {digits: _idx(IMAGES), labels: _idx(LABELS.astype("u1"))}),
        Seed("idx deep", {digits: _idx(IMAGES.astype(">i2"))}),
        Seed("idx float", {digits: _idx(floats.astype(">f4"))}),
        Seed("idx zipped", zipped),
    ]


def codes(folder: Path) -> list[Seed]:
    """Files of codes as convae writes them, and plain ones."""
    from convae.cli.io.code_writing import Coded, write_codes

    rows = [
        Coded(name=f"a/{i}.png", label=i % 3, code=np.arange(4, dtype=np.float32) * i,
              checksum="0" * 64, model="m:code")
        for i in range(COUNT)
    ]  # fmt: skip
    made = []
    for suffix in (".npy", ".npz", ".csv", ".parquet"):
        path = folder / "codes" / f"c{suffix}"
        path.parent.mkdir(exist_ok=True)
        write_codes(path, iter(rows), rows[0])
        files = {path.name: path.read_bytes()}
        beside = path.with_name("c.names.csv")
        if suffix == ".npy":
            files[beside.name] = beside.read_bytes()
        made.append(Seed(suffix, files))
    spatial = np.ones((COUNT, 2, 3, 3), np.float32)
    return [
        *made,
        Seed("spatial", {"c.npy": _npy(spatial)}),
        Seed("doubles", {"c.npz": _npz(True, codes=spatial)}),
    ]


def _table(*columns: str, rows: list[tuple[Any, ...]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([columns, *rows])
    return file.getvalue().encode()


def tables(folder: Path) -> list[Seed]:
    """Labels, targets and groups of the images ``array[0]``, ``array[1]``, ..."""
    names = [f"array[{i}]" for i in range(COUNT)]
    return [
        Seed(
            "labels",
            {"t.csv": _table("name", "label", rows=list(zip(names, "abc" * 4, strict=True)))},
        ),
        Seed(
            "targets",
            {"t.csv": _table("name", "target", rows=[(n, i / 7) for i, n in enumerate(names)])},
        ),
        Seed(
            "groups",
            {"t.csv": _table("name", "group", rows=[(n, f'g "{i}"') for i, n in enumerate(names)])},
        ),
    ]


def models(folder: Path) -> list[Seed]:
    """A small model of every kind."""
    import convae

    makers: dict[str, Callable[[], Any]] = {
        "autoencoder": lambda: convae.ConvAutoencoder.from_options(TINY),
        "sparse": lambda: convae.SparseAutoencoder.from_options(TINY),
        "variational": lambda: convae.VariationalAutoencoder.from_options(TINY),
        "stacked": lambda: convae.StackedAutoencoder.from_options({**TINY, "epochs": 1}),
        "denoiser": lambda: convae.Denoiser(
            epochs=1, random_state=0, noise="gaussian:0.1", architecture={"widths": (3,)}
        ),
        "inpainter": lambda: convae.Inpainter(
            epochs=1, random_state=0, architecture={"widths": (3,)}
        ),
        "anomaly": lambda: convae.AnomalyDetector.from_options(TINY),
    }
    found = []
    images = np.concatenate([IMAGES, 255 - IMAGES, IMAGES[:, ::-1]])
    for name, make in makers.items():
        path = folder / f"{name}.convae"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make().fit(images).save(path)
        found.append(Seed(name, {"m.convae": path.read_bytes()}))
    return found


def checkpoints(folder: Path) -> list[Seed]:
    """The folder that a fit leaves."""
    import convae
    from convae.training.checkpoint import CheckpointFolder

    path = folder / "checkpoint"
    shutil.rmtree(path, ignore_errors=True)
    folder_of_run = CheckpointFolder(path, every=0)
    convae.ConvAutoencoder.from_options(TINY).fit(IMAGES, checkpoint=folder_of_run)
    names = ["manifest.json", *sorted(p.name for p in path.glob("state-*"))]
    return [Seed("checkpoint", {name: (path / name).read_bytes() for name in names}, folder=True)]


def configurations(folder: Path) -> list[Seed]:
    """A setting of every type."""
    text = """latent_dim = 16
widths = [8, 16]
epochs = 2
learning_rate = 0.001
loss = "0.5*mse+0.5*l1"
size = [32, 32]
seed = 1
bottleneck = "top-k:0.1"
strict = true
validation_fraction = 0.1
"""
    others = 'optimizer = "adamw"\nframing = "crop"\nbatch_size = 8\nnoise = "gaussian:0.1"\npatience = 3\n'
    return [Seed("one", {"c.toml": text.encode()}), Seed("two", {"c.toml": others.encode()})]
