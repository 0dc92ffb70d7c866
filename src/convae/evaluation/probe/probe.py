"""Are the codes worth it? What can be predicted from them, next to PCA, a random encoder and the pixels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convae.embedding.nearest_neighbours import trust_of_each
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.evaluation.probe import readouts
from convae.evaluation.probe.readouts import Score
from convae.evaluation.probe.representations import MODEL, PIXELS, Representations, represent
from convae.images.sources.base import ImageSource, Skipped
from convae.metrics.resampling import resamples
from convae.training.splits_and_batches import hold_out

TEST_FRACTION = 0.3
FEWEST = 20  # fewest images for which a result means anything
NEIGHBOURS = 5


@dataclass(frozen=True, kw_only=True)
class Target:
    """What to predict from the codes.

    Attributes:
        values: (n,) class numbers (int64) or numbers (float64), one for each image.
        names: of the classes; empty for numbers.
    """

    values: np.ndarray
    names: tuple[str, ...] = ()

    @property
    def classes(self) -> bool:
        """Whether the values are classes."""
        return self.values.dtype.kind == "i"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One line of the table.

    Attributes:
        name: what is measured.
        scores: representation -> score; without those for which the score is not defined.
        judged: whether the verdict is based on it.
    """

    name: str
    scores: dict[str, Score]
    judged: bool = False


@dataclass(frozen=True, kw_only=True)
class Probe:
    """The result of :func:`probe`.

    Attributes:
        measures: higher is better in each.
        descriptions: representation -> its description.
        fitted_on, tested_on: numbers of images.
        left_out: images not used because the model was trained on them.
        seen: images used although the model was trained on them, for lack of others.
        skipped: images that could not be used, with reasons.
        test: (m,) positions in the source of the test images.
        codes: (m, D) the model's codes of them.
    """

    measures: tuple[Measure, ...]
    descriptions: dict[str, str]
    fitted_on: int
    tested_on: int
    left_out: int
    seen: int
    skipped: list[Skipped] = field(default_factory=list)
    test: np.ndarray
    codes: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "fitted_on": self.fitted_on,
            "tested_on": self.tested_on,
            "left_out_because_trained_on": self.left_out,
            "used_although_trained_on": self.seen,
            "skipped": [[s.name, s.reason] for s in self.skipped],
            "representations": self.descriptions,
            "measures": {
                measure.name: {
                    name: {"value": score.value, "interval": score.interval}
                    for name, score in measure.scores.items()
                }
                for measure in self.measures
            },
        }


