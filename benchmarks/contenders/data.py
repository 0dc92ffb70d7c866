"""The images that all contenders are given: MNIST where it is, made ones elsewhere. NumPy alone."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PARTS = {"train": "train-images-idx3-ubyte.gz", "test": "t10k-images-idx3-ubyte.gz"}


def images(count: int, side: int) -> np.ndarray:
    """(count, side, side) uint8: of 28x28 MNIST, repeated as often as needed; of other sides made ones."""
    if side == 28 and (digits := mnist("train")) is not None:
        return np.resize(digits, (count, 28, 28))
    return made(count, side)


def made(count: int, side: int) -> np.ndarray:
    """(count, side, side) uint8: waves of random direction and length."""
    rng = np.random.default_rng(0)
    few = min(count, max(1, 2**24 // side**2))
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    pictures = np.empty((few, side, side), np.uint8)
    for i in range(few):
        a, b, c = rng.uniform(-20, 20, 3)
        pictures[i] = 127.5 + 127.5 * np.sin(a * y + b * x + c)
    return np.resize(pictures, (count, side, side))


def mnist(part: str) -> np.ndarray | None:
    """(n, 28, 28) uint8, read from the files of CONVAE_DATA_DIR as anyone would; None where they are not."""
    path = Path(os.environ.get("CONVAE_DATA_DIR", "")) / "mnist" / PARTS[part]
    if not path.is_file():
        return None
    with gzip.open(path) as file:
        values = np.frombuffer(file.read(), np.uint8, offset=16)
    return values.reshape(-1, 28, 28)


def tested(job: dict[str, Any]) -> np.ndarray:
    """(n, 28, 28) uint8: as many test images of MNIST as the job is tested on."""
    images = mnist("test")
    assert images is not None
    return images[: job["tested"]]


def read(name: str) -> np.ndarray:
    """(n, side, side) uint8 of ``mnist`` or of a file ``.npy``."""
    if name != "mnist":
        stored: np.ndarray = np.load(name)
        return stored
    images = mnist("train")
    assert images is not None
    return images


def portions(images: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """So many images, from the first on and again, as few pieces as there can be."""
    while count > 0:
        yield images[:count]
        count -= len(images)
