"""Figures of denoising: MNIST with the tutorial's noise, BSD68, and images of which no clean ones exist."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import convae
from convae.classical.denoising import bm3d, median, non_local_means
from convae.corruption.noise import parse_noise
from convae.images.files.reading import read_image
from convae.metrics import image_quality
from record import Section, decibels, note
from usual import TUTORIAL

# The recipe for natural grey images; its parts were chosen on training images that were held out.
NATURAL: dict[str, Any] = {"widths": (32, 64, 96), "ema": 0.995, "validation_fraction": 0.05}
NATURAL_EPOCHS = 28
NOISY_EPOCHS = 14  # some 27 CPU minutes
PUBLISHED = {  # SwinIR's table; Noise2Void's figure as DBSN tells it
    15: {"BM3D": 31.08, "DnCNN": 31.73},
    25: {"BM3D": 28.57, "DnCNN": 29.23, "Noise2Void (noisy only)": 27.71},
    50: {"BM3D": 25.60, "DnCNN": 26.23},
}
SOME = 12  # images that BM3D is run on here: it takes a quarter of a minute for each
MNIST_EPOCHS = 10
TUTORIAL_NOISE = {"noise": "gaussian", "sigma": 0.5, "mean": 0.5, "clip_noise": True}


def data(*parts: str) -> Path:
    return Path(os.environ["CONVAE_DATA_DIR"]).joinpath(*parts)


def grey(folder: Path) -> list[np.ndarray]:
    """The images of a folder as (H, W) float32 in [0, 1]."""
    files = sorted(path for path in folder.iterdir() if path.suffix == ".png")
    return [read_image(path).pixels[..., 0].astype(np.float32) / 255 for path in files]


def with_noise(images: list[np.ndarray], sigma: float, seed: int) -> list[np.ndarray]:
    """White Gaussian noise that is neither rounded nor clipped, as the published tables have it."""
    rng = np.random.default_rng(seed)
    return [
        image + np.float32(sigma) * rng.standard_normal(image.shape, np.float32) for image in images
    ]


def psnr(restored: list[np.ndarray], clean: list[np.ndarray]) -> float:
    """The mean over images of the PSNR, values limited to [0, 1] first."""
    errors = [float(np.mean((r.clip(0, 1) - c) ** 2)) for r, c in zip(restored, clean, strict=True)]
    return float(np.mean([-10 * np.log10(error) for error in errors]))


def ssim(restored: list[np.ndarray], clean: list[np.ndarray]) -> float:
    pairs = [
        (torch.from_numpy(x.clip(0, 1))[None, None] for x in p)
        for p in zip(restored, clean, strict=True)
    ]
    return float(np.mean([float(image_quality.ssim(a, b)) for a, b in pairs]))


class Lines:
    """A line per epoch on standard error."""

    def message(self, text: str) -> None:
        note(f"  {text}")

    def step(self, moment: object) -> None:
        pass

    def epoch(self, row: dict[str, Any]) -> None:
        note(f"  epoch {row['epoch']}: {row['validation_loss']:.6f}, {row['seconds']:.0f} s")


def fitted(
    name: str, X: Any, *, target: Any = None, **parameters: Any
) -> tuple[convae.Denoiser, float, float]:
    """A model with the wall and CPU seconds that it took; one that lies ready is not trained again."""
    folder = Path(__file__).with_name(".work")
    folder.mkdir(exist_ok=True)
    path, times = folder / f"{name}.convae", folder / f"{name}.txt"
    if not path.exists():
        wall, cpu = time.perf_counter(), time.process_time()
        model = convae.Denoiser.from_options(parameters).fit(X, target=target, observers=[Lines()])
        took = (time.perf_counter() - wall, time.process_time() - cpu)
        model.save(path)
        times.write_text(" ".join(map(str, took)))
    wall, cpu = map(float, times.read_text().split())
    loaded = convae.load(path)
    assert isinstance(loaded, convae.Denoiser)
    return loaded, wall, cpu


def restored(model: convae.Denoiser, images: list[Any], **options: Any) -> list[np.ndarray]:
    return [done.pixels[..., 0] for done in model.iter_denoise(images, **options)]


def bsd68() -> None:
    """One model for all levels, trained on train400, beside classical methods in the same run."""
    model, wall, cpu = fitted(
        "bsd68",
        np.stack(grey(data("denoise", "train400"))),
        noise="gaussian:0..55/255",
        epochs=NATURAL_EPOCHS,
        **NATURAL,
    )
    section = Section(
        "bsd68",
        "BSD68, Gaussian noise: one model trained on train400 only",
        ("sigma", "method", "PSNR dB", "SSIM", "published, dB"),
    )
    clean = grey(data("denoise", "bsd68"))
    for level in (15, 25, 50):
        sigma, noisy = level / 255, with_noise(clean, level / 255, seed=level)
        for method, run in methods(model, sigma).items():
            done = run(noisy)
            section.row(level, method, decibels(psnr(done, clean)), ssim(done, clean), "-")
        some, few = clean[:SOME], noisy[:SOME]
        beside = {
            "BM3D": each(few, partial(bm3d, sigma=sigma)),
            "convae": restored(model, few, sigma=sigma),
        }
        for method, done in beside.items():
            name = f"{method}, first {SOME} images"
            section.row(level, name, decibels(psnr(done, some)), ssim(done, some), "-")
        for method in ("BM3D", "DnCNN"):
            section.row(level, method, "-", "-", decibels(PUBLISHED[level][method]))
    section.remarks.append(
        f"Trained in {cpu / 60:.1f} CPU minutes ({wall / 60:.1f} by the clock): {NATURAL}, "
        f"{NATURAL_EPOCHS} epochs."
    )
    section.write()


def each(
    images: list[np.ndarray], function: Callable[[torch.Tensor], torch.Tensor]
) -> list[np.ndarray]:
    """A function of (1, 1, H, W) for each image (H, W)."""
    return [function(torch.from_numpy(x)[None, None])[0, 0].numpy() for x in images]


Method = Callable[[list[np.ndarray]], list[np.ndarray]]


def methods(model: convae.Denoiser, sigma: float) -> dict[str, Method]:
    """The model and what it stands beside, each from noisy images to restored ones."""

    return {
        "noisy": lambda images: images,
        "median 5x5": lambda images: each(images, lambda x: median(x, 5)),
        "non-local means": lambda images: each(images, lambda x: non_local_means(x, sigma)),
        "convae": lambda images: restored(model, images, sigma=sigma),
        "convae, level estimated": lambda images: restored(model, images),
        "convae, eight views": lambda images: restored(model, images, sigma=sigma, ensemble=True),
    }


def bsd68_noisy_only() -> None:
    """Trained on noisy images of sigma 25 alone; the clean ones are never seen."""
    sigma = 25 / 255
    noisy = with_noise(grey(data("denoise", "train400")), sigma, seed=1025)
    model, wall, cpu = fitted(
        "bsd68_noisy_only",
        np.stack(noisy),
        noise="gaussian",
        learn="noisy",
        epochs=NOISY_EPOCHS,
        scaling="dtype",
        **NATURAL,
    )
    clean = grey(data("denoise", "bsd68"))
    given = with_noise(clean, sigma, seed=25)
    section = Section(
        "bsd68_noisy_only",
        "BSD68, sigma 25, learnt from noisy images alone (train400 with one draw of noise)",
        ("method", "PSNR dB", "SSIM", "goal"),
    )
    for method, run in methods(model, sigma).items():
        done = run(given)
        goal = "above 27.71, aim 29.27" if method == "convae" else "-"
        section.row(method, decibels(psnr(done, clean)), ssim(done, clean), goal)
    section.remarks.append(
        f"Trained in {cpu / 60:.1f} CPU minutes ({wall / 60:.1f} by the clock): {NATURAL}, {NOISY_EPOCHS} "
        "epochs. The noise is said to be Gaussian; its level is estimated in each training image."
    )
    section.write()


def mnist_noise() -> None:
    """The classic tutorial: normal noise of mean 0.5 and deviation 0.5, clipped; drawn once for the test."""
    section = Section(
        "mnist_noise",
        "MNIST with the tutorial's noise (normal, mean 0.5, deviation 0.5, clipped)",
        ("network", "epochs", "test MSE", "goal", "wall s", "CPU s"),
    )
    clean = convae.open_source("mnist", split="test")
    images = torch.stack(
        [torch.from_numpy(clean.read(i).pixels[..., 0]) for i in range(len(clean))]
    )
    target = images.float()[:, None] / 255
    noise = parse_noise("gaussian", sigma=0.5, mean=0.5, clip=True)
    given = noise.apply(target, torch.Generator().manual_seed(0))[0][:, 0].numpy()
    section.row(
        "noisy",
        "-",
        float(image_quality.mse(torch.from_numpy(given)[:, None], target).mean()),
        "-",
        "-",
        "-",
    )
    source = convae.open_source("mnist", split="train")
    train = (
        np.stack([source.read(i).pixels[..., 0] for i in range(len(source))]).astype(np.float32)
        / 255
    )
    for name, goal, epochs, parameters in (
        ("tutorial", "about 0.0157", MNIST_EPOCHS, TUTORIAL),
        ("default", "at most 0.0130, no more CPU", 1, {}),
        ("default", "-", 2, {}),
    ):
        model, wall, cpu = fitted(
            f"mnist_{name}_{epochs}", train, epochs=epochs, **TUTORIAL_NOISE, **parameters
        )
        done = torch.from_numpy(np.stack(restored(model, list(given), sigma=0.5)))[:, None]
        section.row(name, epochs, float(image_quality.mse(done, target).mean()), goal, wall, cpu)
    section.write()
