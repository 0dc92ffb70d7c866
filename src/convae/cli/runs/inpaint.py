"""Write inpainted images to files, with the masks and the missing fraction of each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from convae.cli.io import image_files
from convae.cli.io.image_files import OnBad, Writing, write_results
from convae.cli.terminal.output import Voice
from convae.errors import InputError
from convae.estimators.restoration.inpainter import Inpainted, Inpainter
from convae.filesystem.tables import write_table
from convae.images.files.image import Image
from convae.images.files.writing import write_image
from convae.images.sources.base import ImageSource
from convae.images.sources.masks import Masks, open_masks
from convae.images.sources.naming import mask_name, with_added_suffix

ARRAY, HOLES, MASKS = "inpainted.npy", "holes.csv", "masks"
LOSSY = ("JPEG", "MPO")  # formats that change the pixel values


@dataclass(frozen=True, kw_only=True)
class Filling:
    """What to fill, and how.

    Attributes:
        mask: a file, a folder or ``alpha``; None to fill only what is missing in the images themselves.
        invert: whether black pixels of a mask are missing.
        find_damage: whether to search for damage.
        ensemble: whether to average over eight flips and rotations.
    """

    mask: str | None = None
    invert: bool = False
    find_damage: bool = False
    ensemble: bool = False


def inpaint(
    model: Inpainter, source: ImageSource, how: Writing, filling: Filling, voice: Voice
) -> None:
    """Run ``convae inpaint``."""
    masks = _opened(source, filling)
    rows: list[tuple[str, float, float]] = []
    kept: set[str] = set()

    def results(on_bad: OnBad) -> Iterator[Inpainted]:
        for done in model.iter_inpaint(
            source,
            masks,
            find_damage=filling.find_damage,
            ensemble=filling.ensemble,
            on_bad=on_bad,
        ):
            name = done.image.info.name
            rows.append((name, float(done.missing.mean()), float(done.damaged.mean())))
            if filling.mask is not None or filling.find_damage:
                _show(how.out / MASKS, done)
            exact = done if how.format is not None else _without_loss(done)
            if exact is not done:
                kept.add(name)
            yield exact

    tally = write_results(source, results, how, voice)
    for note in masks.notes:
        voice.note(note)
    if kept:
        voice.note(
            f"{len(kept):,} JPEG image{'s' * (len(kept) > 1)} written as PNG, which keeps known pixels as "
            "they are"
        )
    written = image_files.account(tally, source, how.out, voice)
    path = how.out / HOLES
    with write_table(path, ("name", "missing", "damaged")) as lines:
        for row in rows:
            lines.row(row)
    missing, damaged = (float(np.mean([row[i] for row in rows])) for i in (1, 2))
    _summarize(missing, damaged, filling, path, voice)
    voice.result({**written, "holes": path, "missing": missing, "damaged": damaged})


def _opened(source: ImageSource, filling: Filling) -> Masks:
    if filling.mask is None and filling.invert:
        raise InputError("--invert is for masks: give a --mask")
    try:
        return open_masks(filling.mask, source, invert=filling.invert)
    except InputError as error:
        raise InputError(f"--mask: {error}") from error


def _summarize(missing: float, damaged: float, filling: Filling, path: Path, voice: Voice) -> None:
    if not missing:
        wanted = "" if filling.find_damage else "; give a --mask, or search with --find-damage"
        if filling.mask is not None:
            wanted = ": the masks are black throughout; with --invert black is missing"
            wanted = wanted if not filling.invert else ": the masks are white throughout"
        voice.note(f"no pixel was missing, so nothing was filled{wanted}")
        return
    found = ""
    if filling.find_damage:
        found = f", {damaged:.2%} found as damage; see {path.with_name(MASKS)}"
    voice.say(f"{missing:.2%} of the pixels were missing{found}; of each image in {path}")


def _show(folder: Path, done: Inpainted) -> None:
    """Write the mask, white where a pixel was filled; --mask accepts it under this name."""
    path = folder / mask_name(done.image.info.name)
    write_image(path, done.missing[..., None].astype(np.uint8) * 255)


def _without_loss(done: Inpainted) -> Inpainted:
    """Return the result, named as a PNG if its own file format would change known pixels."""
    info = done.image.info
    if info.format not in LOSSY:
        return done
    named = replace(info, name=with_added_suffix(info.name, ".png"), format="PNG")
    return replace(done, image=Image(done.image.pixels, named))
