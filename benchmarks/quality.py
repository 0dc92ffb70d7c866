"""The figures of quality: ``python benchmarks/quality.py NAME`` for one of the names below, or ``all``.

Images are looked for in CONVAE_DATA_DIR, by default ../shared/data from the project's root. Test images are
only measured on: nothing is chosen by them.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("CONVAE_DATA_DIR", str(ROOT.parent / "shared" / "data"))
sys.path.insert(0, str(Path(__file__).parent))

import convae  # noqa: E402
from anomalies import false_alarms  # noqa: E402
from anomaly_table import anomalies  # noqa: E402
from augmentation import augmentation  # noqa: E402
from budgets import budgets, budgets_cpu  # noqa: E402
from conditions import memory, robustness, shapes  # noqa: E402
from convae.evaluation.reconstruction import evaluate  # noqa: E402
from convae.evaluation.results.reconstruction import ReconstructionEvaluation  # noqa: E402
from cross_promise import cross_promise  # noqa: E402
from denoising import bsd68, bsd68_noisy_only, mnist_noise  # noqa: E402
from detector_time import detector_time  # noqa: E402
from embedding import embedding  # noqa: E402
from export import export  # noqa: E402
from few_defects import few_defects  # noqa: E402
from few_normals import few_normals  # noqa: E402
from finding_damage import find_damage  # noqa: E402
from house import house  # noqa: E402
from inpainting import inpainting  # noqa: E402
from masked_training import masked_training  # noqa: E402
from noise_decisions import noise_decision  # noqa: E402
from one_class import one_class  # noqa: E402
from one_set_out import joined, one_set_out  # noqa: E402
from own_template import own_template  # noqa: E402
from plain_autoencoder import plain_autoencoder  # noqa: E402
from quantised_codes import vq  # noqa: E402
from real_noise import documents, microscopy  # noqa: E402
from record import Section, note  # noqa: E402
from roundtrip import roundtrip  # noqa: E402
from serving import serving, watching  # noqa: E402
from tuning import tune  # noqa: E402
from usual import TUTORIAL  # noqa: E402
from variants import (  # noqa: E402
    dynamic_mnist,
    robust_codes,
    samples,
    sparse_codes,
    stacked_ablation,
    static_mnist,
    static_mnist_long,
    static_mnist_short,
)
from why_convolution import code_size, convolution  # noqa: E402


class Lines:
    """A line per epoch on standard error."""

    def message(self, text: str) -> None:
        note(f"  {text}")

    def step(self, moment: object) -> None:
        pass

    def epoch(self, row: dict[str, Any]) -> None:
        note(
            f"  epoch {row['epoch']}: validation {row['validation_loss']:.5f}, {row['seconds']:.0f} s"
        )


def fitted(name: str, **parameters: Any) -> tuple[convae.ConvAutoencoder, float, float]:
    """A model fitted on the training part of a set, with the wall and CPU seconds it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    source = convae.open_source(name, split="train")
    model = convae.ConvAutoencoder.from_options(parameters).fit(source, observers=[Lines()])
    return model, time.perf_counter() - wall, time.process_time() - cpu


def tested(model: convae.ConvAutoencoder, name: str) -> ReconstructionEvaluation:
    """The model on the test part of a set."""
    return evaluate(model, convae.open_source(name, split="test"))


def tutorial() -> None:
    """The classic network as the classic tutorial trains it."""
    section = Section(
        "tutorial",
        "The tutorial network on MNIST: MSE, Adam 1e-3, batch 32",
        ("epochs", "test MSE", "goal", "PCA-16 test MSE", "wall s", "CPU s"),
    )
    for epochs, goal in ((1, 0.0110), (2, 0.0093)):
        model, wall, cpu = fitted("mnist", epochs=epochs, **TUTORIAL)
        result = tested(model, "mnist")
        section.row(epochs, result.model["mse"], goal, result.baseline["mse"], wall, cpu)
    section.write()


def tutorial_epoch() -> None:
    """One epoch of the tutorial preset as ``convae fit`` trains it, by the images in a step."""
    section = Section(
        "tutorial_epoch",
        "One epoch of the preset tutorial on MNIST, 16 numbers, all but the batch size by default",
        ("batch", "test MSE", "goal", "PCA-16 test MSE", "wall s", "CPU s"),
    )
    for batch in (256, None):
        given = {"preset": "tutorial", "latent_dim": 16, "epochs": 1, "batch_size": batch}
        model, wall, cpu = fitted("mnist", **given)
        result = tested(model, "mnist")
        name = f"{model.settings_.batch_size}{'' if batch else ' (default)'}"
        section.row(name, result.model["mse"], 0.0105, result.baseline["mse"], wall, cpu)
    section.remarks.append(
        "The goal is what the tutorial reaches in one epoch of batches of 32 with Adam at 1e-3, computed "
        "once on the same files. All presets had batches of up to 256 before."
    )
    section.write()


