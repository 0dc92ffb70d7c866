"""Does stacking help? The same network trained in three ways at the same cost, on images of its own kind."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from convae.errors import InputError
from convae.estimators.autoencoders.stacked import StackedAutoencoder, epochs_of_levels
from convae.estimators.fit_config import FitConfig, prepared
from convae.evaluation.experiments.data_parts import MOST, Parts, take_apart
from convae.evaluation.experiments.equal_steps import test_error
from convae.evaluation.experiments.schedules import SCRATCH, Schedule, equal_schedules
from convae.images.sources.base import Skipped
from convae.training.observers import Observer, Once

SEEDS = 3


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One way of training, once for each seed.

    Attributes:
        schedule: its epochs.
        errors: (s,) mean squared error of the test images, per value, in the network's units.
        costs: (s,) multiplications of the epochs that ran, as a fraction of the budget.
        seconds: (s,) of processor time of the whole fit, including reading, PCA and validation.
    """

    schedule: Schedule
    errors: np.ndarray
    costs: np.ndarray
    seconds: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """The result of :func:`ablate`.

    Attributes:
        trials: way of training -> its result; the last is joint training from scratch.
        baseline: (s,) mean squared error of PCA with the same latent dimension.
        baseline_name: the name of the baseline.
        seeds: (s,) of weights, order and validation images.
        level_costs, joint_cost: multiplications of an epoch of each layer of the stack, and of joint
            training.
        trained_on, tested_on: numbers of images, validation images included in the first.
        left_out: test images that were training images as well.
        skipped: images that could not be used, with reasons.
    """

    trials: dict[str, Trial]
    baseline: np.ndarray
    baseline_name: str
    seeds: tuple[int, ...]
    level_costs: list[int]
    joint_cost: int
    trained_on: int
    tested_on: int
    left_out: int
    skipped: list[Skipped]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "measure": "mean squared error of test images",
            "seeds": list(self.seeds),
            "trained_on": self.trained_on,
            "tested_on": self.tested_on,
            "left_out_because_trained_on": self.left_out,
            "skipped": [[s.name, s.reason] for s in self.skipped],
            "multiplications_of_an_epoch": {
                "levels": self.level_costs,
                "together": self.joint_cost,
            },
            "ways": {
                name: {
                    "level_epochs": list(trial.schedule.level_epochs),
                    "epochs": trial.schedule.epochs,
                    "mean": float(trial.errors.mean()),
                    "each_seed": trial.errors.tolist(),
                    "cost": trial.costs.tolist(),
                    "cpu_seconds": trial.seconds.tolist(),
                }
                for name, trial in self.trials.items()
            },
            "baseline": {
                "name": self.baseline_name,
                "mean": float(self.baseline.mean()),
                "each_seed": self.baseline.tolist(),
            },
        }


