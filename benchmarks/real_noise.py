"""Figures of denoising where nobody made the noise: stained documents, microscopes."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch

from convae.classical.denoising import median, non_local_means
from convae.classical.noise_level import estimate_noise_level, whiteness
from convae.images.files.reading import read_image
from denoising import data, each, fitted, psnr, restored, ssim
from record import Section, decibels

DOCUMENTS: dict[str, Any] = {"epochs": 24, "ema": 0.995}
FRAMES: dict[str, Any] = {"epochs": 12, "ema": 0.995}


def documents() -> None:
    """Scans with stains and wrinkles, learnt from pairs; every third page is left out."""
    clean = sorted(data("documents_denoise", "clean").glob("*.png"))
    noisy = [data("documents_denoise", "noisy", path.name) for path in clean]
    train = [i for i in range(len(clean)) if i % 3]
    test = [i for i in range(len(clean)) if i % 3 == 0]
    model, wall, cpu = fitted(
        "documents", [noisy[i] for i in train], target=[clean[i] for i in train], **DOCUMENTS
    )
    given, wanted = ([unit(paths[i]) for i in test] for paths in (noisy, clean))
    section = Section(
        "documents",
        f"Stained documents from pairs: {len(train)} pages to learn from, {len(test)} left out",
        ("method", "PSNR dB", "SSIM", "gain over the input, dB"),
    )
    floor = psnr(given, wanted)
    for name, done in {
        **classical(given),
        "convae": [
            pixels / np.float32(255) for pixels in restored(model, [noisy[i] for i in test])
        ],
    }.items():
        value = psnr(done, wanted)
        section.row(name, decibels(value), ssim(done, wanted), decibels(value - floor))
    section.remarks.append(
        f"Trained in {cpu / 60:.1f} CPU minutes ({wall / 60:.1f} by the clock): {DOCUMENTS}."
    )
    section.write()


def microscopy() -> None:
    """No clean image is used: frames against the mean of 400, and files that come back as they were."""
    section = Section(
        "microscopy",
        "Microscopes, learnt from noisy frames alone",
        (
            "images",
            "method",
            "scale-invariant PSNR dB",
            "noise left",
            "whiteness of what was removed",
        ),
    )
    frames = sorted(data("microscopy", "w2s_pairs").glob("input_*.png"))
    means = [unit(p.with_name(p.name.replace("input_avg1", "target_avg400"))) for p in frames]
    model, wall, cpu = fitted("w2s", frames, learn="noisy", **FRAMES)
    given = [unit(path) for path in frames]
    done = classical(given) | {"convae": [x / np.float32(255) for x in restored(model, frames)]}
    for name, images in done.items():
        value = float(np.mean([scale_free(a, b) for a, b in zip(images, means, strict=True)]))
        section.row("10 frames, 8 bits", name, decibels(value), *judged(given, images))
    section.remarks.append(
        f"Frames: learnt {model.learn_}, {cpu / 60:.1f} CPU minutes ({wall / 60:.1f} by the clock), "
        f"{FRAMES}. The means of 400 frames are looked at for the PSNR only, after a gain and an offset are "
        "fitted to each image, since every file was stretched on its own."
    )
    for name, what, epochs in (
        ("cbmi_mito_lowsnr_u16", "20 images, 16 bits", 20),
        ("calcium_imaging_u16_stack.tif", "stack of 1,000 frames, 16 bits", 3),
    ):
        section.row(what, "convae", "-", *round_trip(data("microscopy", name), epochs, section))
    section.write()


def unit(path: Path) -> np.ndarray:
    """One file as (H, W) float32 in [0, 1]."""
    pixels: np.ndarray = read_image(path).pixels[..., 0].astype(np.float32) / 255
    return pixels


def classical(images: list[np.ndarray]) -> dict[str, list[np.ndarray]]:
    """What needs no training; the level of the noise is estimated in each image."""

    return {
        "noisy": images,
        "median 3x3": each(images, lambda x: median(x, 3)),
        "median 5x5": each(images, lambda x: median(x, 5)),
        "non-local means": each(images, lambda x: non_local_means(x, estimate_noise_level(x))),
    }


def scale_free(image: np.ndarray, wanted: np.ndarray) -> float:
    """PSNR after the gain and offset that fit best; the peak is the range of what is wanted."""
    x, y = image.astype(np.float64).ravel(), wanted.astype(np.float64).ravel()
    gain = np.cov(x, y, bias=True)[0, 1] / max(x.var(), 1e-12)
    error = np.mean((gain * (x - x.mean()) + y.mean() - y) ** 2)
    return float(10 * np.log10((y.max() - y.min()) ** 2 / error))


def judged(given: list[np.ndarray], done: list[np.ndarray]) -> tuple[Any, Any]:
    """The noise left as a fraction of what there was, and the whiteness of what was removed."""
    before, after, removed = (
        [torch.from_numpy(np.ascontiguousarray(x, np.float32))[None, None] for x in images]
        for images in (given, done, [a - b for a, b in zip(given, done, strict=True)])
    )
    levels = [sum(float(estimate_noise_level(x)) for x in images) for images in (before, after)]
    same = all(np.array_equal(a, b) for a, b in zip(given, done, strict=True))
    white = "-" if same else float(np.mean([float(whiteness(x)) for x in removed]))
    return levels[1] / levels[0], white


def round_trip(source: Path, epochs: int, section: Section) -> tuple[Any, Any]:
    """Fit and denoise by the command line; the files must come back as the same kind of files."""
    with tempfile.TemporaryDirectory() as folder:
        model, out = Path(folder, "m.convae"), Path(folder, "out")
        how = ("--learn", "noisy", "--epochs", str(epochs), "--no-report", "--quiet")
        convae("fit", "denoiser", source, "--out", model, *how)
        convae("denoise", model, source, "--out", out, "--quiet")
        given = sorted(source.glob("*.tif")) if source.is_dir() else [source]
        kept, before, after = [], [], []
        for path in given:
            with tifffile.TiffFile(path) as a, tifffile.TiffFile(out / path.name) as b:
                kept.append(described(a) == described(b))
                for old, new in ((a.asarray(), b.asarray()),):
                    before += list(old.reshape(-1, *old.shape[-2:])[:50] / np.float32(65535))
                    after += list(new.reshape(-1, *new.shape[-2:])[:50] / np.float32(65535))
        section.remarks.append(
            f"{source.name}: {sum(kept)} of {len(kept)} files came back with the same shape, depth, axes, "
            f"resolution and its unit ({described_text(given[0])})."
        )
    return judged(before, after)


def described(file: tifffile.TiffFile) -> tuple[Any, ...]:
    """What a program that measures in these files needs."""
    series = file.series[0]
    tags = file.pages.first.tags
    found = [tags[n].value for n in ("XResolution", "YResolution", "ResolutionUnit") if n in tags]
    unknown = all(value in ((1, 1), 1) for value in found)  # as files are written that do not say
    units = () if unknown else tuple(map(str, found))
    return series.shape, str(series.dtype), series.axes, units


def described_text(path: Path) -> str:
    with tifffile.TiffFile(path) as file:
        shape, depth, axes, units = described(file)
    return f"{depth}, {axes} {'x'.join(map(str, shape))}, resolution {', '.join(units) or 'none'}"


def convae(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "convae", *map(str, words)], check=True)
