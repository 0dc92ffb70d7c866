"""Figures of the variants: bounds and samples of variational codes, what is read from sparse ones."""

import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import convae
from convae.embedding.pca import fit_pca
from convae.evaluation.experiments.ablation import ablate
from convae.evaluation.experiments.corrupted_readouts import read_robustness
from convae.evaluation.experiments.robustness import code_variants
from convae.evaluation.experiments.verdicts import (
    robustness_cautions,
    robustness_verdict,
    stacking_cautions,
    stacking_verdict,
)
from convae.evaluation.probe.probe import Target
from convae.evaluation.probe.readouts import Score
from convae.images.sources.base import ImageSource
from record import Section, note

# Chosen on the last 5,000 training images.
STATIC: dict[str, Any] = {
    "loss": "bce",
    "latent_dim": 40,
    "widths": (32, 64),
    "blocks": 1,
    "hidden": 256,
    "epochs": 9,
    "batch_size": 128,
    "validation_fraction": 0.02,
}
# For an accelerator, where an epoch takes seconds: not measured yet.
LONG: dict[str, dict[str, Any]] = {
    "one_level": {**STATIC, "widths": (64, 128), "blocks": 3, "epochs": 200},
    "three_levels": {
        **STATIC,
        "widths": (64, 64, 128),
        "blocks": 3,
        "epochs": 200,
        "bottleneck": "gaussian:1,free_bits=0.01,warmup=0.3,levels=3",
    },
}
SHORT = 4  # epochs of the same
WINNERS: dict[str, Any] = {
    "code": "spatial",
    "bottleneck": "winners:0.1",
    "latent_dim": 128,
    "widths": (64,),
    "blocks": 0,
    "kernel_size": 5,
    "activation": "relu",
    "pattern": 12,
    "batch_size": 100,
    "epochs": 1,
}
WINNERS_LEARN = 30_000  # images, without labels; the classifier is given all
ROBUST_IMAGES = 5_000
ROBUST: dict[str, Any] = {"widths": (16, 32), "blocks": 1, "batch_size": 64, "epochs": 6}
VARIANTS: dict[str, Any] = {"latent_dim": 64, "noise": "gaussian:0..0.6", "sparse": "top-k:0.1"}
CORRUPTIONS = ("gaussian:0.3", "gaussian:0.6", "salt-and-pepper:0.2", "blur:2")
STACKED: dict[str, Any] = {
    "widths": (16, 32),
    "blocks": 1,
    "latent_dim": 64,
    "batch_size": 64,
    "epochs": 4,
    "patience": 0,
}
ABLATED = {"mnist": 5_000, "cifar10": 2_000}  # training images
CELLS, STRENGTHS, PENALTY = 5, (1e-4, 1e-3, 1e-2), 5000
SAMPLES, K = 10_000, 1000
BOUNDED = 1000  # test images that the bound of K samples is computed for


class Lines:
    """A line per epoch on standard error."""

    def message(self, text: str) -> None:
        note(f"  {text}")

    def step(self, moment: object) -> None:
        pass

    def epoch(self, row: dict[str, Any]) -> None:
        note(f"  epoch {row['epoch']}: {row['validation_loss']:.5f}, {row['seconds']:.0f} s")


