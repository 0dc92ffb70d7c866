"""Figures of inpainting: one model of natural images, three kinds of holes, the missing pixels alone."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import convae
from convae.classical.filling import biharmonic_fill, harmonic_fill, tension_fill
from convae.classical.opencv import navier_stokes, telea
from convae.metrics.filled_holes import hole_psnr, hole_ssim, seam_error
from denoising import Lines, data, grey
from record import Section, note

# The recipe for natural grey images; its parts were chosen on training images that were held out.
NATURAL: dict[str, Any] = {"ema": 0.995, "validation_fraction": 0.05}
NATURAL_EPOCHS = 16
BOXES, SIDE = 8, 24
GOALS = {  # dB: the best classical fill, and one more
    ("Set12", "50 % of the pixels"): "above 29.11, aim 30.11",
    ("BSD68", "50 % of the pixels"): "above 28.37, aim 29.37",
    ("Set12", "eight boxes of 24x24"): "1 dB above biharmonic",
}
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def scattered(part: float) -> Callable[[int, tuple[int, ...]], Mask]:
    """This part of the pixels of image i is missing, each on its own."""

    def mask(i: int, size: tuple[int, ...]) -> Mask:
        return np.asarray(np.random.default_rng(1000 + i).random(size) < part)

    return mask


def boxes(i: int, size: tuple[int, ...]) -> Mask:
    """Eight squares, which may overlap."""
    rng, mask = np.random.default_rng(1000 + i), np.zeros(size, np.bool_)
    for _ in range(BOXES):
        top, left = rng.integers(0, size[0] - SIDE + 1), rng.integers(0, size[1] - SIDE + 1)
        mask[top : top + SIDE, left : left + SIDE] = True
    return mask


HOLES = {
    "50 % of the pixels": scattered(0.5),
    "80 % of the pixels": scattered(0.8),
    "eight boxes of 24x24": boxes,
}


def inpainting() -> None:
    """Set12 and BSD68 with holes, beside OpenCV's fills and the smooth ones of this package."""
    section = Section(
        "inpainting",
        "Inpainting: Set12 and BSD68, one model trained on train400 only; missing pixels alone",
        ("images", "missing", "method", "PSNR dB", "SSIM", "seam error", "goal, dB"),
    )
    model, wall, cpu = fitted()
    for name in ("Set12", "BSD68"):
        images = [torch.from_numpy(x)[None, None] for x in grey(data("denoise", name.lower()))]
        for missing, draw in HOLES.items():
            masks = [
                torch.from_numpy(draw(i, tuple(image.shape[2:])))[None, None].float()
                for i, image in enumerate(images)
            ]
            for method, fill in methods(model, several_views=name == "Set12").items():
                goal = GOALS.get((name, missing), "-") if method == "convae" else "-"
                section.row(name, missing, method, *scores(fill, images, masks), goal)
    section.remarks.append(
        f"Trained in {cpu / 60:.1f} CPU minutes ({wall / 60:.1f} by the clock): {NATURAL}, "
        f"{NATURAL_EPOCHS} epochs, holes of all kinds. Means over the images; OpenCV with a radius of 3."
    )
    section.write()


Fill = Callable[[Tensor, Tensor], Tensor]


def methods(model: convae.Inpainter, *, several_views: bool) -> dict[str, Fill]:
    """The model and what it stands beside, each from (1, 1, H, W) and a mask to a filled image."""

    def ours(*, ensemble: bool) -> Fill:
        def fill(image: Tensor, mask: Tensor) -> Tensor:
            filled = model.inpaint(bytes_of(image[0].numpy()), mask[0].numpy(), ensemble=ensemble)
            return torch.from_numpy(np.asarray(filled, np.float32) / 255)[None]

        return fill

    found: dict[str, Fill] = {
        "Telea": telea,
        "Navier-Stokes": navier_stokes,
        "harmonic": harmonic_fill,
        "biharmonic": biharmonic_fill,
        "tension": tension_fill,
        "convae": ours(ensemble=False),
    }
    if several_views:
        found["convae, eight views"] = ours(ensemble=True)
    return found


def bytes_of(image: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as the files had them."""
    return np.asarray(np.rint(255 * image), np.uint8)


def scores(fill: Fill, images: list[Tensor], masks: list[Tensor]) -> tuple[str, float, float]:
    """PSNR, SSIM and seam error in the holes: means over the images, values limited to [0, 1] first."""
    rows = []
    for image, mask in zip(images, masks, strict=True):
        filled = torch.where(mask > 0, fill(image, mask).clamp(0, 1), image)
        measures = (hole_psnr, hole_ssim, seam_error)
        rows.append([float(measure(filled, image, mask)) for measure in measures])
    psnr, ssim, seam = np.mean(rows, axis=0).tolist()
    return f"{psnr:.2f}", ssim, seam


def fitted() -> tuple[convae.Inpainter, float, float]:
    """The model, and the wall and CPU seconds that it took; one that lies ready is not trained again.

    Training that was interrupted goes on where it was.
    """
    folder = Path(__file__).with_name(".work")
    folder.mkdir(exist_ok=True)
    path, times = folder / "inpainting.convae", folder / "inpainting.txt"
    if not path.exists():
        checkpoint = folder / "inpainting.checkpoint"
        train = bytes_of(np.stack(grey(data("denoise", "train400"))))
        wall, cpu = time.perf_counter(), time.process_time()
        model = convae.Inpainter.from_options(
            {"epochs": NATURAL_EPOCHS, "patience": 0, **NATURAL}
        ).fit(train, observers=[Lines()], checkpoint=checkpoint, resume=checkpoint.exists())
        took = (time.perf_counter() - wall, time.process_time() - cpu)
        model.save(path)
        times.write_text(" ".join(map(str, took)))
    wall, cpu = map(float, times.read_text().split())
    loaded = convae.load(path)
    assert isinstance(loaded, convae.Inpainter)
    note(f"  {path.name}: {cpu / 60:.1f} CPU minutes")
    return loaded, wall, cpu