def probe(
    model: ImageEstimator,
    source: ImageSource,
    target: Target,
    *,
    groups: Sequence[str] | None = None,
    most: int = 10_000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Probe:
    """Fit read-outs on some images and measure them on others that neither they nor the model have seen.

    Args:
        model: the fitted model.
        source: images.
        target: of every image of the source.
        groups: (n,) images of one group are on one side of the split.
        most: images to use; from a larger source a random selection is taken.
        seed: of the selection, the split, the random encoder, k-means and the resampling.
        progress: called with (images done, images wanted).

    Raises:
        InputError: with too few images, a single class, or a numeric target of one value only.
    """
    found = represent(model, source, most=most, seed=seed, progress=progress)
    if not _enough(found, target):
        found = represent(model, source, most=most, include_seen=True, seed=seed, progress=progress)
    together = found.hashes if groups is None else np.asarray(groups)[found.index]
    fit, test = hold_out(together, TEST_FRACTION, seed)
    _refuse_too_few(source, fit, test, found.skipped)
    values = target.values[found.index]
    numbers = {name: (rows[fit], rows[test]) for name, rows in found.numbers.items()}
    weights = resamples(len(test), seed)
    read = _classes if target.classes else _values
    measures = [
        *read(numbers, (values[fit], values[test]), weights, seed),
        *_neighbourhoods(numbers, weights),
    ]
    return Probe(
        measures=tuple(measures),
        descriptions=found.descriptions,
        fitted_on=len(fit),
        tested_on=len(test),
        left_out=found.passed_over,
        seen=found.seen,
        skipped=found.skipped,
        test=found.index[test],
        codes=found.numbers[MODEL][test],
    )


Pairs = Mapping[
    str, tuple[np.ndarray, np.ndarray]
]  # representation: (rows to fit on, rows to test on)


def _classes(
    numbers: Pairs, classes: tuple[np.ndarray, np.ndarray], weights: np.ndarray, seed: int
) -> list[Measure]:
    known, truth = classes
    count = len(np.unique(known))
    if count < 2:
        raise InputError(
            "the images to learn from are all of one class; a probe needs two classes at least, with "
            "some images each"
        )

    def right(answers: np.ndarray) -> Score:
        return readouts.mean_score((answers == truth).astype(np.float64), weights)

    nearest, linear, rand, v = (dict[str, Score]() for _ in range(4))
    for name, (fit, test) in numbers.items():
        nearest[name] = right(readouts.vote(fit, known, test, NEIGHBOURS))
        linear[name] = right(readouts.linear_classes(fit, known, test, seed))
        grouped = readouts.clusters(fit, test, count, seed)
        rand[name], v[name] = readouts.cluster_scores(truth, grouped, weights)
    return [
        Measure(name=f"{NEIGHBOURS} nearest neighbours, accuracy", scores=nearest, judged=True),
        Measure(name="linear classifier, accuracy", scores=linear, judged=True),
        Measure(name="k-means, adjusted Rand index", scores=rand),
        Measure(name="k-means, V-measure", scores=v),
    ]


def _values(
    numbers: Pairs, values: tuple[np.ndarray, np.ndarray], weights: np.ndarray, seed: int
) -> list[Measure]:
    known, truth = values
    if known.std() == 0 or truth.std() == 0:
        raise InputError("the target has one value only; a probe needs one that varies")
    nearest, linear = dict[str, Score](), dict[str, Score]()
    for name, (fit, test) in numbers.items():
        near = readouts.average(fit, known, test, NEIGHBOURS)
        nearest[name] = readouts.explained_score(truth, near, weights)
        ridge = readouts.ridge_values(fit, known, test)
        linear[name] = readouts.explained_score(truth, ridge, weights)
    return [
        Measure(name=f"{NEIGHBOURS} nearest neighbours, R²", scores=nearest, judged=True),
        Measure(name="ridge regression, R²", scores=linear, judged=True),
    ]


def _neighbourhoods(numbers: Pairs, weights: np.ndarray) -> list[Measure]:
    """Measure how far neighbours by code are neighbours by pixels, and the reverse."""
    pixels = numbers[PIXELS][1]
    k = min(NEIGHBOURS, (len(pixels) - 1) // 2)
    codes = {name: test for name, (_, test) in numbers.items() if name != PIXELS}
    trust = {name: trust_of_each(pixels, rows, k) for name, rows in codes.items()}
    kept = {name: trust_of_each(rows, pixels, k) for name, rows in codes.items()}
    return [
        Measure(name=name, scores={n: readouts.mean_score(v, weights) for n, v in each.items()})
        for name, each in (("trustworthiness", trust), ("continuity", kept))
    ]


def _enough(found: Representations, target: Target) -> bool:
    """Whether the images that the model has not seen suffice for a result."""
    values = target.values[found.index]
    return len(values) >= FEWEST and not (target.classes and len(np.unique(values)) < 2)


def _refuse_too_few(
    source: ImageSource, fit: np.ndarray, test: np.ndarray, skipped: Sequence[Skipped]
) -> None:
    count = len(fit) + len(test)
    if count < FEWEST or not len(test):
        reasons = "; ".join(f"{s.name}: {s.reason}" for s in skipped[:3])
        raise InputError(
            f"{source.description}: has {count} image{'s' * (count != 1)} to probe with, of which nothing "
            f"can be stated; {FEWEST} are the least, of two groups at least"
            + (f" ({len(skipped)} cannot be used: {reasons})" if skipped else "")
        )
