"""Decode codes to image files, in constant memory."""

import math
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from convae.cli.io.code_reading import read_codes, refuse_other_model
from convae.cli.io.image_files import check_format
from convae.cli.io.output_files import result_folder
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.streaming import iter_images, made_by
from convae.images.files.writing import target_of, write_image
from convae.images.sources.naming import below


def decode(
    model: ImageEstimator, codes: Path, out: Path, voice: Voice, *, format: str | None = None
) -> None:
    """Run ``convae decode``."""
    check_format(format)
    result_folder(out)
    names = deque[str]()
    shape, count, made = model.architecture_.code_shape, 0, made_by(model)
    with read_codes(codes) as rows, counting(voice, "decoding") as progress:

        def shaped() -> Iterator[np.ndarray]:
            for number, row in enumerate(rows):
                refuse_other_model(codes, row, made)
                names.append(row.name or f"{number:06d}")
                yield _checked(codes, number, row.code, shape)

        used = set[str]()
        for pixels in iter_images(model, shaped()):
            name = below(names.popleft())
            path = target_of(out / name, pixels, format=format)
            while str(path) in used:  # the same image encoded twice, or a.gif and a.png
                name = f"{name}-{count:06d}"
                path = target_of(out / name, pixels, format=format)
            used.add(str(path))
            write_image(path, pixels, format=format)
            count += 1
            progress(count, count)
    if not count:
        raise InputError(f"{codes}: there are no codes in it")
    voice.say(f"{count:,} image{'s' * (count != 1)} in {out}")
    voice.result({"out": out, "images": count})


def _checked(path: Path, number: int, code: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a code in the model's shape; a line of a table is flat."""
    size = math.prod(shape)
    if code.size != size or code.shape not in (shape, (size,)):
        raise InputError(
            f"{path}: its codes are {'x'.join(map(str, code.shape))} and this model's "
            f"{'x'.join(map(str, shape))} numbers"
        )
    if not np.isfinite(code).all():
        raise InputError(f"{path}: code {number} holds NaN or infinite numbers")
    return code.reshape(shape)
