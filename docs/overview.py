"""Draw docs/overview.png: three of the jobs at work on drawn images, each model trained here with few steps.

python docs/overview.py            takes about ten minutes on one core
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import convae
from convae.images.dataset.framing import resize
from convae.report.pictures.heatmaps import overlay

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "benchmarks"))

from drawn_parts import draw  # noqa: E402

SIDE, GAP, WORDS, EDGE = 144, 10, 26, 24
STEPS = 300  # epochs of 60 images in batches of 8 are 8 steps


def main() -> None:
    """Train, restore, detect, and put the pictures side by side."""
    normal, good, bad, _, _ = draw("washer", 0)
    normal, good, bad = (_small(images) for images in (normal, good, bad))
    rng = np.random.default_rng(0)
    noisy = (good[0] + rng.normal(0, 35, good[0].shape)).clip(0, 255).round().astype(np.uint8)
    denoiser = convae.Denoiser(noise="gaussian:35/255", epochs=STEPS // 8, random_state=0)
    denoised = denoiser.fit(normal).denoise(noisy[None])[0]
    hole = np.zeros((SIDE, SIDE), bool)
    for row, column, high, wide in ((30, 20, 16, 44), (64, 88, 40, 18), (100, 30, 22, 22)):
        hole[row : row + high, column : column + wide] = True
    damaged = np.where(hole[..., None], 255, good[1]).astype(np.uint8)
    inpainter = convae.Inpainter(epochs=STEPS // 8, random_state=0).fit(normal)
    filled = inpainter.inpaint(damaged[None], hole[None])[0]
    detector = convae.AnomalyDetector(epochs=STEPS // 6, random_state=0).fit(normal)
    found = max(detector.iter_detect(bad), key=lambda one: one.score)
    heat = overlay(_rgb(bad[found.index]), found.map, detector.level_)
    _write(
        [
            ("convae denoise", _rgb(noisy), _rgb(denoised)),
            ("convae inpaint", _rgb(damaged), _rgb(filled)),
            ("convae detect", _rgb(bad[found.index]), heat),
        ],
        HERE / "overview.png",
    )


def _small(images: list[np.ndarray]) -> np.ndarray:
    return np.stack([resize(image, (SIDE, SIDE)) for image in images])


def _rgb(image: np.ndarray) -> np.ndarray:
    pixels = image if image.ndim == 3 else image[..., None]
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def _write(rows: list[tuple[str, np.ndarray, np.ndarray]], path: Path) -> None:
    pair = 2 * SIDE + GAP
    width = len(rows) * pair + (len(rows) - 1) * 3 * GAP + 2 * EDGE
    sheet = Image.new("RGB", (width, SIDE + WORDS + 2 * EDGE), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for i, (words, before, after) in enumerate(rows):
        left = EDGE + i * (pair + 3 * GAP)
        sheet.paste(Image.fromarray(before), (left, EDGE))
        sheet.paste(Image.fromarray(after), (left + SIDE + GAP, EDGE))
        middle = (left + pair / 2, EDGE + SIDE + WORDS / 2 + 6)
        pen.text(middle, words, fill="#1d2433", font=font, anchor="mm")
    sheet.save(path, optimize=True)


if __name__ == "__main__":
    main()
