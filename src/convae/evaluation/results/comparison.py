"""The results of a comparison of models: their figures, the settings that differ, and a verdict per pair."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from convae.evaluation.results.figures import Figure
from convae.images.sources.base import Skipped
from convae.metrics.resampling import Difference, between, paired_difference, resamples
from convae.report.page.contents import Table
from convae.report.text import ascii_text, duration, number, numbers

MOST_FOR_PAIRS = 4  # of more models, each is compared with the best only
MOST_VALUES = 5000  # with more images the interval of a mean follows from its deviation
WIDTH = 1.959964  # standard deviations that hold 95 % of a normal distribution


@dataclass(frozen=True, kw_only=True)
class ModelFigures:
    """One model of a comparison.

    Attributes:
        name: what the user calls it.
        kind: the estimator's class name.
        values: (n,) the figure of each image, in the same order for all models; a single mean where stored
            figures are compared.
        parameters: number of weights.
        code_size: how many numbers a code has; None for models without one.
        training_images: number of images that it was trained on.
        epochs: passes over them.
        seconds: of training; None if it is not known.
        settings: all of them, by the names of TOML files.
    """

    name: str
    kind: str
    values: np.ndarray
    parameters: int
    code_size: int | None
    training_images: int
    epochs: int
    seconds: float | None
    settings: dict[str, Any]

    @property
    def mean(self) -> float:
        """The mean over the images."""
        return float(np.mean(np.clip(self.values, -100, 100)))

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean; None for fewer than two images."""
        values, count = np.clip(self.values, -100, 100), len(self.values)
        if count < 2:
            return None
        if count > MOST_VALUES:
            reach = WIDTH * float(values.std(ddof=1)) / math.sqrt(count)
            return self.mean - reach, self.mean + reach
        return between(resamples(count).astype(np.float64) @ values / count)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two models: which is better on the same images.

    Attributes:
        better, worse: the models; in the order of their means where no difference can be seen.
        difference: the figure of ``better`` minus that of ``worse``.
        figure: what is measured.
        measured: whether both were measured image by image.
    """

    better: ModelFigures
    worse: ModelFigures
    difference: Difference
    figure: Figure
    measured: bool

    @property
    def real(self) -> bool:
        """Whether the interval of the difference excludes zero."""
        return self.measured and self.difference.sign != 0

    def verdict(self) -> str:
        """Return the verdict in one sentence."""
        base, what = self.worse.mean, self.figure.name
        names = f"{self.better.name}", f"{self.worse.name}"
        if not self.measured:
            value = self.figure.gain(self.difference, base).split(" (")[0]
            return (
                f"The {what} of {names[0]} is {value} than that of {names[1]}; stored figures have no "
                "interval, so that it may be chance."
            )
        if self.difference.interval is None:
            return f"One image is too few to tell {names[0]} from {names[1]}."
        if not self.real:
            doubt = self.figure.doubt(self.difference, base)
            return f"No difference can be seen between {names[0]} and {names[1]} ({doubt})."
        gain = self.figure.gain(self.difference, base)
        return (
            f"The {what} of {names[0]} is {gain} than that of {names[1]}: a real difference on these images."
        ).replace(") than", ") than", 1)

    def values(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "better": self.better.name,
            "worse": self.worse.name,
            "difference": self.difference.to_dict(),
            "real": self.real,
            "verdict": self.verdict(),
        }


@dataclass(frozen=True, kw_only=True)
class ModelComparison:
    """The results of a comparison.

    Attributes:
        figure: what is measured.
        models: from the best to the worst.
        images: number of images measured.
        data: their description.
        measured: whether the models were measured on the same images; False for stored figures.
        left_out: how many images were left out because a model was trained on them.
        seen: how many of those measured a model was trained on (only if that was asked for).
        skipped: images that could not be used, with reasons.
        conditions: what was done to the images, in words.
        as_files: whether results were compared in the size of the files.
        cautions: further sentences that limit the results.
    """

    figure: Figure
    models: tuple[ModelFigures, ...]
    images: int
    data: str
    measured: bool
    left_out: int = 0
    seen: int = 0
    skipped: Sequence[Skipped] = ()
    conditions: str = ""
    as_files: bool = False
    cautions: tuple[str, ...] = field(default_factory=tuple)

    def pairs(self) -> list[Pair]:
        """Return every pair of models; of more than four models, the best with each of the others."""
        if len(self.models) <= MOST_FOR_PAIRS:
            chosen = list(combinations(self.models, 2))
        else:
            chosen = [(self.models[0], other) for other in self.models[1:]]
        return [
            Pair(
                better=one,
                worse=other,
                difference=paired_difference(one.values, other.values),
                figure=self.figure,
                measured=self.measured,
            )
            for one, other in chosen
        ]

    def tables(self, where: str) -> list[Table]:
        """Return the table of figures and cost, and that of the settings that differ."""
        found = [Table(heading="Models", columns=self._columns(where), rows=self.rows())]
        if differing := self.differing():
            names = [model.name for model in self.models]
            rows = [
                [key, *(_shown(value) for value in values)] for key, values in differing.items()
            ]
            found.append(
                Table(heading="Settings that differ", columns=["setting", *names], rows=rows)
            )
        return found

    def _columns(self, where: str) -> list[str]:
        title = f"{self.figure.title} {where}".strip()
        columns = ["model", title, "95 % interval", "parameters"]
        columns += ["numbers in the code"] if self._coded else []
        return [*columns, "training images", "epochs", "training time"]

    @property
    def _coded(self) -> bool:
        return any(model.code_size is not None for model in self.models)

    def rows(self) -> list[list[str]]:
        """Return a row of cells for each model, as :meth:`tables` shows them."""
        means = numbers([model.mean for model in self.models], 4)
        rows = []
        for model, mean in zip(self.models, means, strict=True):
            ends = model.interval
            interval = "-" if ends is None else " to ".join(numbers(ends, 4, distinct=False))
            code = [] if not self._coded else [number(model.code_size)]
            cells = [model.name, mean, interval, number(model.parameters), *code]
            cells += [number(model.training_images), number(model.epochs), duration(model.seconds)]
            rows.append([ascii_text(cell) for cell in cells])
        return rows

    def differing(self) -> dict[str, list[Any]]:
        """Return the settings that are not equal in all models, with the value of each."""
        keys = dict.fromkeys(key for model in self.models for key in model.settings)
        found = {key: [model.settings.get(key, "-") for model in self.models] for key in keys}
        if len({model.kind for model in self.models}) > 1:
            found = {"kind": [model.kind for model in self.models], **found}
        return {
            key: values
            for key, values in found.items()
            if any(_plain(value) != _plain(values[0]) for value in values)
        }

    def verdicts(self) -> list[str]:
        """Return one sentence for each pair."""
        return [pair.verdict() for pair in self.pairs()]

    def caveats(self) -> list[str]:
        """Return what limits the results."""
        found = list(self.cautions)
        if self.measured:
            found += self._measurement()
        if len({model.code_size for model in self.models}) > 1 and self._coded:
            found.append(
                "The codes have different sizes: a larger code reconstructs better because it holds more."
            )
        if self.measured and len(self.models) > 2:
            found.append(
                f"{len(self.pairs())} pairs are compared: of 20 pairs without any difference, about one "
                "has an interval that excludes zero."
            )
        return found

    def _measurement(self) -> list[str]:
        found = []
        if self.conditions:
            found.append(f"{self.conditions[0].upper()}{self.conditions[1:]}.")
        if self.figure.relative:
            found.append("Errors are in units of the range of the files: 0 to 1 is black to white.")
        if self.as_files:
            found.append(
                "The models bring images to different sizes, so results are compared in the size of the "
                "files."
            )
        if self.seen:
            found.append(
                f"Careful: {_count(self.seen)} measured although a model was trained on "
                f"{'it' if self.seen == 1 else 'them'}: such a model has an advantage there."
            )
        if self.left_out:
            found.append(
                f"{_count(self.left_out)} left out because at least one model was trained on "
                f"{'it' if self.left_out == 1 else 'them'}."
            )
        if self.skipped:
            found.append(
                f"{_count(len(self.skipped))} left out because not every model can use it."
            )
        return found

    def values(self) -> dict[str, Any]:
        """Return the results as plain values."""
        return {
            "figure": self.figure.name,
            "better": self.figure.better,
            "measured": self.measured,
            "images": self.images,
            "data": self.data,
            "left_out_because_trained_on": self.left_out,
            "measured_although_trained_on": self.seen,
            "skipped": [[s.name, s.reason] for s in self.skipped],
            "models": [
                {
                    "name": model.name,
                    "kind": model.kind,
                    "value": model.mean,
                    "interval": None if model.interval is None else list(model.interval),
                    "parameters": model.parameters,
                    "code_size": model.code_size,
                    "training_images": model.training_images,
                    "epochs": model.epochs,
                    "seconds": model.seconds,
                }
                for model in self.models
            ],
            "settings_that_differ": {
                key: [_plain(value) for value in values] for key, values in self.differing().items()
            },
            "pairs": [pair.values() for pair in self.pairs()],
            "cautions": self.caveats(),
        }


def _count(images: int) -> str:
    return f"{images:,} image{' was' if images == 1 else 's were'}"


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _shown(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
