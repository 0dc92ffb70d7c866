"""Figures of finding damage without a mask: solid patches in photographs, and sound photographs."""

import time
from pathlib import Path
from typing import Any

import numpy as np

import convae
from convae.images.sources.masks import open_masks
from denoising import Lines, data, grey
from inpainting import bytes_of
from record import Section, note

EVERY, EPOCHS = 8, 2  # of the 400 training images, how often each is seen
TESTED = {"Set12": 12, "BSD68": 17}  # images, evenly spaced
COLOURS = {"white": 255, "black": 0, "grey": 128, "light": 200}
Array = np.ndarray[Any, np.dtype[Any]]


def find_damage() -> None:
    """Solid patches, one an image: found or not, the error in them, and false masks in sound images."""
    section = Section(
        "find_damage",
        "Finding damage without a mask: one solid patch in each photograph",
        ("images", "patch", "images tested", "IoU", "IoU at least 0.8", "error in the patch, found mask",
         "error in the patch, right mask", "error if left as it is", "sound images marked"),
    )  # fmt: skip
    model, cpu = fitted()
    for name, count in TESTED.items():
        images = [bytes_of(x) for x in spaced(grey(data("denoise", name.lower())), count)]
        marked = sum(
            bool(mask.any()) for image in images for mask in model.find_damage(image[None])
        )
        found: dict[str, list[tuple[float, ...]]] = {"all": []}
        for i, image in enumerate(images):
            rng = np.random.default_rng(2000 + i)
            kind = list(SHAPES)[i % len(SHAPES)]
            figures = searched(model, image, SHAPES[kind](rng, image.shape), list(COLOURS)[i % 4])
            found.setdefault(kind, []).append(figures)
            found["all"].append(figures)
        for kind, rows in found.items():
            iou, *errors = np.mean(rows, axis=0).tolist()
            whole = sum(row[0] >= 0.8 for row in rows)
            shown = [f"{error:.1f}" for error in errors]
            false = f"{marked} of {len(images)}" if kind == "all" else "-"
            section.row(
                name, kind, len(rows), f"{iou:.3f}", f"{whole} of {len(rows)}", *shown, false
            )
    section.remarks.append(
        "Errors are mean absolute ones in grey levels of 255. Patches are "
        f"{', '.join(COLOURS)} in turn. Trained on every {EVERY}th image of train400 for {EPOCHS} epochs "
        f"({cpu / 60:.1f} CPU minutes); thresholds of patches were chosen on train400 only."
    )
    section.write()


def searched(
    model: convae.Inpainter, image: Array, mask: Array, colour: str
) -> tuple[float, float, float, float]:
    """IoU, and the errors in the patch with the mask that was found, the right one, and none."""
    damaged = image.copy()
    damaged[mask] = COLOURS[colour]
    source = convae.open_source(damaged[None])
    (done,) = model.iter_inpaint(source, open_masks(None, source), find_damage=True)
    right = np.asarray(model.inpaint(damaged[None], mask))[0]

    def error(other: Array) -> float:
        return float(np.abs(other.astype(float) - image)[mask].mean())

    iou = float((done.damaged & mask).sum() / (done.damaged | mask).sum())
    return iou, error(done.pixels[..., 0]), error(right), error(damaged)


def spaced(images: list[Array], count: int) -> list[Array]:
    """``count`` of them, evenly spaced."""
    return [images[i] for i in np.linspace(0, len(images) - 1, count).round().astype(int)]


def square(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    """A rectangle of 10 to 40 pixels a side."""
    high, wide = rng.integers(10, 41, 2)
    top, left = rng.integers(0, size[0] - high), rng.integers(0, size[1] - wide)
    mask = np.zeros(size, np.bool_)
    mask[top : top + high, left : left + wide] = True
    return mask


def disc(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    """A disc of 5 to 20 pixels in radius."""
    radius = rng.integers(5, 21)
    row, column = rng.integers(radius, size[0] - radius), rng.integers(radius, size[1] - radius)
    y, x = np.ogrid[: size[0], : size[1]]
    return np.asarray((y - row) ** 2 + (x - column) ** 2 <= radius**2)


def strip(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    """Two to four columns from top to bottom."""
    mask, width = np.zeros(size, np.bool_), rng.integers(2, 5)
    left = rng.integers(10, size[1] - 10)
    mask[:, left : left + width] = True
    return mask


def scratch(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    """A line in any direction, two to four pixels wide and 60 long."""
    angle, y, x = rng.uniform(0, np.pi), *np.ogrid[: size[0], : size[1]]
    down, right = y - rng.uniform(0.3, 0.7) * size[0], x - rng.uniform(0.3, 0.7) * size[1]
    across = down * np.cos(angle) + right * np.sin(angle)
    along = right * np.cos(angle) - down * np.sin(angle)
    return np.asarray((np.abs(across) <= rng.uniform(1, 2)) & (np.abs(along) <= 30))


SHAPES = {"rectangle": square, "disc": disc, "strip": strip, "scratch": scratch}


def fitted() -> tuple[convae.Inpainter, float]:
    """A small model of photographs, and its CPU seconds; one that lies ready is not trained again."""
    folder = Path(__file__).with_name(".work")
    folder.mkdir(exist_ok=True)
    path, times = folder / "find_damage.convae", folder / "find_damage.txt"
    if not path.exists():
        train = [bytes_of(x) for x in grey(data("denoise", "train400"))[::EVERY]]
        cpu = time.process_time()
        model = convae.Inpainter(epochs=EPOCHS, training={"patience": 0}).fit(
            np.stack(train), observers=[Lines()]
        )
        model.save(path)
        times.write_text(str(time.process_time() - cpu))
    loaded = convae.load(path)
    assert isinstance(loaded, convae.Inpainter)
    note(f"  {loaded.damage_thresholds_}")
    return loaded, float(times.read_text())
