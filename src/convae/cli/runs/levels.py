"""Draw the reconstructions by each layer of a stacked autoencoder and print the error of each."""

from pathlib import Path

import numpy as np

from convae.cli.terminal.output import Voice
from convae.errors import InputError
from convae.estimators.autoencoders.stacked import StackedAutoencoder
from convae.images.sources.base import ImageSource
from convae.report.pictures.comparison import grid
from convae.report.pictures.pictures import save_picture, shown_range, to_display


def draw_levels(
    model: StackedAutoencoder,
    source: ImageSource,
    out: Path,
    voice: Voice,
    *,
    count: int,
    seed: int,
) -> None:
    """Run ``convae levels``."""
    if not len(source):
        raise InputError(f"{source.description}: has no images")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(source))[:count])
    some = source.select(chosen)
    restored = list(model.iter_levels(some))
    originals = np.stack([clean for clean, _ in restored])
    span = shown_range(originals)
    rows, errors = [to_display(originals, value_range=span)], list[float]()
    for level in range(1, model.levels_ + 1):
        made = np.stack([levels[level - 1] for _, levels in restored])
        errors.append(float(np.square(made - originals).mean()))
        rows.append(to_display(made, value_range=span))
    names = [_name(level, model.levels_) for level in range(1, model.levels_ + 1)]
    save_picture(out, grid(rows, row_labels=["image", *names], columns=min(10, len(originals))))
    for name, error in zip(names, errors, strict=True):
        voice.say(f"{name:8} mean squared error {error:.5f}")
    voice.say(f"{len(originals):,} images in {out}")
    voice.result(
        {"out": out, "images": len(originals), "errors": dict(zip(names, errors, strict=True))}
    )


def _name(level: int, levels: int) -> str:
    return "code" if level == levels else f"level {level}"
