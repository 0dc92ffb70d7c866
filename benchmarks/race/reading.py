"""Reading folders of JPEG and PNG files."""

import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from race.field import CORES, Contender
from race.figures import ratios, short, spread
from race.rounds import race
from race.told import Options, Told, times
from race.workers import WORK

OURS = Contender("convae", "our_files")
LOADER = Contender("DataLoader and Pillow", "reading", "loader")
DRAFT = Contender("DataLoader and Pillow, at a reduced scale (draft)", "reading", "draft")
DECODER = Contender("Pillow's decoder alone", "reading", "decoder")
KINDS = (
    ("JPEG", 4000, 3000),
    ("JPEG", 512, 384),
    ("PNG", 512, 384),
    ("JPEG", 64, 64),
    ("PNG", 64, 64),
)
SIZE, BATCH = 64, 128
DIFFERENT = 200  # pictures; all others are links to them
LARGE = 10**7  # pixels: of such pictures there are fewer
FEWER = 50  # times


def reading(options: Options) -> None:
    """The first pass over a folder, and one more."""
    told = Told(
        "reading",
        f"Reading files into float32 batches of {SIZE}x{SIZE} RGB, {CORES} cores",
        ("files", "pass", "who", "images/s (quartiles)", "MB/s of files", "faster by (quartiles)"),
        options,
    )
    rounds = min(options.rounds, 5)
    for kind, width, height in KINDS:
        large = width * height > LARGE
        files = max(4, options.files // FEWER) if large else options.files
        folder, size = pictures(kind, width, height, files)
        given = {"folder": str(folder), "size": SIZE, "batch": BATCH, "threads": CORES}
        head = f"{files:,} {kind} {width}x{height}, {size / 1e3:.1f} kB each"
        for task in ("first", "second"):
            peers = (LOADER, *([DRAFT] if kind == "JPEG" else []))
            result = race(
                (OURS, *peers, *([DECODER] if task == "first" else [])),
                task,
                given,
                rounds=rounds,
                seconds=options.seconds,
                unit=files,
                product=False,
            )
            for who, values in result.rates.items():
                pairs = result.pairs.get(who)
                rate = spread(values)
                faster = times(ratios(pairs)) if pairs else "-"
                told.row(head, task, who, str(rate), short(rate.median * size / 1e6), faster)
            told.absent(result.absent)
            told.values[f"{head}/{task}"] = vars(result)
        shutil.rmtree(folder)
    told.remark(
        f"At most {DIFFERENT} different pictures, the other names are links to them: files come from the "
        "system's cache, so that decoding is measured and no disk. convae decodes a JPEG file at a half, a "
        "quarter or an eighth if at least twice the size wanted is left; with draft Pillow does if the size "
        "wanted is left."
    )
    told.write()


def pictures(kind: str, width: int, height: int, count: int) -> tuple[Path, float]:
    """A folder of so many pictures, and the mean size of a file in bytes."""
    folder = WORK / f"{kind}-{width}x{height}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    different = DIFFERENT if width * height <= LARGE else DIFFERENT // FEWER
    total = 0
    for i in range(count):
        path = folder / f"{i:06d}.{kind.lower()}"
        if i < different:
            path.write_bytes(encoded(kind, width, height, i))
        else:
            os.link(folder / f"{i % different:06d}.{kind.lower()}", path)
        total += path.stat().st_size
    return folder, total / count


def encoded(kind: str, width: int, height: int, seed: int) -> bytes:
    """A picture with waves, edges and a little noise: neither flat nor pure noise."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    values = np.stack([np.sin(rng.uniform(-20, 20) * x + rng.uniform(-20, 20) * y) for _ in "rgb"])
    values += np.sign(np.sin(rng.uniform(5, 20) * x - rng.uniform(5, 20) * y))
    noise = rng.normal(0, 0.02, values.shape)
    pixels = np.clip(127.5 + 60 * (values + noise), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": 90} if kind == "JPEG" else {}
    Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, 2))).save(buffer, kind, **options)
    return buffer.getvalue()
