"""Do convolutions help? A convolutional and a dense autoencoder and PCA with codes of one size."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from convae.config.experiments import CHEAP
from convae.errors import InputError
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.fit_config import prepared
from convae.evaluation.experiments.data_parts import MOST, Parts, take_apart
from convae.evaluation.experiments.equal_steps import STEPS, Measured, Plan, measured, plan
from convae.images.sources.base import Skipped
from convae.metrics.resampling import student_interval
from convae.networks.presets import OF_CONVOLUTIONS
from convae.training.observers import Observer, Once

CONVOLUTIONAL, DENSE, PCA = "convolutional", "dense", "PCA"
COUNTS = (100, 300, 1000, 3000)
FEWEST_COUNT = 10
NEXT = 1.5  # all images count as one more set if they are this many times the largest before
LATENT_DIM = 16
SEEDS = 3
_CONVOLUTIONAL_ONLY = ("preset", "widths", "hidden", *OF_CONVOLUTIONS)


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """The result of :func:`compare_convolution`, for n sets of training images and s seeds.

    Attributes:
        counts: (n,) training images.
        seeds: (s,) of the choice of the training images, of weights and order.
        errors: CONVOLUTIONAL, DENSE, PCA -> (n, s) mean squared error of the test images.
        plans: CONVOLUTIONAL, DENSE -> (n,) how long it is trained.
        seconds: CONVOLUTIONAL, DENSE -> (n, s) seconds of processor time.
        latent_dim: of all three.
        tested_on: test images.
        left_out: test images that were training images as well.
        skipped: images that could not be used, with reasons.
    """

    counts: tuple[int, ...]
    seeds: tuple[int, ...]
    errors: dict[str, np.ndarray]
    plans: dict[str, list[Plan]]
    seconds: dict[str, np.ndarray]
    latent_dim: int
    tested_on: int
    left_out: int
    skipped: list[Skipped]

    def difference(
        self, number: int, name: str = CONVOLUTIONAL, against: str = DENSE
    ) -> tuple[float, float, float]:
        """Return the relative difference of two errors: the mean over the seeds and its 95 % interval.

        Both networks of a seed are trained on the same images, so differences are paired by seed.

        Args:
            number: of the set of training images, from 0.
            name, against: of the errors; -0.2 means that the first is 20 % below the second.
        """
        ratios = self.errors[name][number] / np.maximum(self.errors[against][number], 1e-300) - 1
        return float(ratios.mean()), *student_interval(ratios)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "measure": "mean squared error of test images",
            "latent_dim": self.latent_dim,
            "training_images": list(self.counts),
            "seeds": list(self.seeds),
            "tested_on": self.tested_on,
            "left_out_because_trained_on": self.left_out,
            "skipped": [[s.name, s.reason] for s in self.skipped],
            "errors": {name: each.tolist() for name, each in self.errors.items()},
            "steps": {name: [p.steps for p in plans] for name, plans in self.plans.items()},
            "multiplications": {
                name: [p.multiplications for p in plans] for name, plans in self.plans.items()
            },
            "parameters": {name: plans[0].parameters for name, plans in self.plans.items()},
            "cpu_seconds": {name: each.tolist() for name, each in self.seconds.items()},
        }


def networks_to_compare(
    *, dense_widths: Sequence[int] | None = None, **parameters: Any
) -> dict[str, ConvAutoencoder]:
    """Return the convolutional and the dense autoencoder, not fitted yet.

    Args:
        dense_widths: units of the hidden layers of the dense one; None takes those of the preset ``dense``.
        parameters: of the convolutional one, by the names that the command line has (``preset``, ``widths``,
            ``ema``). Those that are not about convolutions are of the dense one, too. By default there is no
            linear path, because both would then start as PCA.

    Raises:
        InputError: the convolutional network is to be a dense one.
    """
    if parameters.get("preset") == "dense":
        raise InputError(
            "preset is that of the convolutional network, and 'dense' has no convolutions: take residual, "
            "tutorial or pooled; the dense network is compared in any case"
        )
    common = {"latent_dim": LATENT_DIM, "bypass": "none", **CHEAP}
    common |= {**parameters, "code": "dense"}
    both = {name: value for name, value in common.items() if name not in _CONVOLUTIONAL_ONLY}
    dense = {**both, "preset": "dense", "widths": dense_widths}
    return {
        CONVOLUTIONAL: ConvAutoencoder.from_options(common),
        DENSE: ConvAutoencoder.from_options(dense),
    }


def compare_convolution(
    X: Any,
    *,
    test: Any = None,
    models: dict[str, ConvAutoencoder] | None = None,
    counts: Sequence[int] | None = None,
    steps: int = STEPS,
    seeds: int = SEEDS,
    groups: Sequence[Any] | np.ndarray | None = None,
    most: int = MOST,
    observers: Iterable[Observer] = (),
) -> Convolution:
    """Train a convolutional and a dense autoencoder on sets of several sizes, and measure them next to PCA.

    All have codes of one size and see the same images; the two networks make the same number of steps. The
    sets of one seed are nested: a larger one holds the smaller ones.

    Args:
        X: images to train on, any source.
        test: images to measure on, any source; None holds a fifth of X out.
        models: as :func:`networks_to_compare` returns them, which is also the default.
        counts: numbers of training images; None takes 100, 300, 1000, 3000 and all, as far as X goes.
        steps: of each training. Because epochs are whole, the number is only met approximately.
        seeds: how often everything is repeated, with other training images and weights each time.
        groups: (n,) of the images of X; images of one group are all in training or all in test.
        most: images to use of each source; from a larger source a random selection is taken.
        observers: receive messages, steps and epochs.

    Raises:
        InputError: with too few images, a count beyond them, or a number of steps or seeds below 1.

    >>> import numpy as np
    >>> images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    >>> models = networks_to_compare(widths=(4,), blocks=1, dense_widths=(8,), latent_dim=2)
    >>> found = compare_convolution(images, models=models, counts=(20, 40), steps=4, seeds=2)
    >>> found.counts, found.errors["dense"].shape, found.tested_on
    ((20, 40), (2, 2), 12)
    """
    refuse_below_one(steps=steps, seeds=seeds)
    chosen, watch = models or networks_to_compare(), Once(observers)
    first = chosen[CONVOLUTIONAL]
    config = first._config()
    source = clone(first).open(X, reset=True)
    other = None if test is None else clone(first).open(test, reset=True)
    parts = take_apart(source, other, prepared(config), groups=groups, most=most, seed=config.seed)
    known = counts_of(counts, len(parts.training))
    all_seeds = tuple(range(config.seed, config.seed + seeds))
    plans = {name: [_plan(model, parts, n, config.seed, steps) for n in known]
             for name, model in chosen.items()}  # fmt: skip
    watch.message(
        f"{seeds} x {2 * len(known)} fits of about {steps:,} steps, on "
        f"{', '.join(f'{n:,}' for n in known)} images"
    )
    runs: dict[str, list[list[Measured]]] = {name: [] for name in chosen}
    for number, count in enumerate(known):
        for name, model in chosen.items():
            epochs, done = plans[name][number].epochs, []
            for seed in all_seeds:
                images, of_group = _some(parts, count, seed)
                one = measured(
                    model,
                    images,
                    parts.test,
                    groups=of_group,
                    epochs=epochs,
                    seed=seed,
                    watch=watch,
                )
                done.append(one)
                watch.message(
                    f"{count:,} images, seed {seed}, {name}: test error {one.error:.5f}, "
                    f"{one.seconds:.0f} s of processor time"
                )
            runs[name].append(done)
    errors = {name: np.array([[one.error for one in row] for row in runs[name]]) for name in chosen}
    baseline = np.array([[one.baseline for one in row] for row in runs[CONVOLUTIONAL]])
    return Convolution(
        counts=known,
        seeds=all_seeds,
        errors={**errors, PCA: baseline},
        plans=plans,
        seconds={n: np.array([[one.seconds for one in row] for row in runs[n]]) for n in chosen},
        latent_dim=config.parameters.latent_dim or LATENT_DIM,
        tested_on=len(parts.test),
        left_out=parts.left_out,
        skipped=parts.skipped,
    )


def counts_of(wanted: Sequence[int] | None, available: int) -> tuple[int, ...]:
    """Return the numbers of training images, ascending.

    Raises:
        InputError: a number is not a whole one, below 10, or beyond the images there are.

    >>> counts_of(None, 1437), counts_of(None, 120)
    ((100, 300, 1437), (120,))
    """
    if wanted is None:
        return (*(n for n in COUNTS if n * NEXT <= available), available)
    found = sorted(set(wanted))
    for count in found:
        if type(count) is not int or not FEWEST_COUNT <= count <= available:
            raise InputError(
                f"counts must be whole numbers from {FEWEST_COUNT} to {available:,}, the number of training "
                f"images; got {count!r}"
            )
    if not found:
        raise InputError("counts must name one number of training images at least; got none")
    return tuple(found)


def refuse_below_one(**given: int) -> None:
    """Raise an error for a number that is not a whole one from 1 up.

    Raises:
        InputError: names it and its value.
    """
    for name, value in given.items():
        if type(value) is not int or value < 1:
            raise InputError(f"{name} must be a whole number of at least 1; got {value!r}")


def _some(parts: Parts, count: int, seed: int) -> tuple[Any, np.ndarray | None]:
    """Return the first ``count`` training images in a random order of this seed, and their groups."""
    order = np.random.default_rng(seed).permutation(len(parts.training))
    chosen = np.sort(order[:count])
    groups = None if parts.groups is None else parts.groups[chosen]
    return parts.training.select(chosen), groups


def _plan(model: ConvAutoencoder, parts: Parts, count: int, seed: int, steps: int) -> Plan:
    images, groups = _some(parts, count, seed)
    return plan(model, images, groups, steps)
