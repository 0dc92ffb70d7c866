"""Whole fits, each in a new process: from its start over the reading of MNIST to a trained model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contenders import data
from race.field import CHANNELS_LAST, CORES, KERAS, OURS, PLAIN, PYTHAE, Contender
from race.figures import exponent, ratios, short, spread
from race.told import Options, Told, times
from race.training import BATCH
from race.workers import WORK, ContenderError
from record import note

OUR_FILES = Contender("convae", "our_files")
FIELD = (OURS, PLAIN, CHANNELS_LAST, *KERAS, PYTHAE)
MEGAPIXELS = (1, 4, 9, 16, 25)
MEGA = 2**20


def once(contender: Contender, task: str, **job: Any) -> dict[str, Any]:
    """What a contender tells at the end of a process of its own."""
    worker = contender.start(task, **job)
    facts = worker.answer()
    worker.end()
    return facts


def some_mnist(count: int) -> str:
    """The name of MNIST, or a file with so many of its images (or made ones, where it is not)."""
    if count >= 60_000 and data.mnist("train") is not None:
        return "mnist"
    return stored(data.images(count, 28), f"images-{count}.npy")


def stored(images: np.ndarray, name: str) -> str:
    """Images as a file."""
    WORK.mkdir(parents=True, exist_ok=True)
    np.save(WORK / name, images)
    return str(WORK / name)


def fits(
    contenders: Sequence[Contender], told: Told, rounds: int, **job: Any
) -> dict[str, list[dict[str, Any]]]:
    """Each fits once a round, one after the other; gives what each told."""
    runs: dict[str, list[dict[str, Any]]] = {c.name: [] for c in contenders}
    absent: dict[str, str] = {}
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else tuple(reversed(contenders)):
            if contender.name in absent:
                continue
            try:
                runs[contender.name].append(once(contender, "fit", **job))
            except ContenderError as error:
                absent[contender.name] = str(error)
        note(f"  round {number + 1} of {rounds}")
    told.absent(absent)
    return {name: facts for name, facts in runs.items() if len(facts) == rounds}


def fit(options: Options) -> None:
    """End to end: a new process, the library, the files, one epoch, one reconstruction."""
    rounds, count = (1, 2_000) if options.quick else (min(options.rounds, 3), 60_000)
    name = some_mnist(count)
    told = Told(
        "fit",
        f"Fit: the tutorial network, one epoch of {count:,} images, files to first reconstruction",
        (
            "who",
            "s of the process",
            "convae is faster by (quartiles)",
            "s without imports",
            "peak MB",
        ),
        options,
    )
    given = {"preset": "tutorial", "data": name, "batch": BATCH, "epochs": 1}
    runs = fits(FIELD, told, rounds, **given)
    ours = [facts["elapsed"] for facts in runs[OURS.name]]
    for who, facts in runs.items():
        theirs = [f["elapsed"] for f in facts]
        pairs = list(zip(theirs, ours, strict=True))
        inside, peak = spread([f["seconds"] for f in facts]), max(f["peak"] for f in facts) / MEGA
        faster = "-" if who == OURS.name else times(ratios(pairs))
        told.row(who, str(spread(theirs)), faster, str(inside), f"{peak:.0f}")
    told.values["runs"] = runs
    if name != "mnist":
        made = "images of MNIST" if data.mnist("train") is not None else "made images (no MNIST)"
        told.remark(f"From a file of {made}.")
    told.remark(
        "convae also fits PCA, hashes the images and measures the model before and after: what its peers "
        "leave to others."
    )
    told.write()


def memory(options: Options) -> None:
    """The most that a process holds for an image of more and more pixels; that of a fit is in ``fit``."""
    told = Told(
        "memory",
        "Memory: the most that a process held, MB",
        ("what", "who", "peak MB", "of convae's"),
        options,
    )
    _per_megapixel(told, MEGAPIXELS[:2] if options.quick else MEGAPIXELS)
    told.write()


def _per_megapixel(told: Told, sizes: Sequence[int]) -> None:
    model = str(WORK / "denoiser.convae")
    once(OUR_FILES, "denoiser", model=model)
    peaks: dict[str, list[float]] = {"tiles": [], "whole": []}
    names = {"tiles": "convae denoise, in tiles", "whole": "the same network over the whole image"}
    for size in sizes:
        image = _picture(size)
        for task, name in names.items():
            what = f"denoise one image of {size} megapixels"
            try:
                facts = once(OUR_FILES, task, model=model, image=image, out=str(WORK / "out"))
            except ContenderError as error:
                told.row(what, name, f"fails: {error}", "-")
                continue
            peaks[task].append(facts["peak"] / MEGA)
            beside = peaks[task][-1] / peaks["tiles"][-1]
            told.row(what, name, f"{peaks[task][-1]:.0f}", f"{beside:.2f}")
    for task, values in peaks.items():
        if len(values) > 1:
            more = (values[-1] - values[0]) / (sizes[len(values) - 1] - sizes[0])
            told.remark(
                f"{names[task]}: {short(more)} MB for each megapixel more; exponent "
                f"{exponent(sizes[: len(values)], values):.2f}. {CORES} threads."
            )
    told.values["tiles"] = {"megapixels": list(sizes), "peaks": peaks}


def _picture(megapixels: int) -> str:
    from PIL import Image

    side = round((megapixels * 1e6) ** 0.5)
    path: Path = WORK / f"{megapixels}-megapixels.png"
    WORK.mkdir(parents=True, exist_ok=True)
    Image.fromarray(data.made(1, side)[0]).save(path, compress_level=1)
    return str(path)
