"""convae among files: reading folders, the first step after a command, large images in tiles."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from contenders.serving import Gate
from convae.images.dataset.image_set import ImageSet, prepare
from convae.images.dataset.preparation import Preparation
from convae.images.dataset.scaling import Scaling
from convae.images.dataset.unit_range import UnitRange
from convae.images.sources.open_source import open_source
from convae.training.splits_and_batches import epoch_batches

Job = dict[str, Any]


def first(job: Job, gate: Gate) -> None:
    """A unit of work: a folder is listed and read, and an epoch of batches is made of it."""

    def work(amount: int) -> None:
        for _ in range(amount):
            _epoch(_prepared(job), job)

    gate.serve(work)


def second(job: Job, gate: Gate) -> None:
    """A unit of work: one more epoch of a folder that was read before."""
    images = _prepared(job)

    def work(amount: int) -> None:
        for _ in range(amount):
            _epoch(images, job)

    gate.serve(work)


def _prepared(job: Job) -> ImageSet:
    wanted = Preparation(
        size=(job["size"], job["size"]), channels=3, coarse=True
    )  # as a fit has it
    return prepare(open_source(job["folder"]), wanted)


def _epoch(images: ImageSet, job: Job) -> None:
    order = epoch_batches(np.arange(len(images)), job["batch"], 0, 0)
    unit = UnitRange(Scaling((0.0,), (255.0,), "uint8"), torch.device("cpu"))
    for batch in images.batches(order, (0, 0)):
        assert unit(batch).dtype == torch.float32


def first_step(job: Job, gate: Gate) -> None:
    """``convae fit`` from the command line, until its first step of training is done."""
    from convae.cli import main
    from convae.training.observers import Observers

    def due(observers: Observers) -> bool:
        """Asked once after every step."""
        gate.tell()
        os._exit(0)

    Observers.due = due  # type: ignore[method-assign, assignment]
    with _quiet():
        sys.exit(main(["fit", "autoencoder", *job["arguments"]]))


def denoiser(job: Job, gate: Gate) -> None:
    """A small denoiser, saved."""
    from convae.estimators.restoration.denoiser import Denoiser

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (16, 64, 64), dtype=np.uint8)
    Denoiser(noise="gaussian", epochs=1, training={"batch_size": 8}).fit(images).save(job["model"])
    gate.tell()


def tiles(job: Job, gate: Gate) -> None:
    """``convae denoise`` of one large image, from file to file."""
    from convae.cli import main

    with _quiet():
        code = main(["denoise", job["model"], job["image"], "--out", job["out"], "--quiet"])
    if code:
        raise SystemExit(f"convae denoise ended with exit code {code}")
    gate.tell()


def whole(job: Job, gate: Gate) -> None:
    """The same network over the whole image at once, from file to file, as one would in plain PyTorch."""
    from PIL import Image

    from convae.estimators.registry import load

    Image.MAX_IMAGE_PIXELS = None
    network = load(job["model"]).network_.eval()
    image = torch.from_numpy(np.array(Image.open(job["image"])))[None, None].float() / 255
    level = torch.full_like(image, 0.1)
    inputs = [image, level][: network.architecture.input_channels]
    with torch.inference_mode():
        made = network(torch.cat(inputs, dim=1)).reconstruction
    pixels = made[0, 0].clamp(0, 1).mul(255).round().byte().numpy()
    out = Path(job["out"])
    out.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(out / "whole.png")
    gate.tell()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What a command says goes to standard error: standard output is for answers."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