def residual16() -> None:
    """The default network at 16 numbers, within the CPU time of ten tutorial epochs of the same run."""
    section = Section(
        "residual16",
        "The default network on MNIST, 16 numbers, in the CPU time of ten epochs of the tutorial network",
        ("network", "epochs", "test MSE", "goal", "PCA-16 test MSE", "wall s", "CPU s"),
    )
    epochs = 2
    model, wall, cpu = fitted("mnist", epochs=epochs, **TUTORIAL)
    result = tested(model, "mnist")
    section.row("tutorial", epochs, result.model["mse"], "-", result.baseline["mse"], wall, cpu)
    model, wall16, cpu16 = fitted("mnist", latent_dim=16, epochs=RESIDUAL_EPOCHS)
    result = tested(model, "mnist")
    goal = "0.0065, aim 0.0050"
    row = ("residual", RESIDUAL_EPOCHS, result.model["mse"], goal, result.baseline["mse"])
    section.row(*row, wall16, cpu16)
    ten = 10 * cpu / epochs
    section.remarks.append(
        f"Ten tutorial epochs take {ten:.0f} s of CPU time (five times the two above); residual takes "
        f"{cpu16 / ten:.2f} of that (goal: at most 1)."
    )
    section.write()


def latent64() -> None:
    """64 numbers on MNIST and Fashion-MNIST, beside the best published plain convolutional autoencoder."""
    section = Section(
        "latent64",
        "The default network, 64 numbers, beside the best published figures",
        ("images", "test MSE", "goal (published)", "PCA-64 test MSE", "epochs", "wall s", "CPU s"),
    )
    for name, goal in (("mnist", 0.00162), ("fashion-mnist", 0.00540)):
        model, wall, cpu = fitted(name, latent_dim=64, epochs=5)
        result = tested(model, name)
        section.row(
            name, result.model["mse"], goal, result.baseline["mse"], model.n_iter_, wall, cpu
        )
    section.write()


def cifar() -> None:
    """CIFAR-10: the 4,000 + 1,000 lossless images."""
    section = Section(
        "cifar",
        "The default network on CIFAR-10 (4,000 training and 1,000 test images, lossless)",
        ("numbers", "test MSE", "PCA test MSE", "below PCA", "epochs", "wall s", "CPU s"),
    )
    for latent in (2, 8, 16, 64, 256):
        model, wall, cpu = fitted("cifar10", latent_dim=latent, epochs=12, **NATURAL)
        result = tested(model, "cifar10")
        below = f"{result.gain:.1%}"
        row = (latent, result.model["mse"], result.baseline["mse"], below)
        section.row(*row, model.n_iter_, wall, cpu)
    section.remarks.append(
        f"Parameters beside the defaults: {NATURAL}, chosen on validation images."
    )
    section.write()


def pca() -> None:
    """Never above PCA, at any number of numbers, even after a single epoch (CIFAR-10: see cifar)."""
    section = Section(
        "pca",
        "Beside PCA at the same code size, after a single epoch",
        ("images", "numbers", "epochs", "test MSE", "PCA test MSE", "below PCA", "CPU s"),
    )
    for name in ("mnist", "fashion-mnist"):
        for latent in (2, 8, 16, 64, 256):
            model, _, cpu = fitted(name, latent_dim=latent, epochs=1)
            result = tested(model, name)
            below = f"{result.gain:.1%}"
            section.row(name, latent, 1, result.model["mse"], result.baseline["mse"], below, cpu)
    section.write()


def optimizers() -> None:
    """What each optimizer reaches with the default network, at its own default rate."""
    section = Section(
        "optimizers",
        "Optimizers: the default network on MNIST, 16 numbers, validation images",
        ("optimizer", "epochs", "validation MSE", "wall s", "CPU s"),
    )
    for name, epochs in (("muon", 1), ("adamw", 1), ("adamw", 2)):
        model, wall, cpu = fitted("mnist", latent_dim=16, optimizer=name, epochs=epochs)
        section.row(name, epochs, model.validation_mse_, wall, cpu)
    section.write()


ASIDE = ("static_mnist_long",)  # for an accelerator: by name only
NATURAL: dict[str, Any] = {"learning_rate": 0.005, "batch_size": 64}
RESIDUAL_EPOCHS = 7
COMMANDS = {
    f.__name__: f
    for f in (
        optimizers,
        tutorial,
        tutorial_epoch,
        residual16,
        latent64,
        cifar,
        pca,
        shapes,
        robustness,
        memory,
        mnist_noise,
        bsd68,
        bsd68_noisy_only,
        noise_decision,
        documents,
        microscopy,
        inpainting,
        find_damage,
        embedding,
        static_mnist,
        static_mnist_short,
        dynamic_mnist,
        static_mnist_long,
        samples,
        sparse_codes,
        robust_codes,
        stacked_ablation,
        masked_training,
        vq,
        one_class,
        anomalies,
        augmentation,
        budgets,
        budgets_cpu,
        few_normals,
        few_defects,
        one_set_out,
        joined,
        own_template,
        plain_autoencoder,
        detector_time,
        export,
        house,
        false_alarms,
        cross_promise,
        roundtrip,
        convolution,
        code_size,
        tune,
        serving,
        watching,
    )
}


def main() -> None:
    names = sys.argv[1:]
    if not names or not set(names) <= {*COMMANDS, "all"}:
        sys.exit(f"python benchmarks/quality.py NAME..., of: {', '.join(COMMANDS)}, all")
    every = [name for name in COMMANDS if name not in ASIDE]
    for name in every if "all" in names else names:
        note(f"== {name}")
        COMMANDS[name]()


if __name__ == "__main__":
    main()
