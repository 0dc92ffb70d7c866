"""A training run that takes a moment: for tests, and (as a program) for the process that they kill."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convae.config.training import LEARNING_RATES, TrainingConfig
from convae.embedding.pca import fit_pca
from convae.images.dataset.image_set import prepare
from convae.images.dataset.preparation import Preparation
from convae.images.dataset.scaling import Scaling
from convae.images.dataset.unit_range import UnitRange
from convae.images.sources.open_source import open_source
from convae.losses import parse_loss
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.training.checkpoint import CheckpointFolder
from convae.training.devices import on_device, seeded
from convae.training.job import Job
from convae.training.loop import train
from convae.training.observers import Observers, Quiet, Row
from convae.training.splits_and_batches import hold_out
from convae.training.tasks.augmented import augmented
from convae.training.tasks.task import Reconstruction

CPU = torch.device("cpu")
STEPS, EPOCHS = 4, 3  # of a run as make_job has it: 20 images in batches of 5


def pictures(count: int, side: int = 8) -> np.ndarray:
    """Blobs at places and of widths that vary: (count, side, side), uint8."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:side, :side]
    images = [
        220 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / width) + random.uniform(0, 30, (side, side))
        for cy, cx, width in zip(
            random.uniform(1, side - 2, count),
            random.uniform(1, side - 2, count),
            random.uniform(2, 12, count),
            strict=True,
        )
    ]
    return np.array(images).astype(np.uint8)


def make_job(
    *,
    count: int = 24,
    random_crop: bool = False,
    storage: str = "resident",
    fraction: float = 4 / 24,
    **settings: Any,
) -> Job:
    """A job on ``count`` images of 8 x 8; ``settings`` are those of :class:`TrainingConfig`."""
    size, framing, side = ((8, 8), "random-crop", 11) if random_crop else (None, "resize", 8)
    wanted = Preparation(size=size, framing=framing, storage=storage)
    images = prepare(open_source(pictures(count, side)), wanted)
    training, validation = hold_out(np.arange(len(images)), fraction, 0)
    optimizer = settings.get("optimizer", "muon")
    values = {"epochs": EPOCHS, "batch_size": 5, "learning_rate": LEARNING_RATES[optimizer]}
    chosen = TrainingConfig(**{**values, "precision": "float32", "ema": 0.9, **settings})
    return Job(
        images=images,
        training=training,
        validation=validation if len(validation) else training,
        unit=UnitRange(Scaling.fit([images.batch(training)], images.depth, "dtype"), CPU),
        settings=chosen,
        task=augmented(Reconstruction(parse_loss(chosen.loss)), chosen.augment),
        identity={"architecture": {"widths": (4, 8)}, "images": "blobs"},
    )


def make_network(job: Job, **changes: Any) -> Autoencoder:
    """A small network with all kinds of layers, starting as PCA."""
    values = {"widths": (4, 8), "blocks": 1, "latent_dim": 3, "hidden": 6, **changes}
    if values.get("code") == "spatial":
        values["hidden"] = 0
    with seeded(1):
        network = Autoencoder(Architecture(image_shape=job.images.shape, **values))
    if network.bypass is not None:
        clean = torch.from_numpy(job.images.batch(job.training)).float() / 255
        pca = fit_pca([network.bypass.flatten(clean)], 3)
        network.bypass.set_components(pca.mean, pca.components)
        spread = pca.variances.sqrt().clamp_min(1e-4)
        network.scale[: len(spread)] = spread.view(-1, *network.scale.shape[1:])
    return on_device(network, CPU)


def digest(network: torch.nn.Module) -> str:
    """SHA-256 of all weights, bit for bit."""
    found = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        found.update(name.encode() + value.contiguous().numpy().tobytes())
    return found.hexdigest()


def lasting(history: list[Row]) -> list[Row]:
    """A history without what the clock says."""
    return [{k: v for k, v in row.items() if "second" not in k} for row in history]


class Stopper(Quiet):
    """Does something after so many steps in this process, and keeps all messages."""

    def __init__(self, after: int = 0, act: Any = None) -> None:
        self.after, self.act = after, act
        self.steps = 0
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def step(self, moment: object) -> None:
        self.steps += 1
        if self.steps == self.after:
            self.act()

    def watching(self) -> Observers:
        """This one alone, told of every step."""
        return Observers([self], interval=0.0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, choices = Path(sys.argv[1]), json.loads(sys.argv[2])
    run = make_job(**choices)
    train(make_network(run), run, checkpoint=CheckpointFolder(folder, every=0))
