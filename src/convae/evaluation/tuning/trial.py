"""One trial of a search: a fit that is watched, measured on the held-out images, and perhaps stopped."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from convae.errors import ConvaeError, InputError, brief
from convae.estimators.autoencoders.variational import VariationalAutoencoder
from convae.estimators.base import ImageEstimator
from convae.estimators.restoration.denoiser import Denoiser
from convae.evaluation.comparison.image_figures import Conditions, conditions_of, measure
from convae.evaluation.results.figures import DENOISING, LIKELIHOOD, Figure
from convae.evaluation.results.tuning import COMPLETE, FAILED, PRUNED, Trial
from convae.evaluation.tuning.plan import Plan
from convae.images.sources.base import ImageSource
from convae.metrics.resampling import PERFECT
from convae.training.observers import Observer, Quiet, Row, StepProgress

CODES = 10  # sampled for each image, to estimate an ELBO


class Stop(Exception):  # noqa: N818
    """Raised inside a fit to end it: the trial is worse than half of the others."""


class OutOfTime(Exception):  # noqa: N818
    """Raised inside a fit to end it: the time of the search is over."""


@dataclass
class Watch(Quiet):
    """An observer that records the held-out figure of each epoch, and ends a fit that need not go on.

    Attributes:
        others: receives messages and steps as well.
        figure: what is measured at the end; the curve shows something that runs along with it.
        report: called with (epoch, value); returns whether to stop. None never stops.
        deadline: when the time of the search is over, by :func:`time.monotonic`.
        curve: epoch -> value.
    """

    others: Observer
    figure: Figure
    report: Callable[[int, float], bool] | None = None
    deadline: float = math.inf
    curve: dict[int, float] = field(default_factory=dict)

    def message(self, text: str) -> None:
        """Pass the message on."""
        self.others.message(text)

    def step(self, progress: StepProgress) -> None:
        """Pass the progress on; end the fit if the time is over."""
        self.others.step(progress)
        self._look_at_the_clock()

    def epoch(self, row: Row) -> None:
        """Record an epoch; end the fit if it is worse than half of the others.

        Raises:
            Stop: it is, or the time is over.
        """
        self.others.epoch(row)
        value = epoch_value(self.figure, row)
        if row["train_loss"] is None or value is None:
            return
        epoch = len(self.curve) + 1
        self.curve[epoch] = value
        if self.report is not None and self.report(epoch, value):
            raise Stop
        self._look_at_the_clock()

    def _look_at_the_clock(self) -> None:
        if time.monotonic() > self.deadline:
            raise OutOfTime


def epoch_value(figure: Figure, row: Row) -> float | None:
    """Return what a search compares trials by after an epoch, on the validation images.

    It is the mean squared error; for denoisers that as a PSNR, for variational autoencoders minus the loss.
    """
    error = row["validation_mse"]
    if figure == LIKELIHOOD:
        return -float(row["validation_loss"])
    if error is None:
        return None
    if figure != DENOISING:
        return float(error)
    return -10 * math.log10(max(float(error), 1e-10))


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted model with its figures on the held-out images.

    Attributes:
        model: the model.
        held_out: (n,) positions of these images among those that trials get.
        values: (n,) the figure of each; NaN for an image that has none.
    """

    model: ImageEstimator
    held_out: np.ndarray
    values: np.ndarray

    @property
    def mean(self) -> float:
        """The mean over the images that have a figure."""
        return mean_of(self.values)


def mean_of(values: np.ndarray) -> float:
    """Return the mean of (n,) figures without NaN; infinite ones (a perfect PSNR) count as 100."""
    found = np.where(np.isinf(values), np.sign(values) * PERFECT, values)
    return float(np.nanmean(found)) if np.isfinite(found).any() else math.nan


def figure_for(model: ImageEstimator) -> tuple[Figure, Conditions | None]:
    """Return what trials are compared by, and with which noise or holes: those of trial 0.

    Raises:
        InputError: a denoiser learnt from noisy images, which have no clean ones to be measured against.
    """
    if isinstance(model, VariationalAutoencoder):
        return LIKELIHOOD, None
    if isinstance(model, Denoiser) and model.noise_ is None:
        raise InputError(
            "these images are noisy and there are no clean ones, so nothing says how near a result is to the "
            "truth: tune on clean images, or set learn = 'clean' if these are clean"
        )
    conditions = conditions_of([model])
    return conditions.figure, conditions


def figures_on(
    model: ImageEstimator,
    source: ImageSource,
    positions: np.ndarray,
    conditions: Conditions | None,
) -> np.ndarray:
    """Return (n,) the figure of each of n images of a source."""
    if conditions is None:
        assert isinstance(model, VariationalAutoencoder)
        found: np.ndarray = model.bounds(source.select(positions), samples=CODES)[1]
        return found.astype(np.float64)
    return measure(model, source, positions, conditions).at(positions)


def fit_trial(plan: Plan, estimator: ImageEstimator, watch: Watch) -> ImageEstimator:
    """Fit an estimator on the images that trials get; images are held out by the seed, the same each time."""
    parts = plan.parts
    estimator.fit(parts.training, groups=parts.groups, observers=[watch])
    return estimator


def measured(plan: Plan, model: ImageEstimator, conditions: Conditions | None) -> Fitted:
    """Measure a model on the images that it held out.

    Raises:
        InputError: it held none out, or none of them has a figure.
    """
    held_out = model.held_out_
    if held_out is None or not len(held_out):
        raise InputError(
            f"{plan.parts.training.description}: no images can be held out to compare trials on: give more, "
            "or more groups"
        )
    values = figures_on(model, plan.parts.training, held_out, conditions)
    if not np.isfinite(values).any() and not np.isinf(values).any():
        raise InputError("the model gave no figure for any held-out image")
    return Fitted(model=model, held_out=held_out, values=values)


def run_trial(
    plan: Plan, trial: Trial, watch: Watch, conditions: Conditions | None
) -> tuple[Trial, Fitted | None]:
    """Fit and measure the settings of a trial; a fault of the settings is a result, too.

    Raises:
        OutOfTime, KeyboardInterrupt: the trial did not end.
    """
    began, fitted, state, reason = time.perf_counter(), None, COMPLETE, ""
    try:
        model = fit_trial(plan, plan.estimator(trial.settings), watch)
        fitted = measured(plan, model, conditions)
    except Stop:
        state = PRUNED
    except (ConvaeError, MemoryError) as error:
        state, reason = FAILED, brief(error)
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        state, reason = FAILED, "out of memory"
    done = replace(
        trial,
        state=state,
        reason=reason,
        curve=dict(watch.curve),
        seconds=time.perf_counter() - began,
    )
    if fitted is None:
        return done, None
    weights = sum(p.numel() for p in fitted.model.network_.parameters())
    return replace(done, value=fitted.mean, parameters=weights), fitted
