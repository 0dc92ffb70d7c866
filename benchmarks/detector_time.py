"""What a detector costs on 200 drawn images of 500x1,200: to fit, and to use in full and at 256 pixels."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

import convae
from record import Section, note

COUNT, SHAPE, USED = 200, (500, 1200), 40
SMALL = (107, 256)  # the longer side at 256


def detector_time() -> None:
    """The table."""
    section = Section(
        "detector_time",
        f"What a detector costs: {COUNT} images of {SHAPE[0]}x{SHAPE[1]}",
        ("size", "works at", "CPU s to fit", "s to fit", "images/s to detect", "CPU s an image"),
    )
    rng = np.random.default_rng(0)
    images = [_brushed(rng) for _ in range(COUNT)]
    for words, size in (("default", None), ("256", SMALL)):
        note(f"fitting, {words}")
        model = convae.AnomalyDetector(size=size, random_state=0)
        seconds, cpu = _timed(partial(model.fit, images))
        used, used_cpu = _timed(partial(_detect, model, images[:USED]))
        _, height, width = model.architecture_.image_shape
        section.row(words, f"{height}x{width}", cpu, seconds, USED / used, used_cpu / USED)
    section.remarks += [
        f"Drawn brushed metal. `AnomalyDetector(random_state=0)`, with `size` where a size is given; {USED} "
        f"images to detect on, from arrays, with heatmaps and regions; {torch.get_num_threads()} threads.",
    ]
    section.write()


def _detect(model: convae.AnomalyDetector, images: list[np.ndarray]) -> None:
    for _ in model.iter_detect(images):
        pass


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def _brushed(rng: np.random.Generator) -> np.ndarray:
    grain = sum(
        gaussian_filter(rng.normal(0, 1, SHAPE), (s, 6 * s)) * s * 2.4 * a
        for s, a in ((0.6, 1.0), (1.5, 0.8), (5.0, 0.6))
    )
    return (120 + 14 * np.asarray(grain) + 10 * rng.normal()).clip(0, 255).astype(np.uint8)
