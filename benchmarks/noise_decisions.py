"""Noisy or clean: what a denoiser takes images for, of which it is known."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

import convae
from convae.classical.noise_presence import find_noise
from convae.images.dataset.scaling import Scaling
from convae.images.sources.base import ImageSource
from denoising import data
from record import Section

Images = list[np.ndarray]
Corruption = Callable[[np.ndarray, np.random.Generator], np.ndarray]

PARTS = 4  # of each set, each decided as a folder of its own
CROP, MOST = 128, 60  # the middle of large images, and images of a set
MOST_SMALL = 1200  # images of up to 32 pixels a side
GAUSSIAN = (1, 2, 3, 5, 10, 25)  # of 255
PHOTONS = (1000, 300, 30)  # where an image is white
CLEAN, NOISY, AVERAGED = "clean", "noisy", "averages"


def noise_decision() -> None:
    """Every set in parts, as it is and with noise made: how many parts are taken for noisy ones."""
    section = Section(
        "noise_decision",
        f"Noisy or clean: how many of {PARTS} parts of a set are taken for noisy",
        (
            "images",
            "constants chosen on them",
            "known to be",
            "as they are",
            *(f"+ {level}/255" for level in GAUSSIAN),
            *(f"{photons} photons" for photons in PHOTONS),
        ),
    )
    counts: dict[tuple[str, bool], list[int]] = {}
    for name, kind, chosen, source in sets():
        images = some(source)
        cells = [taken_for_noisy(images, None)]
        if kind == CLEAN:
            cells += [taken_for_noisy(images, gaussian(level)) for level in GAUSSIAN]
            cells += [taken_for_noisy(images, poisson(photons)) for photons in PHOTONS]
        section.row(name, "yes" if chosen else "no", kind, *cells, *["-"] * (10 - len(cells)))
        for known, found in known_of(kind, cells):
            of = counts.setdefault((known, chosen), [0, 0])
            of[0] += found
            of[1] += PARTS
    for chosen in (True, False):
        told = []
        for known in (CLEAN, "noise made, 2/255 and more", "noise made, 5/255 and more", NOISY):
            found, parts = counts.get((known, chosen), (0, 0))
            told.append(f"{known}: {found} of {parts}")
        where = "Sets that constants were chosen on" if chosen else "Other sets"
        section.remarks.append(f"{where}, parts taken for noisy. {'; '.join(told)}.")
    section.remarks.append(
        "The form of the test was found with most of these sets in sight; its constants were set by the "
        "first group. Averages of many frames, stretched to 8 or 16 bits, have some noise left, and count "
        "for neither. Noise is made in the values in use and stored in the depth of the files, where it "
        "ends at black and white."
    )
    section.write()


def known_of(kind: str, cells: list[int]) -> Iterator[tuple[str, int]]:
    """What is known of each cell, for the sums."""
    if kind in (CLEAN, NOISY):
        yield kind, cells[0]
    levels = [*GAUSSIAN, *[5] * len(PHOTONS)]
    for level, found in zip(levels, cells[1:], strict=False):
        if level >= 2:
            yield "noise made, 2/255 and more", found
        if level >= 5:
            yield "noise made, 5/255 and more", found


def sets() -> Iterator[tuple[str, str, bool, ImageSource]]:
    """Name, what is known, whether constants were chosen on it, and the images."""
    for name, chosen, path in (
        ("train400", True, data("denoise", "train400")),
        ("set12", False, data("denoise", "set12")),
        ("BSD68", False, data("denoise", "bsd68")),
        ("magnetic tiles, good", False, data("anomaly", "magnetic_tile", "free")),
        ("solar cells, good", False, data("anomaly", "solar_cells", "good")),
        ("printed boards, good", False, data("anomaly", "pcb", "good")),
        ("documents, clean", False, data("documents_denoise", "clean")),
    ):
        yield name, CLEAN, chosen, convae.open_source(path)
    for name, chosen in (("mnist", True), ("fashion-mnist", False), ("cifar10", False)):
        yield name, CLEAN, chosen, convae.open_source(name, split="test")
    yield "digits", CLEAN, False, convae.open_source("digits")
    frames = data("microscopy")
    pairs = frames / "w2s_pairs"
    for name, kind, chosen, paths in (
        ("w2s, single frames", NOISY, True, sorted(pairs.glob("input_*"))),
        ("w2s, averages of 400", AVERAGED, True, sorted(pairs.glob("target_*"))),
        ("FMD, a single frame", NOISY, True, [frames / "fmd" / "image_R_1_001.png"]),
        ("FMD, an average of 50", AVERAGED, True, [frames / "fmd" / "image_R_1_avg50.png"]),
        (
            "mitochondria, 16 bits",
            NOISY,
            False,
            sorted((frames / "cbmi_mito_lowsnr_u16").iterdir()),
        ),
        ("calcium imaging, 16 bits", NOISY, False, frames / "calcium_imaging_u16_stack.tif"),
        ("bacteria, 16 bits", NOISY, False, [frames / "bacteria_u16_pair" / "noisy.png"]),
        ("nuclei, 16 bits", NOISY, False, [frames / "stardist_img2d.tif"]),
    ):
        yield name, kind, chosen, convae.open_source(_paths(paths))


def _paths(paths: list[Path] | Path) -> list[str] | str:
    return str(paths) if isinstance(paths, Path) else [str(path) for path in paths]


def some(source: ImageSource) -> Images:
    """(C, H, W) of the middles of images, spread over the set; a single one in four quarters."""
    small = max(source.header(0).shape[:2]) <= 32
    count = min(len(source), MOST_SMALL if small else MOST)
    images = []
    for i in np.linspace(0, len(source) - 1, count).astype(int):
        pixels = np.moveaxis(source.read(int(i)).pixels, 2, 0)
        top, left = (max(0, (side - CROP) // 2) for side in pixels.shape[1:])
        images.append(pixels[:, top : top + CROP, left : left + CROP])
    if len(images) >= PARTS:
        return images
    half = [side // 2 for side in images[0].shape[1:]]
    return [
        image[:, y : y + half[0], x : x + half[1]]
        for image in images
        for y in (0, half[0])
        for x in (0, half[1])
    ]


def taken_for_noisy(images: Images, corrupt: Corruption | None) -> int:
    """How many parts."""
    rng = np.random.default_rng(0)
    scaling = Scaling.fit([image[None] for image in images], str(images[0].dtype))
    noisy = 0
    for part in range(PARTS):
        chosen = images[part::PARTS]
        if corrupt is not None:
            made = [corrupt(scaling.apply(image), rng) for image in chosen]
            chosen = [scaling.invert(image) for image in made]
        own = Scaling.fit([image[None] for image in chosen], str(chosen[0].dtype))
        found = find_noise(torch.from_numpy(own.apply(image))[None] for image in chosen)
        noisy += found.noisy
    return noisy


def gaussian(level: float) -> Corruption:
    """White noise of so many 255ths of the values in use."""

    def corrupt(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noise = rng.standard_normal(image.shape, np.float32)
        return np.asarray(image + np.float32(level / 255) * noise)

    return corrupt


def poisson(photons: float) -> Corruption:
    """Counted photons, so many where an image is white."""

    def corrupt(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return (rng.poisson(image.clip(0) * photons) / photons).astype(np.float32)

    return corrupt