def ablate(
    model: StackedAutoencoder,
    X: Any,
    *,
    test: Any = None,
    seeds: int = SEEDS,
    groups: Sequence[Any] | np.ndarray | None = None,
    most: int = MOST,
    observers: Iterable[Observer] = (),
) -> Ablation:
    """Train a stacked autoencoder layer by layer, layer by layer and then jointly, and jointly from scratch.

    Every way has the same budget, counted in multiplications (:meth:`StackedAutoencoder.epoch_costs`): that
    of ``epochs`` epochs of joint training of ``model``. Because epochs are whole, costs agree only
    approximately; the result states the costs reached. The errors of test images are compared, by which
    nothing was chosen.

    Args:
        model: with the parameters to train with; it is not fitted itself. ``epochs`` None takes about 1,000
            steps; ``level_epochs`` are those of the second way, None takes half of the budget;
            ``random_state`` is the first seed.
        X: images to train on, any source.
        test: images to measure on, any source; None holds a fifth of X out.
        seeds: how often each way is trained, with other weights, order and validation images each time.
        groups: (n,) of the images of X; images of one group are all in training or all in test.
        most: images to use of each source; from a larger source a random selection is taken.
        observers: receive messages, steps and epochs.

    Raises:
        InputError: with too few images, a number of seeds below 1, or a network that cannot be stacked.

    >>> import numpy as np
    >>> images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    >>> found = ablate(StackedAutoencoder(
    ...     architecture={"widths": (4,)}, latent_dim=4, epochs=2
    ... ), images, seeds=2)
    >>> list(found.trials), found.tested_on, found.baseline_name
    (['levels alone', 'levels, then together', 'together from scratch'], 12, 'PCA, 4 components')
    """
    if type(seeds) is not int or seeds < 1:
        raise InputError(f"seeds must be a whole number of at least 1; got {seeds!r}")
    config, watch = model._config(), Once(observers)
    source = clone(model).open(X, reset=True)
    other = None if test is None else clone(model).open(test, reset=True)
    first = config.seed
    parts = take_apart(source, other, prepared(config), groups=groups, most=most, seed=first)
    plan = _plan(model, parts, config)
    ways = "; ".join(f"{name}: {schedule}" for name, schedule in plan.schedules.items())
    watch.message(f"{seeds} x {len(plan.schedules)} fits, in epochs: {ways}")
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in plan.schedules}
    baseline: list[float] = []
    for seed in range(first, first + seeds):
        for name, schedule in plan.schedules.items():
            fitted, run = _run(model, parts, plan, schedule, seed, watch)
            runs[name].append(run)
            watch.message(
                f"seed {seed}, {name} ({schedule}): test error {run[0]:.5f}, {run[2]:.0f} s of processor time"
            )
        baseline.append(test_error(fitted, parts.test, fitted.baseline_.reconstruct))
    return Ablation(
        trials={
            name: Trial(schedule=plan.schedules[name], errors=e, costs=c, seconds=s)
            for name, (e, c, s) in ((name, np.array(each).T) for name, each in runs.items())
        },
        baseline=np.array(baseline),
        baseline_name=fitted.baseline_.name,
        seeds=tuple(range(first, first + seeds)),
        level_costs=plan.levels,
        joint_cost=plan.joint,
        trained_on=len(parts.training),
        tested_on=len(parts.test),
        left_out=parts.left_out,
        skipped=parts.skipped,
    )


@dataclass(frozen=True)
class _Plan:
    """The costs of epochs, and the epochs of each way."""

    levels: list[int]
    joint: int
    schedules: dict[str, Schedule]

    def share(self, schedule: Schedule) -> float:
        """Return the cost of a schedule, as a fraction of that of joint training from scratch."""
        return schedule.cost(self.levels, self.joint) / (
            self.schedules[SCRATCH].epochs * self.joint
        )


def _plan(model: StackedAutoencoder, parts: Parts, config: FitConfig[Any]) -> _Plan:
    levels, joint = model.epoch_costs(parts.training, groups=parts.groups)
    p = config.parameters
    epochs, given = p.epochs, p.level_epochs
    if epochs is None:
        epochs = parts.epochs(config.training.batch_size, p.validation_fraction)
    given = None if given is None else epochs_of_levels(given, len(levels), epochs)
    return _Plan(levels, joint, equal_schedules(levels, joint, epochs, given))


def _run(
    model: StackedAutoencoder,
    parts: Parts,
    plan: _Plan,
    schedule: Schedule,
    seed: int,
    watch: Observer,
) -> tuple[StackedAutoencoder, tuple[float, float, float]]:
    """Fit a model; return it with its error on the test images, its cost and its seconds."""
    fresh = clone(model).set_params(
        level_epochs=schedule.level_epochs, epochs=schedule.epochs, random_state=seed
    )
    began = time.process_time()
    fresh.fit(parts.training, groups=parts.groups, observers=[watch], verbose=False)
    seconds = time.process_time() - began
    return fresh, (-fresh.score(parts.test), plan.share(_done(fresh)), seconds)


def _done(model: StackedAutoencoder) -> Schedule:
    """Return the epochs that a fit ran: fewer than planned if it stopped early."""
    levels = tuple(len(history) - 1 for history in model.level_histories_)
    return Schedule(level_epochs=levels, epochs=model.n_iter_)
