"""Describe the units of a code from the command line: encode images, write the page, print the summary."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convae.cli.io.output_files import SKIPPED, named_after
from convae.cli.runs.skipping import Skipping
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.errors import InputError
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.images.sources.base import ImageSource
from convae.model_reports.units import Answers, Units, cards, selectivity_of_components, units_of
from convae.report.page.unit_page import write_unit_page


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The units to show.

    Attributes:
        most: the largest number of units.
        images: the largest number of images.
        seed: the seed of the choice among more images.
        compare_with, other_path: another model to compare with, and its file.
    """

    most: int
    images: int
    seed: int
    compare_with: ConvAutoencoder | None = None
    other_path: Path | None = None


def show_units(
    model: ConvAutoencoder, source: ImageSource, out: Path, wanted: Wanted, voice: Voice
) -> None:
    """Run ``convae units``."""
    skipping = Skipping(source)
    if len(source) > wanted.images:
        order = np.random.default_rng(wanted.seed).permutation(len(source))
        source = source.select(np.sort(order[: wanted.images]))
    units = _read(model, source, skipping, voice)
    answers = _answers(model, source, units, wanted, voice)
    lines = [
        f"{units.count:,} images of {source.description}. {units.sparsity.summary()}",
        *([_sentence(answers)] if answers else []),
    ]
    shown = units.order[: wanted.most]
    if len(shown) < len(units.sparsity.rate):
        how = "that have most to do with one class" if answers else "that are on most often"
        lines.append(f"The {len(shown):,} of {len(units.sparsity.rate):,} units {how}.")
    if not len(shown):
        lines[-1] = "No unit is on for any of these images: there is nothing to show."
    write_unit_page(out, cards(model, source, units, shown), lines)
    end = skipping.write(named_after(out, SKIPPED), " images")
    for line in lines:
        voice.say(line)
    voice.say(f"{len(shown):,} units in {out}{end}")
    voice.result(
        {
            "out": out,
            "images": units.count,
            "units": len(units.sparsity.rate),
            "shown": len(shown),
            "active": units.sparsity.active,
            "hoyer": units.sparsity.hoyer,
            "dead": units.sparsity.dead,
            "selectivity": {name: real for name, (real, _) in answers.items()},
            "selectivity_by_chance": {name: chance for name, (_, chance) in answers.items()},
            **skipping.values(),
        }
    )


def _read(model: ConvAutoencoder, source: ImageSource, skipping: Skipping, voice: Voice) -> Units:
    with counting(voice, "encoding") as progress:
        return units_of(model, source, skipping, lambda done: progress(done, len(source)))


def _answers(
    model: ConvAutoencoder, source: ImageSource, units: Units, wanted: Wanted, voice: Voice
) -> dict[str, tuple[float, float]]:
    """Return the mean class selectivity of the active units, and that of shuffled classes, for each model.

    Without classes the result is empty.

    Raises:
        InputError: the other model can use images of one class only.
    """
    if units.answers is None:
        return {}
    found = {"this model": _means(units.answers, units.sparsity.rate > 0)}
    components = selectivity_of_components(model, source, units)
    if components is not None:
        found["principal components"] = _means(components)
    if wanted.compare_with is not None:
        other = _read(wanted.compare_with, source, Skipping(source), voice)
        if other.answers is None:
            raise InputError(
                f"{wanted.other_path}: of these images it can use those of one class alone, so there is "
                "nothing to compare: leave --compare-with out"
            )
        found[str(wanted.other_path)] = _means(other.answers, other.sparsity.rate > 0)
    return found


def _means(answers: Answers, on: np.ndarray | None = None) -> tuple[float, float]:
    """Return the means over the active units: with the classes, and with shuffled classes."""
    both = (answers.selectivity.values, answers.chance.values)
    real, chance = (values if on is None else values[on] for values in both)
    return (float(real.mean()), float(chance.mean())) if len(real) else (0.0, 0.0)


def _sentence(answers: dict[str, tuple[float, float]]) -> str:
    """Return one sentence on the class selectivity, this model first."""
    figures = ", ".join(f"{name} {real:.2f} ({by:.2f})" for name, (real, by) in answers.items())
    return (
        "Class selectivity, a mean over the units (0: as much for all, 1: of one class; in brackets by "
        f"chance, with the classes dealt out anew): {figures}."
    )
