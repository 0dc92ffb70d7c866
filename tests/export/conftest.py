"""Tiny models, and their exported files, which several tests share: an export takes seconds."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convae
from convae.estimators.base import ImageEstimator
from convae.export.export import Exported, export_model
from convae.export.running import OnnxRunner


@dataclass(frozen=True)
class Case:
    """A model, its exported file, and a program that runs the file."""

    model: Any
    done: Exported
    run: OnnxRunner


def pictures(count: int, *, channels: int = 1, size: tuple[int, int] = (16, 16)) -> np.ndarray:
    """Smooth images with some grain, (n, H, W) or (n, H, W, C) uint8."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: size[0], : size[1]]
    waves = [
        [127 + 90 * np.sin(x / 3 + i + k) * np.cos(y / 4 + k) for k in range(channels)]
        for i in range(count)
    ]
    images = np.moveaxis(np.array(waves), 1, 3) + rng.normal(0, 4, (count, *size, channels))
    images = images.clip(0, 255).astype(np.uint8)
    return images if channels > 1 else images[..., 0]


TINY: dict[str, Any] = {"widths": (3, 4), "blocks": 1, "hidden": 6}
Fit = Callable[[ImageEstimator, np.ndarray], Case]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Fit a model, save it, and export the file."""

    def make(model: ImageEstimator, images: np.ndarray) -> Case:
        folder: Path = tmp_path_factory.mktemp("export")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(images, verbose=False)
        model.save(folder / "a.convae")
        return case_of(folder / "a.convae", folder)

    return make


def case_of(file: Path, folder: Path) -> Case:
    """Export a model file into a folder."""
    done = export_model(file, folder / "a.onnx")
    return Case(convae.load(file, device="cpu"), done, OnnxRunner(str(done.path)))
