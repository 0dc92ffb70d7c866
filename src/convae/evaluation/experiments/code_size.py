"""How many numbers do these images need? The error of an autoencoder and of PCA by the size of the code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from convae.config.experiments import CHEAP
from convae.embedding.code_dimension import smallest_sufficient
from convae.errors import InputError
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.fit_config import prepared
from convae.evaluation.experiments.convolution import refuse_below_one
from convae.evaluation.experiments.data_parts import MOST, take_apart
from convae.evaluation.experiments.equal_steps import STEPS, Measured, Plan, measured, plan
from convae.images.sources.base import Skipped
from convae.training.observers import Observer, Once

NETWORK, PCA = "autoencoder", "PCA"
LARGEST = 128  # the largest size that is tried by default
SEEDS = 3


@dataclass(frozen=True, kw_only=True)
class CodeSizes:
    """The result of :func:`compare_code_sizes`, for n sizes and s seeds.

    Attributes:
        sizes: (n,) values in a code of one image.
        seeds: (s,) of weights, order and validation images.
        errors: NETWORK, PCA -> (n, s) mean squared error of the test images.
        variance: (s,) error of the mean training image: that of a code of size 0.
        plans: (n,) how long each network is trained.
        seconds: (n, s) seconds of processor time.
        trained_on, tested_on: numbers of images, validation images included in the first.
        left_out: test images that were training images as well.
        skipped: images that could not be used, with reasons.
    """

    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    errors: dict[str, np.ndarray]
    variance: np.ndarray
    plans: list[Plan]
    seconds: np.ndarray
    trained_on: int
    tested_on: int
    left_out: int
    skipped: list[Skipped]

    def needed(self, name: str) -> int:
        """Return the size that these images need: see :mod:`convae.embedding.code_dimension`.

        Args:
            name: NETWORK or PCA; the mean errors over the seeds decide.
        """
        return smallest_sufficient(self.sizes, self.errors[name].mean(axis=1), self.variance.mean())

    def needed_by_seed(self, name: str) -> tuple[int, ...]:
        """Return (s,) the size that these images need, by the errors of each seed."""
        return tuple(
            smallest_sufficient(self.sizes, each, float(variance))
            for each, variance in zip(self.errors[name].T, self.variance, strict=True)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "measure": "mean squared error of test images",
            "sizes": list(self.sizes),
            "seeds": list(self.seeds),
            "trained_on": self.trained_on,
            "tested_on": self.tested_on,
            "left_out_because_trained_on": self.left_out,
            "skipped": [[s.name, s.reason] for s in self.skipped],
            "variance": self.variance.tolist(),
            "errors": {name: each.tolist() for name, each in self.errors.items()},
            "needed": {name: self.needed(name) for name in self.errors},
            "needed_by_seed": {name: list(self.needed_by_seed(name)) for name in self.errors},
            "steps": [p.steps for p in self.plans],
            "multiplications": [p.multiplications for p in self.plans],
            "parameters": [p.parameters for p in self.plans],
            "cpu_seconds": self.seconds.tolist(),
        }


def autoencoder_to_size(**parameters: Any) -> ConvAutoencoder:
    """Return the autoencoder whose code size is varied, not fitted yet.

    Args:
        parameters: by the names that the command line has (``preset``, ``widths``, ``ema``).
    """
    return ConvAutoencoder.from_options({**CHEAP, **parameters, "code": "dense"})


def compare_code_sizes(
    X: Any,
    *,
    test: Any = None,
    model: ConvAutoencoder | None = None,
    sizes: Sequence[int] | None = None,
    steps: int = STEPS,
    seeds: int = SEEDS,
    groups: Sequence[Any] | np.ndarray | None = None,
    most: int = MOST,
    observers: Iterable[Observer] = (),
) -> CodeSizes:
    """Train an autoencoder with codes of several sizes, and measure each next to PCA of the same size.

    Args:
        X: images to train on, any source.
        test: images to measure on, any source; None holds a fifth of X out.
        model: as :func:`autoencoder_to_size` returns it, which is also the default; its latent dimension is
            not used.
        sizes: latent dimensions; None takes 1, 2, 4, ... up to 128, or half of the values of an image.
        steps: of each training. Because epochs are whole, the number is only met approximately.
        seeds: how often each network is trained.
        groups: (n,) of the images of X; images of one group are all in training or all in test.
        most: images to use of each source; from a larger source a random selection is taken.
        observers: receive messages, steps and epochs.

    Raises:
        InputError: with too few images, a size that is no whole number from 1 up, or a number of steps or
            seeds below 1.

    >>> import numpy as np
    >>> images = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    >>> model = autoencoder_to_size(widths=(4,), blocks=1)
    >>> found = compare_code_sizes(images, model=model, steps=4, seeds=1)
    >>> found.sizes, found.errors["PCA"].shape
    ((1, 2, 4, 8), (4, 1))
    """
    refuse_below_one(steps=steps, seeds=seeds)
    varied, watch = model or autoencoder_to_size(), Once(observers)
    config = varied._config()
    source = clone(varied).open(X, reset=True)
    other = None if test is None else clone(varied).open(test, reset=True)
    parts = take_apart(source, other, prepared(config), groups=groups, most=most, seed=config.seed)
    known = sizes_of(sizes, parts.values)
    all_seeds = tuple(range(config.seed, config.seed + seeds))
    models = [clone(varied).set_params(latent_dim=size) for size in known]
    plans = [plan(one, parts.training, parts.groups, steps) for one in models]
    watch.message(f"{seeds} x {len(known)} fits of about {steps:,} steps")
    runs: list[list[Measured]] = []
    for size, one, planned in zip(known, models, plans, strict=True):
        runs.append([])
        for seed in all_seeds:
            run = measured(
                one, parts.training, parts.test, groups=parts.groups, epochs=planned.epochs, seed=seed,
                watch=watch,
            )  # fmt: skip
            runs[-1].append(run)
            watch.message(
                f"code of {size}, seed {seed}: test error {run.error:.5f}, PCA {run.baseline:.5f}, "
                f"{run.seconds:.0f} s of processor time"
            )
    return CodeSizes(
        sizes=known,
        seeds=all_seeds,
        errors={
            NETWORK: np.array([[run.error for run in row] for row in runs]),
            PCA: np.array([[run.baseline for run in row] for row in runs]),
        },
        variance=np.array([[run.of_mean for run in row] for row in runs]).mean(axis=0),
        plans=plans,
        seconds=np.array([[run.seconds for run in row] for row in runs]),
        trained_on=len(parts.training),
        tested_on=len(parts.test),
        left_out=parts.left_out,
        skipped=parts.skipped,
    )


def sizes_of(wanted: Sequence[int] | None, values: int) -> tuple[int, ...]:
    """Return the code sizes to try, ascending.

    Args:
        wanted: by the user; None takes powers of two.
        values: of an image.

    Raises:
        InputError: a size is not a whole number from 1 to the number of values of an image.

    >>> sizes_of(None, 64), sizes_of(None, 1)
    ((1, 2, 4, 8, 16, 32), (1,))
    """
    if wanted is None:
        most = max(1, min(LARGEST, values // 2))
        return tuple(2**i for i in range(most.bit_length()))
    found = sorted(set(wanted))
    for size in found:
        if type(size) is not int or not 1 <= size <= values:
            raise InputError(
                f"sizes must be whole numbers from 1 to {values:,}, the number of values of an image; got "
                f"{size!r}"
            )
    if not found:
        raise InputError("sizes must name one code size at least; got none")
    return tuple(found)
