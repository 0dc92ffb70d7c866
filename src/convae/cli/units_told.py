"""The units of a code from the command line: their codes, the page, and what is said of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convae.cli.outputs import SKIPPED, write_skipped
from convae.cli.progress import counting
from convae.cli.voice import Voice
from convae.errors import ImageError
from convae.estimators.autoencoder import ConvAutoencoder
from convae.images.image_source import ImageSource, Skipped
from convae.report.of_units import Units, cards, selectivity_of_components, units_of
from convae.report.unit_page import write_unit_page


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to show.

    Attributes:
        most: numbers of the code.
        images: to look at, at most.
        seed: of the choice among more.
        beside: another model, and the file that it is from.
    """

    most: int
    images: int
    seed: int
    beside: ConvAutoencoder | None = None
    beside_path: Path | None = None


def tell_units(
    model: ConvAutoencoder, source: ImageSource, out: Path, wanted: Wanted, voice: Voice
) -> None:
    """Everything that ``convae units`` does."""
    skipped = list(source.skipped)
    if len(source) > wanted.images:
        order = np.random.default_rng(wanted.seed).permutation(len(source))
        source = source.select(np.sort(order[: wanted.images]))
    units = _read(model, source, skipped, voice)
    means = _selectivity(model, source, units, wanted, voice)
    lines = [
        f"{units.count:,} images of {source.description}. {units.sparsity.told()}",
        *([_sentence(means)] if means else []),
    ]
    shown = units.order[: wanted.most]
    if len(shown) < len(units.sparsity.rate):
        how = "that have most to do with one class" if means else "that are on most often"
        lines.append(f"The {len(shown):,} of {len(units.sparsity.rate):,} units {how}.")
    write_unit_page(out, cards(model, source, units, shown), lines)
    listed = write_skipped(out.with_name(SKIPPED), skipped) if skipped else None
    for line in lines:
        voice.say(line)
    voice.say(
        f"{len(shown):,} units in {out}"
        + (f"; {len(skipped):,} images skipped, see {listed}" if listed else "")
    )
    voice.result(
        {
            "out": out,
            "images": units.count,
            "units": len(units.sparsity.rate),
            "shown": len(shown),
            "active": units.sparsity.active,
            "hoyer": units.sparsity.hoyer,
            "dead": units.sparsity.dead,
            "selectivity": means,
            "skipped": [[s.name, s.reason] for s in skipped],
            "skipped_file": listed,
        }
    )


def _read(
    model: ConvAutoencoder, source: ImageSource, skipped: list[Skipped], voice: Voice
) -> Units:
    def on_bad(error: ImageError) -> None:
        skipped.append(Skipped(error.name, error.reason))

    with counting(voice, "encoding") as progress:
        return units_of(model, source, on_bad, lambda done: progress(done, len(source)))


def _selectivity(
    model: ConvAutoencoder, source: ImageSource, units: Units, wanted: Wanted, voice: Voice
) -> dict[str, float]:
    """The mean class selectivity of the units that are on, and of others; empty without classes."""
    if units.selectivity is None:
        return {}
    means = {"this model": _mean(units.selectivity.values, units.sparsity.rate > 0)}
    components = selectivity_of_components(model, source, units)
    if components is not None:
        means["principal components"] = float(components.values.mean())
    if wanted.beside is not None:
        other = _read(wanted.beside, source, [], voice)
        assert other.selectivity is not None
        means[str(wanted.beside_path)] = _mean(other.selectivity.values, other.sparsity.rate > 0)
    return means


def _mean(values: np.ndarray, chosen: np.ndarray) -> float:
    return float(values[chosen].mean()) if chosen.any() else 0.0


def _sentence(means: dict[str, float]) -> str:
    """One line, this model first."""
    told = ", ".join(f"{name} {value:.2f}" for name, value in means.items())
    return (
        f"Class selectivity, a mean over the units (0: as much for all, 1: of one class): {told}."
    )
