"""Figures of the lesson on convolutions: codes of one size over set sizes, and the error by code size."""

from typing import Any

import convae
from convae.evaluation.experiments.code_size import autoencoder_to_size, compare_code_sizes
from convae.evaluation.experiments.convolution import compare_convolution, networks_to_compare
from convae.evaluation.experiments.size_tables import code_size_table, convolution_table
from convae.evaluation.experiments.size_verdicts import (
    code_size_cautions,
    code_size_verdict,
    convolution_cautions,
    convolution_verdict,
)
from convae.images.sources.base import ImageSource
from record import Section, note

COUNTS = (100, 300, 1000, 3000)
SMALL: dict[str, Any] = {"widths": (16, 32), "blocks": 1, "hidden": 128}
SETS: dict[str, dict[str, Any]] = {
    "mnist": {"latent_dim": 16, **SMALL},
    "cifar10": {"latent_dim": 64, **SMALL},
}
STEPS, TESTED, TRAINED = 300, 1000, 3000
OF_SIZES = ("mnist",)
SIZES = (2, 4, 8, 16, 32, 64, 128)


class Messages:
    """What was done, on standard error."""

    def message(self, text: str) -> None:
        note(f"  {text}")

    def step(self, progress: object) -> None:
        pass

    def epoch(self, row: object) -> None:
        pass


def parts_of(name: str) -> tuple[ImageSource, ImageSource]:
    """Training and test images."""
    train, test = (convae.open_source(name, split=split) for split in ("train", "test"))
    return train.select(range(4000)), test.select(range(TESTED))


def convolution() -> None:
    """Do convolutions help? A convolutional autoencoder, a dense one and PCA, over set sizes."""
    section = Section(
        "convolution",
        "Do convolutions help? Test MSE of codes of one size, three seeds, 95 % intervals",
        ("set", "code", "images", "convolutional", "dense", "PCA", "convolutional against dense",
         "against PCA", "steps", "CPU s of both"),
    )  # fmt: skip
    for name, parameters in SETS.items():
        train, test = parts_of(name)
        models = networks_to_compare(**parameters)
        found = compare_convolution(
            train, test=test, models=models, counts=COUNTS, steps=STEPS, observers=[Messages()]
        )
        for row in convolution_table(found)[1]:
            section.row(name, found.latent_dim, *row)
        sentences = [*convolution_verdict(found), *convolution_cautions(found)]
        section.remarks.append(f"{name}: {' '.join(sentences)}")
    section.remarks.append(
        f"`convae experiment convolution` with its default settings but a smaller network, {STEPS} steps of "
        f"32 images each, measured on {TESTED:,} test images; {SETS}. Training images are chosen anew with "
        "each seed, out of 4,000."
    )
    section.write()


def code_size() -> None:
    """How many numbers do images need? The error of an autoencoder and of PCA by the size of the code."""
    section = Section(
        "code_size",
        "How many numbers do images need? Test MSE by code size, three seeds, 95 % intervals",
        ("set", "numbers", "autoencoder", "PCA", "variance explained", "by PCA", "steps", "CPU s"),
    )
    for name in OF_SIZES:
        train, test = parts_of(name)
        found = compare_code_sizes(
            train.select(range(TRAINED)), test=test, model=autoencoder_to_size(**SMALL), sizes=SIZES,
            steps=STEPS, seeds=3, observers=[Messages()],
        )  # fmt: skip
        for row in code_size_table(found)[1]:
            section.row(name, *row)
        sentences = [*code_size_verdict(found), *code_size_cautions(found)]
        section.remarks.append(f"{name}: {' '.join(sentences)}")
    section.remarks.append(
        f"`convae experiment code-size` with {SMALL}, {TRAINED:,} training images, {STEPS} steps of 32 "
        f"images each, measured on {TESTED:,} test images. *: the size that the images need."
    )
    section.write()
