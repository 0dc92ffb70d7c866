"""Write reconstructions to files and measure them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convae.cli.io import image_files
from convae.cli.io.image_files import OnBad, Writing, write_results
from convae.cli.terminal.output import Voice
from convae.estimators.base import ImageEstimator
from convae.estimators.streaming import Reconstructed, iter_reconstructions
from convae.evaluation.reconstruction import was_trained_on
from convae.images.sources.base import ImageSource

ARRAY = "reconstructions.npy"


@dataclass(kw_only=True)
class Errors:
    """Errors that are summed while images are reconstructed."""

    seen: int = 0
    model: float = 0.0
    baseline: float = 0.0


def reconstruct(
    model: ImageEstimator,
    source: ImageSource,
    out: Path,
    voice: Voice,
    *,
    format: str | None = None,
    strict: bool = False,
) -> None:
    """Run ``convae reconstruct``."""
    errors = Errors()

    def results(on_bad: OnBad) -> Iterator[Reconstructed]:
        for done in iter_reconstructions(model, source, on_bad):
            errors.model += done.error
            errors.baseline += done.baseline_error
            errors.seen += was_trained_on(model, done.image, done.prepared)
            yield done

    how = Writing(out=out, doing="reconstructing", array=ARRAY, format=format, strict=strict)
    tally = write_results(source, results, how, voice)
    written = image_files.account(tally, source, out, voice)
    voice.result({**written, **errors_of(model, tally.images, errors, voice)})


def errors_of(model: ImageEstimator, images: int, errors: Errors, voice: Voice) -> dict[str, Any]:
    """Print how good the reconstructions are; return the same for programs."""
    error, baseline, name = errors.model / images, errors.baseline / images, model.baseline_.name
    voice.say(f"mean squared error {error:.4g}; {name.replace(', ', ' with ', 1)}: {baseline:.4g}")
    if errors.seen:
        voice.say(
            f"{errors.seen:,} of them were trained on, so this is no measure of new images: "
            "'convae evaluate' leaves those out"
        )
    return {"mse": error, "baseline": name, "baseline_mse": baseline, "trained_on": errors.seen}
