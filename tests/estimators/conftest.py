"""Small models and images that the estimators' tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from convae import ConvAutoencoder

# Small enough that one fit takes some hundredths of a second.
SMALL: dict[str, Any] = {"widths": (4,), "latent_dim": 2, "epochs": 1, "batch_size": 16}
PRESETS: dict[str, dict[str, Any]] = {
    "residual": {**SMALL, "preset": "residual", "blocks": 1, "hidden": 8},
    "pooled": {**SMALL, "preset": "pooled"},
    "tutorial": {**SMALL, "preset": "tutorial"},
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors are faster on one thread, and other tests have the other cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small() -> Callable[..., ConvAutoencoder]:
    """A small residual model, with single parameters changed."""

    def make(**changes: Any) -> ConvAutoencoder:
        return ConvAutoencoder.from_options({**PRESETS["residual"], **changes})

    return make


def blobs(count: int, *size: int, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """(count, H, W) or (count, H, W, C) smooth images that fill the range of an integer dtype."""
    rng = np.random.default_rng(seed)
    height, width, *channels = size
    y, x = np.mgrid[0:height, 0:width]
    places = rng.uniform(0, 1, (count, 2, 1, 1)) * np.array([height, width]).reshape(2, 1, 1)
    spread = rng.uniform(0.2, 0.5, (count, 1, 1)) * max(height, width)
    images = np.exp(-((y - places[:, 0]) ** 2 + (x - places[:, 1]) ** 2) / (2 * spread**2))
    if channels:
        images = images[..., None] * rng.uniform(0.3, 1, (count, 1, 1, channels[0]))
    top = np.iinfo(dtype).max if np.dtype(dtype).kind in "ui" else 1
    scaled: np.ndarray = (images * top).astype(dtype)
    return scaled


def folder_of(images: np.ndarray, folder: Path) -> Path:
    folder.mkdir()
    for i, image in enumerate(images):
        PillowImage.fromarray(image).save(folder / f"{i:03}.png")
    return folder


def held_out(model: ConvAutoencoder) -> list[int]:
    assert model.held_out_ is not None
    return [int(position) for position in model.held_out_]


def weights(model: ConvAutoencoder) -> bytes:
    values = model.network_.state_dict()
    return b"".join(values[name].numpy().tobytes() for name in sorted(values))
