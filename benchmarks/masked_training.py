"""Figures of masked training: classes read from codes that were learnt from partly hidden images."""

import time
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import convae
from convae.corruption.noise import parse_noise
from convae.embedding.pca import fit_pca
from convae.evaluation.probe.readouts import linear_classes, vote
from convae.metrics.resampling import Difference, paired_difference
from convae.networks.autoencoder import Output
from convae.training.tasks.task import Example, StepRng, Task
from record import Section, note

SETS = ("mnist", "fashion-mnist", "cifar10")
LEARN, TESTED, NEIGHBOURS = 3_000, 2_000, 5
NETWORK: dict[str, Any] = {
    "preset": "tutorial",
    "loss": "bce",
    "widths": (16, 32),
    "latent_dim": 64,
    "epochs": 6,
    "batch_size": 64,
    "patience": 0,
}
NOISES = (None, "gaussian:0.3", "masks:0.3", "masks:0.6", "masks:0.75")
HIDDEN = "masks:0.6, loss of hidden pixels alone"


class OfHiddenPixels:
    """The task of ``masks:0.6`` with the loss of hidden pixels alone."""

    def __init__(self) -> None:
        self.noise = parse_noise("masks:0.6")

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the images with hidden patches; the weight is 1 where a pixel is hidden."""
        shown, _ = self.noise.apply(batch, rng.generator)
        hidden = (shown != batch).any(dim=1, keepdim=True).float()
        return Example(shown, batch, weight=hidden)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the cross-entropy of the hidden pixels, (B,)."""
        assert example.weight is not None
        given, wanted = output.reconstruction.float(), example.target
        each = F.binary_cross_entropy(given, wanted, reduction="none")
        weight = example.weight.expand_as(each)
        found: Tensor = (each * weight).flatten(1).sum(1) / weight.flatten(1).sum(1).clamp_min(1)
        return found


class HiddenAlone(convae.ConvAutoencoder):
    """An autoencoder whose loss is that of hidden pixels alone."""

    def _task(self, task: Task, config: Any) -> Task:
        return OfHiddenPixels()


def masked_training() -> None:
    """Nearest neighbours and a linear classifier of codes with hidden patches in training, next to PCA's."""
    columns = ("images", "codes", "5-NN", "minus PCA", "linear", "minus PCA", "test MSE", "CPU s")
    section = Section(
        "masked_training",
        f"Masked training: classes of test images, read from the codes of {LEARN:,} training images",
        columns,
    )
    for name in SETS:
        _measured(section, name)
    section.remarks.append(
        f"All models: {NETWORK}, all else as by default; PCA has 64 components. Neither the hidden fraction "
        "nor anything else was chosen by these figures. *minus PCA*: the difference in the fraction of test "
        "images classified correctly, with its 95 % interval by bootstrap over the test images; each model "
        "was trained once. *MSE*: of whole test images."
    )
    section.write()


def _measured(section: Section, name: str) -> None:
    """Add the rows of one set."""
    train, labels = images_of(name, "train", LEARN)
    test, truth = images_of(name, "test", TESTED)
    flat = [_rows(x) for x in (train, test)]
    pca = fit_pca([flat[0]], NETWORK["latent_dim"])
    codes = [pca.encode(x).numpy() for x in flat]
    baseline = _right(codes[0], labels, codes[1], truth)
    error = float((pca.reconstruct(flat[1]).clamp(0, 1) - flat[1]).square().mean())
    cells = [cell for right in baseline for cell in (_rate(right), "-")]
    section.row(name, "PCA", *cells, error, "-")
    models = {
        noise or "plain": convae.ConvAutoencoder.from_options({**NETWORK, "noise": noise})
        for noise in NOISES
    }
    for what, model in {**models, HIDDEN: HiddenAlone.from_options(NETWORK)}.items():
        note(f"{name}: {what}")
        cpu = time.process_time()
        model.fit(train)
        cpu = time.process_time() - cpu
        found = _right(model.transform(train), labels, model.transform(test), truth)
        cells = []
        for ours, theirs in zip(found, baseline, strict=True):
            cells += [_rate(ours), _gap(paired_difference(ours, theirs))]
        section.row(name, what, *cells, -model.score(test), cpu)


def _rows(images: np.ndarray) -> Tensor:
    """The pixels of each image, (n, D) in [0, 1]."""
    return torch.from_numpy(images.reshape(len(images), -1)).float() / 255


def _right(
    fit: np.ndarray, labels: np.ndarray, codes: np.ndarray, truth: np.ndarray
) -> list[np.ndarray]:
    """Whether neighbours and the linear classifier are right on each test image."""
    answers = (vote(fit, labels, codes, NEIGHBOURS), linear_classes(fit, labels, codes, 0))
    return [(answer == truth).astype(np.float64) for answer in answers]


def images_of(
    name: str, split: Literal["train", "test"], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first images of a part of a set, and their classes."""
    source = convae.open_source(name, split=split)
    count = min(count, len(source))
    pixels = np.stack([source.read(i).pixels for i in range(count)])
    assert source.labels is not None
    return pixels[..., 0] if pixels.shape[3] == 1 else pixels, source.labels[:count]


def _rate(right: np.ndarray) -> str:
    return f"{right.mean():.1%}".replace("%", " %")


def _gap(difference: Difference) -> str:
    assert difference.interval is not None
    low, high = difference.interval
    return f"{100 * difference.value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
