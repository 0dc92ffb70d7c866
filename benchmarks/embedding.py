"""Figures of codes: what neighbours read from them, how far they keep neighbours, what they reconstruct."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier

import convae
from convae.embedding.nearest_neighbours import trustworthiness
from convae.embedding.pca import PrincipalComponents
from record import Section, note

SETS = ("mnist", "fashion-mnist")
# Chosen on training images that were held out.
MAP: dict[str, Any] = {"latent_dim": 2, "widths": (16, 32), "blocks": 1, "batch_size": 64}
MAPS: dict[str, dict[str, Any]] = {
    "mnist": {"neighbourhood": 1.0, "epochs": 7},
    "fashion-mnist": {"neighbourhood": 10.0, "epochs": 7, "shift": 0.0, "neighbours": "codes"},
}
LONG: dict[str, Any] = {
    "preset": "tutorial",
    "latent_dim": 64,
    "loss": "bce",
    "epochs": 6,
    "batch_size": 128,
}
GOALS = {
    ("mnist", 2): ("above 0.793, aim 0.954", "aim 0.967"),
    ("fashion-mnist", 2): ("above 0.734, aim 0.756", "aim 0.980"),
    ("mnist", 64): ("above 0.976", "-"),
    ("fashion-mnist", 64): ("above 0.876", "-"),
}
K = 5
WORK = Path(__file__).with_name(".work")


class Images(NamedTuple):
    """A set: pixels (n, D) float32 in [0, 1] and labels (n,) of its two parts."""

    name: str
    train: torch.Tensor
    train_labels: np.ndarray
    test: torch.Tensor
    test_labels: np.ndarray


class Row(NamedTuple):
    """A way from images to codes, with the codes of both parts."""

    what: str
    train: np.ndarray
    test: np.ndarray
    mse: float
    cpu: float | str


class Lines:
    """A line per epoch on standard error."""

    def message(self, text: str) -> None:
        note(f"  {text}")

    def step(self, moment: object) -> None:
        pass

    def epoch(self, row: dict[str, Any]) -> None:
        note(f"  epoch {row['epoch']}: {row['validation_loss']:.5f}, {row['seconds']:.0f} s")


def embedding() -> None:
    """Codes of 2 and of 64 numbers, beside PCA with as many."""
    section = Section(
        "embedding",
        "Codes: 5-NN accuracy of test images among all training images, and trustworthiness (k = 5)",
        ("images", "numbers", "codes", "5-NN", "goal", "trust", "goal", "test MSE", "CPU s"),
    )
    for name in SETS:
        images = opened(name)
        by = dict(MAPS[name])
        if "neighbours" in by:
            fitted(f"codes_{name}", name, **LONG)
            by["neighbours"] = WORK / f"codes_{name}.convae"
        near, cpu = fitted(f"map_{name}", name, **MAP, **by)
        add(section, images, of_pca(near.pca_, images))
        what = f"neighbourhood={MAPS[name]['neighbourhood']:g}"
        add(section, images, of_model(what, near, images, cpu))
    for name in SETS:
        images = opened(name)
        model, cpu = fitted(f"codes_{name}", name, **LONG)
        add(section, images, of_pca(model.pca_, images))
        add(section, images, of_model("plain", model, images, cpu))
    section.remarks.append(
        f"Two numbers: {MAP}, {MAPS}; 64 numbers: {LONG}; all else as by default. The preset residual has "
        "codes that begin as PCA's and stay near them, good for reconstruction and no better for neighbours."
    )
    section.write()


def opened(name: str) -> Images:
    """Both parts of a set."""
    parts: list[Any] = []
    for split in ("train", "test"):
        source = convae.open_source(name, split=split)
        pixels = np.stack([source.read(i).pixels.ravel() for i in range(len(source))])
        parts += [torch.from_numpy(pixels).float() / 255, source.labels]
    return Images(name, *parts)


def fitted(name: str, images: str, **parameters: Any) -> tuple[convae.ConvAutoencoder, float]:
    """A model and the CPU seconds that it took; one that lies ready is not trained again."""
    WORK.mkdir(exist_ok=True)
    path, times = WORK / f"{name}.convae", WORK / f"{name}.txt"
    if not path.exists():
        note(f"{name}: {parameters}")
        cpu = time.process_time()
        model = convae.ConvAutoencoder.from_options(parameters)
        model.fit(convae.open_source(images, split="train"), observers=[Lines()])
        times.write_text(str(time.process_time() - cpu))
        model.save(path)
    loaded = convae.load(path)
    assert isinstance(loaded, convae.ConvAutoencoder)
    return loaded, float(times.read_text())


def of_model(what: str, model: convae.ConvAutoencoder, images: Images, cpu: float) -> Row:
    """Its codes of both parts, and its error on the test part."""
    sources = [convae.open_source(images.name, split=split) for split in ("train", "test")]
    train, test = (model.transform(source) for source in sources)
    return Row(what, train, test, -model.score(sources[1]), cpu)


def of_pca(pca: PrincipalComponents, images: Images) -> Row:
    """The same by PCA."""
    train, test = (pca.encode(pixels).numpy() for pixels in (images.train, images.test))
    restored = pca.reconstruct(images.test).clamp(0, 1)
    return Row("PCA", train, test, float((restored - images.test).square().mean()), "-")


def add(section: Section, images: Images, row: Row) -> None:
    """Measure the codes of a row and add it to the table."""
    numbers = row.test.shape[1]
    reader = KNeighborsClassifier(K).fit(row.train, images.train_labels)
    accuracy = float(reader.score(row.test, images.test_labels))
    trust = trustworthiness(images.test.numpy(), row.test, K)
    goals = ("-", "-") if row.what == "PCA" else GOALS[images.name, numbers]
    section.row(
        images.name, numbers, row.what, accuracy, goals[0], trust, goals[1], row.mse, row.cpu
    )
