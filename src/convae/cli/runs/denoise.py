"""Write denoised images to files, and list the noise that was found in each."""

import math
from collections.abc import Iterator

import numpy as np

from convae.cli.io import image_files
from convae.cli.io.image_files import OnBad, Writing, write_results
from convae.cli.terminal.output import Voice
from convae.corruption.noise_levels import check_level, level_text, parse_level
from convae.errors import InputError
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.restored_images import Restored
from convae.filesystem.tables import write_table
from convae.images.sources.base import ImageSource

ARRAY, LEVELS = "denoised.npy", "levels.csv"


def level_of(text: str | None, depth: str) -> float | None:
    """Return ``--sigma`` as a number, for a model of images of this depth.

    Raises:
        InputError: the text is not one noise level, or a range of levels.
    """
    if text is None:
        return None
    try:
        least, most = parse_level(text, "--sigma")
    except InputError as error:
        raise InputError(
            f"--sigma must be one level, 0.1 or 25/255 for instance; got {text}"
        ) from error
    if least != most:
        raise InputError(f"--sigma takes one level, such as 25/255; got the range {text}")
    check_level(most, depth, "--sigma")
    return most


def denoise(
    model: Denoiser,
    source: ImageSource,
    how: Writing,
    voice: Voice,
    *,
    sigma: float | None,
    ensemble: bool,
) -> None:
    """Run ``convae denoise``."""
    rows: list[tuple[str, float, float | None]] = []

    def results(on_bad: OnBad) -> Iterator[Restored]:
        for done in model.iter_denoise(source, sigma=sigma, ensemble=ensemble, on_bad=on_bad):
            removed = done.removed if math.isfinite(done.removed) else None
            rows.append((done.image.info.name, done.level, removed))
            yield done

    tally = write_results(source, results, how, voice)
    written = image_files.account(tally, source, how.out, voice)
    path = how.out / LEVELS
    with write_table(path, ("name", "noise_level", "removed")) as lines:
        for row in rows:
            lines.row(row)
    level = float(np.median([row[1] for row in rows]))
    what = "as given" if sigma is not None else "estimated, the median of the images"
    voice.say(f"noise of {level_text(level, model.plan_.depth)} ({what}); of each image in {path}")
    voice.result({**written, "levels": path, "noise_level": level, "ensemble": ensemble})