def mnist(split: Literal["train", "test"]) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) uint8 and their labels."""
    source = convae.open_source("mnist", split=split)
    images = np.stack([source.read(i).pixels[..., 0] for i in range(len(source))])
    assert source.labels is not None
    return images, np.asarray(source.labels)


def statically_binarised(split: Literal["train", "test"]) -> np.ndarray:
    """Each pixel white with its grey value as probability: one draw, seed 0 for training, 1 for test."""
    images, _ = mnist(split)
    rng = np.random.default_rng(("train", "test").index(split))
    return np.where(rng.random(images.shape) < images / 255, 255, 0).astype(np.uint8)


def kept(name: str, make: Any, images: Any, **parameters: Any) -> tuple[Any, float]:
    """A fitted model and its CPU seconds; one that lies ready is not trained again."""
    folder = Path(__file__).with_name(".work")
    folder.mkdir(exist_ok=True)
    path, times = folder / f"{name}.convae", folder / f"{name}.txt"
    if not path.exists():
        note(f"{name}: {parameters}")
        cpu = time.process_time()
        model = make.from_options(parameters).fit(images, observers=[Lines()])
        times.write_text(str(time.process_time() - cpu))
        model.save(path)
    return convae.load(path), float(times.read_text())


def static_mnist() -> None:
    """The bound of a variational autoencoder on statically binarised MNIST."""
    _bounds(
        "static_mnist",
        "Statically binarised MNIST: nats of the code and of the pixels for a test image",
        statically_binarised("train"),
        STATIC,
        "Pixels are drawn once, with seed 0 for training and 1 for test images.",
        goal="at most 89.8",
    )


def static_mnist_short() -> None:
    """The same after four epochs: within 20 CPU minutes also on a busy machine."""
    _bounds(
        "static_mnist_short",
        "Statically binarised MNIST after four epochs: nats of the code and of the pixels for a test image",
        statically_binarised("train"),
        {**STATIC, "epochs": SHORT},
        "Pixels are drawn once, with seed 0 for training and 1 for test images.",
        goal="at most 89.8 in 1200 s",
    )


def dynamic_mnist() -> None:
    """The same where the training pixels are drawn anew for every batch; these figures stand apart."""
    _bounds(
        "dynamic_mnist",
        "Dynamically binarised MNIST: nats of the code and of the pixels for a test image",
        mnist("train")[0],
        {**STATIC, "binarise": True, "epochs": SHORT},
        "Training pixels are drawn anew for every batch; test pixels are the static draw, seed 1.",
        bounded=200,
    )


def static_mnist_long() -> None:
    """Recipes for an accelerator, with one level and with three; not among ``all``."""
    for name, recipe in LONG.items():
        _bounds(
            f"static_mnist_{name}",
            f"Statically binarised MNIST on an accelerator, {name}: nats for a test image",
            statically_binarised("train"),
            recipe,
            "Pixels are drawn once, with seed 0 for training and 1 for test images.",
            goal="81.0" if name == "one_level" else "79.24",
        )


def _bounds(
    name: str,
    title: str,
    images: np.ndarray,
    recipe: dict[str, Any],
    remark: str,
    goal: str = "-",
    bounded: int = BOUNDED,
) -> None:
    """Train on images, and write ELBO, bound and K for the binarised test images."""
    model, cpu = kept(name, convae.VariationalAutoencoder, images, **recipe)
    test = statically_binarised("test")
    columns = (
        "test images",
        "samples (K)",
        "minus ELBO",
        "minus bound",
        "goal",
        "CPU s of training",
    )
    section = Section(name, title, columns)
    _, elbo = model.bounds(test, samples=1)
    section.row(len(test), 1, nats(elbo), nats(elbo), "-", cpu)
    tight, elbo = model.bounds(test[:bounded], samples=K)
    section.row(bounded, K, nats(elbo), nats(tight), goal, cpu)
    spread = tight.std() / np.sqrt(len(tight))
    section.remarks.append(
        f"{recipe}; all else as by default. {remark} The standard error of the last bound is {spread:.2f}. "
        f"{model.collapse_.summary()}"
    )
    section.write()


def nats(values: np.ndarray) -> str:
    """Minus the mean, two digits behind the point."""
    return f"{-values.mean():.2f}"


class Classifier(nn.Sequential):
    """A small convolutional classifier of digits; its 64 features are what images are compared by."""

    def __init__(self) -> None:
        super().__init__(
            nn.Sequential(
                nn.Conv2d(1, 32, 5, stride=2, padding=2), nn.ReLU(),
                nn.Conv2d(32, 64, 5, stride=2, padding=2), nn.ReLU(),
                nn.Flatten(), nn.Linear(64 * 49, 64), nn.ReLU(),
            ),
            nn.Linear(64, 10),
        )  # fmt: skip


def samples() -> None:
    """How far samples are from images, by features of a classifier trained here."""
    images, test = statically_binarised("train"), statically_binarised("test")
    labels, test_labels = mnist("train")[1], mnist("test")[1]
    classifier = taught(images, labels)
    right = (answers(classifier, test).argmax(1) == test_labels).mean()
    model, _ = kept("static_mnist", convae.VariationalAutoencoder, images, **STATIC)
    section = Section(
        "samples",
        "Samples of the variational autoencoder of binarised MNIST: Fréchet distance to the test images",
        ("what", "distance", "goal"),
    )
    section.row("training images", frechet(classifier, images[:SAMPLES], test), "-")
    rng = np.random.default_rng(0)
    for from_ in ("prior", "gaussian", "mixture"):
        means = model.sample(SAMPLES, from_=from_) / 255
        drawn = np.where(rng.random(means.shape) < means, 255, 0).astype(np.uint8)
        goal = "below the prior's" if from_ == "mixture" else "-"
        section.row(f"drawn from the {from_}", frechet(classifier, drawn, test), goal)
    section.remarks.append(
        f"{SAMPLES:,} images each, pixels drawn from what the decoder says. The features are the 64 before "
        f"the last layer of a classifier with two convolutions, trained for three epochs on the binarised "
        f"training images ({right:.2%} of the test images right); the distance is that of normal "
        "distributions with their means and covariances, as in the Fréchet inception distance, and compares "
        "only within this table."
    )
    section.write()


def taught(images: np.ndarray, labels: np.ndarray, epochs: int = 3) -> Classifier:
    """A classifier of these images."""
    torch.manual_seed(0)
    classifier = Classifier()
    optimizer = torch.optim.Adam(classifier.parameters(), 1e-3)
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(images)), len(images) // 128):
            x = torch.from_numpy(images[rows]).float()[:, None] / 255
            loss = F.cross_entropy(classifier(x), torch.from_numpy(labels[rows]).long())
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return classifier


@torch.no_grad()
def answers(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """What a network makes of images, (n, k)."""
    parts = [
        network(torch.from_numpy(x).float()[:, None] / 255) for x in np.array_split(images, 20)
    ]
    found: np.ndarray = torch.cat(parts).numpy()
    return found


def frechet(classifier: Classifier, images: np.ndarray, others: np.ndarray) -> float:
    """|μ - ν|² + tr(A + B - 2 (A B)^½) of the features of two sets."""
    from scipy.linalg import sqrtm

    one, two = (answers(classifier[0], x).astype(np.float64) for x in (images, others))
    a, b = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    root = np.real(sqrtm(a @ b))
    apart = np.square(one.mean(axis=0) - two.mean(axis=0)).sum()
    return float(apart + np.trace(a + b - 2 * root))


def sparse_codes() -> None:
    """What a linear classifier reads from winner-take-all codes of MNIST."""
    (images, labels), (test, test_labels) = mnist("train"), mnist("test")
    some_images = images[-WINNERS_LEARN:]
    model, cpu = kept("winners", convae.SparseAutoencoder, some_images, **WINNERS)
    plain, plain_cpu = kept(
        "winners_plain",
        convae.ConvAutoencoder,
        images,
        **{**WINNERS, "bottleneck": "plain", "latent_dim": 16, "bypass": "none", "epochs": 1},
    )
    flat = [x.reshape(len(x), -1).astype(np.float32) / 255 for x in (images, test)]
    pca = fit_pca([torch.from_numpy(flat[0])], 256)
    ways = {
        "winner-take-all": ([model.activity(x, cells=CELLS) for x in (images, test)], cpu),
        "plain autoencoder": ([plain.transform(x) for x in (images, test)], plain_cpu),
        "PCA": ([pca.encode(torch.from_numpy(x)).numpy() for x in flat], 0.0),
        "pixels": (flat, 0.0),
    }
    section = Section(
        "sparse_codes",
        "MNIST: errors of a linear classifier on test images, by the labels it has",
        (
            "codes",
            "numbers",
            "all labels",
            "goal",
            "100 a class",
            "10 a class",
            "CPU s of training",
        ),
    )
    for name, ((fit, held), seconds) in ways.items():
        errors = [
            linear_error(fit[rows], labels[rows], held, test_labels)
            for rows in (np.arange(len(labels)), some(labels, 100), some(labels, 10))
        ]
        goal = "at most 1.0 %, aim 0.48 %" if name == "winner-take-all" else "-"
        shown = [f"{error:.2%}".replace("%", " %") for error in errors]
        section.row(name, fit.shape[1], shown[0], goal, *shown[1:], seconds or "-")
    section.remarks.append(
        f"{WINNERS}, learnt from {WINNERS_LEARN:,} images without labels (the plain autoencoder from all); "
        f"features are what each map answers before maps compete, its maximum in {CELLS}x{CELLS} "
        "parts of the image. The classifier is multinomial logistic regression on standardised features; its "
        f"penalty ({', '.join(f'{s:g}' for s in STRENGTHS)}) is chosen on a fifth of the images that it is "
        f"given, at most {PENALTY:,}. {model.sparsity_.summary()}"
    )
    section.write()


def robust_codes() -> None:
    """What is read from plain, denoising, sparse and variational codes of clean and of corrupted images."""
    parts = [convae.open_source("mnist", split=split) for split in ("train", "test")]
    train, test = parts[0].select(range(ROBUST_IMAGES)), parts[1]
    ready = {
        name: kept(
            f"robust_{name}",
            type(model),
            train,
            **{k: v for k, v in model.get_params().items() if v is not None},
        )
        for name, model in code_variants(**ROBUST, **VARIANTS).items()
    }
    models = {name: model for name, (model, _) in ready.items()}
    data = [(part, Target(values=labels_of(part))) for part in (train, test)]
    found = read_robustness(models, data[0], data[1], corruptions=CORRUPTIONS)
    section = Section(
        "robust_codes",
        "MNIST: test images told right by their codes, read-outs fitted on clean training images, with 95 % "
        "intervals",
        ("test images", "read-out", *found.descriptions),
    )
    for corruption in found.readings[0].scores:
        for reading in found.readings:
            cells = [cell(score) for score in reading.scores[corruption].values()]
            section.row(corruption, reading.name.partition(",")[0], *cells)
    cpu = ", ".join(f"{name} {seconds:.0f}" for name, (_, seconds) in ready.items())
    section.remarks.append(" ".join([*robustness_verdict(found), *robustness_cautions(found)]))
    section.remarks.append(
        f"{ROBUST_IMAGES:,} training images, {ROBUST}; "
        + "; ".join(f"{name}: {what}" for name, what in found.descriptions.items())
        + f". CPU seconds of training: {cpu}."
    )
    section.write()


def labels_of(source: ImageSource) -> np.ndarray:
    """(n,) class numbers."""
    assert source.labels is not None
    return np.asarray(source.labels).astype(np.int64)


def cell(score: Score) -> str:
    """A score with its interval."""
    low, high = score.interval
    return f"{score.value:.3f} ({low:.3f} to {high:.3f})"


def stacked_ablation() -> None:
    """Does stacking help? Levels alone, levels and then together, together from scratch, at equal cost."""
    section = Section(
        "stacked_ablation",
        "Does stacking help? Test MSE at the same cost, three seeds",
        ("images", "training", "epochs", "mean", "each seed", "cost", "CPU s, a mean"),
    )
    for name, count in ABLATED.items():
        train, test = (convae.open_source(name, split=split) for split in ("train", "test"))
        train = train.select(range(min(count, len(train))))
        model = convae.StackedAutoencoder.from_options(STACKED)
        found = ablate(model, train, test=test, seeds=3, observers=[Lines()])
        for way, trial in found.trials.items():
            means = float(trial.errors.mean()), float(trial.seconds.mean())
            row = (str(trial.schedule), means[0], each(trial.errors), f"{trial.costs.mean():.2f}")
            section.row(name, way, *row, means[1])
        mean = float(found.baseline.mean())
        section.row(name, found.baseline_name, "-", mean, each(found.baseline), "-", "-")
        told = " ".join([stacking_verdict(found), *stacking_cautions(found)])
        section.remarks.append(f"{name}: {told}")
    section.remarks.append(
        f"{STACKED}; training images: {ABLATED} (CIFAR-10: a lossless subset). Cost is counted in "
        "multiplications of training and validation, as a part of those together from scratch."
    )
    section.write()


def each(errors: np.ndarray) -> str:
    """The errors one by one."""
    return ", ".join(f"{error:.5f}" for error in errors)


def some(labels: np.ndarray, count: int) -> np.ndarray:
    """The first so many images of each class."""
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:count] for c in range(10)]))


def linear_error(
    fit: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> float:
    """The part of the test images that logistic regression gets wrong."""
    mean, spread = fit.mean(axis=0), fit.std(axis=0)
    spread = np.maximum(spread, 0.05 * spread.max())
    x, y = (torch.from_numpy((part - mean) / spread) for part in (fit, test))
    classes = torch.from_numpy(labels).long()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(fit)))
    held = order[: min(PENALTY, len(fit) // 5)]
    rest = order[len(held) :][:20_000]

    def right(strength: float) -> int:
        told = regression(x[rest], classes[rest], strength)(x[held])
        return int((told.argmax(1) == classes[held]).sum())

    best = max(STRENGTHS, key=right)
    told = regression(x, classes, best)(y).argmax(1).numpy()
    return float((told != test_labels).mean())


def regression(x: torch.Tensor, classes: torch.Tensor, strength: float) -> Any:
    """Multinomial logistic regression with a squared penalty, by L-BFGS; gives the function to answers."""
    # Classes first: with ten columns, the products the other way round are two to seven times slower.
    weights, bias = torch.zeros(10, x.shape[1]), torch.zeros(10, 1)
    parameters = [weights.requires_grad_(), bias.requires_grad_()]
    optimizer = torch.optim.LBFGS(parameters, max_iter=80, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        told = (weights @ x.T + bias).T
        loss = F.cross_entropy(told, classes) + strength * weights.square().sum()
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return lambda rows: (weights @ rows.T + bias).T.detach()
