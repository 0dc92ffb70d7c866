"""Search the settings that fit best to some images, on images held out from training."""

import math
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convae.config.durations import parse_duration
from convae.config.search_space import LARGER_IS_BETTER
from convae.errors import InputError
from convae.estimators.autoencoders.variational import VariationalAutoencoder
from convae.estimators.base import ImageEstimator
from convae.estimators.restoration.denoiser import Denoiser
from convae.evaluation.comparison.compare import settings_of_model
from convae.evaluation.comparison.image_figures import Conditions
from convae.evaluation.comparison.unseen import unseen_images
from convae.evaluation.experiments.data_parts import MOST
from convae.evaluation.results.figures import DENOISING, LIKELIHOOD, RECONSTRUCTION, Figure
from convae.evaluation.results.tuning import COMPLETE, Confirmation, Trial, Tuning
from convae.evaluation.tuning.plan import Plan, plan_search
from convae.evaluation.tuning.search_folder import BEST, DEFAULT, SearchFolder
from convae.evaluation.tuning.study import TrialStudy, load_optuna
from convae.evaluation.tuning.trial import (
    Fitted,
    OutOfTime,
    Watch,
    figure_for,
    figures_on,
    fit_trial,
    mean_of,
    measured,
    run_trial,
)
from convae.metrics.resampling import paired_difference
from convae.training.observers import Observer, Once, Quiet

TRIALS = 20


def tune(
    estimator: ImageEstimator,
    X: Any,
    *,
    trials: int | None = None,
    budget: str | float | None = None,
    search: Mapping[str, Any] | Sequence[str] | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    groups: Sequence[Any] | np.ndarray | None = None,
    most: int = MOST,
    observers: Iterable[Observer] = (),
) -> Tuning:
    """Search the settings of an estimator that fit best to some images.

    A fifth of X is kept back, and no trial sees it. Each trial is fitted on the rest, of which a fifth is
    held out, the same images in every trial; trials are compared on these. Trial 0 has the settings of
    ``estimator``, so the winner is never worse than it on the held-out images. Trials that are worse than
    half of the others after an epoch are stopped. In the end, the winner and trial 0 are measured once on
    the images kept back: the best of many trials on the same images always looks better than it is.

    Autoencoders are compared by the squared error, variational ones by the ELBO, denoisers by PSNR at the
    middle of the noise that they learn with, inpainters by the squared error in the holes.

    Args:
        estimator: with the settings that all trials share; it is not fitted itself. ``epochs`` None takes
            about 1,000 steps.
        X: images, any source. The test part of a set is not touched.
        trials: number of trials, trial 0 included; with ``resume`` those of earlier runs count. None is 20,
            or no limit with a budget.
        budget: start no trial after this time, such as ``"10min"`` or seconds; the trial that runs is
            stopped and not counted. Trial 0 always ends.
        search: what is varied: parameter -> ``(low, high)``, ``(low, high, "log")``, a list of values, or
            None for its default range; or only names. None varies what matters most for the kind of
            estimator.
        folder: where the search keeps its trials, the best settings (``best.toml``) and the models of the
            winner and of trial 0; None keeps all in memory.
        resume: continue the search in ``folder``.
        groups: (n,) the group of each image. The images of one group stay together in every split.
        most: number of images to use; of more, a random choice is taken.
        observers: receive messages, steps and epochs.

    Returns:
        The trials and the winner. Where all is in memory, Ctrl-C ends the search and returns what there is;
        with a folder it raises, and ``resume`` continues.

    Raises:
        MissingExtraError: Optuna is not installed (the extra ``tune``).
        InputError: the estimator is a detector, a setting cannot be searched, there are too few images, or
            the folder holds another search.

    >>> import numpy as np
    >>> from convae import ConvAutoencoder
    >>> images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    >>> small = ConvAutoencoder(latent_dim=4, epochs=1, architecture={"widths": (4,)})
    >>> found = tune(small, images, trials=2, search={"batch_size": [8, 16]})
    >>> len(found.trials), found.held_out, found.kept_back
    (2, 10, 12)
    """
    load_optuna()
    most_trials, seconds = _limits(trials, budget)
    place = SearchFolder(None if folder is None else Path(folder), estimator.device)
    place.begin(resume=resume)
    deadline = time.monotonic() + seconds
    watch = Once(observers)
    plan = plan_search(estimator, X, search, groups=groups, most=most)
    _announce(plan, watch)
    with place.locked():
        run = _start(plan, place, watch, resume=resume)
        try:
            _search(run, most_trials, deadline)
        except KeyboardInterrupt as stop:
            asked = getattr(stop, "signal", signal.SIGINT) == signal.SIGINT
            if place.path is not None or not asked:
                raise
            watch.message(f"interrupted after {len(run.study.trials())} trials, which are kept")
        return _result(run)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A search whose trial 0 is done."""

    plan: Plan
    place: SearchFolder
    study: TrialStudy
    figure: Figure
    conditions: Conditions | None
    watch: Observer

    @property
    def words(self) -> str:
        return "" if self.conditions is None else self.conditions.words

    def write_trials(self) -> None:
        """Write the tables of the trials so far."""
        self.place.write_trials(self.study.trials(), self.plan.dimensions)


def _limits(trials: int | None, budget: str | float | None) -> tuple[float, float]:
    """Return the number of trials and of seconds at most."""
    if trials is not None and (type(trials) is not int or trials < 1):
        raise InputError(f"trials must be a whole number of at least 1; got {trials!r}")
    seconds = math.inf if budget is None else parse_duration(budget)
    if trials is None:
        return (TRIALS if budget is None else math.inf), seconds
    return trials, seconds


def _announce(plan: Plan, watch: Observer) -> None:
    parts = plan.parts
    watch.message(
        f"searching {'; '.join(map(str, plan.dimensions))}; {_epochs(plan.epochs)} a trial; trials get "
        f"{len(parts.training):,} images, and {len(parts.test):,} are kept back for the last check"
    )
    names = [one.name for one in plan.dimensions if one.name in LARGER_IS_BETTER]
    if names:
        watch.message(
            "a larger or freer code always has a lower error, so the search will prefer it: "
            f"{', '.join(names)}"
        )


def _start(plan: Plan, place: SearchFolder, watch: Observer, *, resume: bool) -> _Run:
    """Run trial 0, or read it; open the study."""
    fitted: Fitted | None = None
    curve: dict[int, float] = {}
    began = time.perf_counter()
    if resume and place.has(DEFAULT):
        model = place.kept(DEFAULT)
    else:
        watch.message("trial 0: the defaults")
        quiet = Watch(watch, _expected(plan))
        model = fit_trial(plan, plan.estimator({}), quiet)
        curve = quiet.curve
    figure, conditions = figure_for(model)
    place.start_journal()
    study = TrialStudy(
        plan.dimensions,
        figure,
        plan.identity,
        path=place.journal,
        resume=resume,
        seed=plan.seed,
    )
    run = _Run(
        plan=plan, place=place, study=study, figure=figure, conditions=conditions, watch=watch
    )
    if not study.trials():
        if not curve:  # a run was killed between saving the model and recording the trial
            model = fit_trial(plan, plan.estimator({}), quiet := Watch(watch, figure))
            curve = quiet.curve
        fitted = measured(plan, model, conditions)
        place.keep(DEFAULT, model)
        seconds = time.perf_counter() - began
        _record_start(run, fitted, curve, seconds)
    elif not place.has(DEFAULT):
        place.keep(DEFAULT, model)
    return run


def _expected(plan: Plan) -> Figure:
    """Return the figure of trials before one is fitted."""
    if isinstance(plan.start, VariationalAutoencoder):
        return LIKELIHOOD
    return DENOISING if isinstance(plan.start, Denoiser) else RECONSTRUCTION


def _record_start(run: _Run, fitted: Fitted, curve: dict[int, float], seconds: float) -> None:
    weights = sum(p.numel() for p in fitted.model.network_.parameters())
    trial = Trial(
        number=0,
        settings={},
        state=COMPLETE,
        value=fitted.mean,
        curve=curve,
        seconds=seconds,
        parameters=weights,
    )
    decided = {**run.plan.start.to_options(), **settings_of_model(fitted.model)}
    decided["widths"] = fitted.model.architecture_.widths
    decided["blocks"] = fitted.model.architecture_.blocks
    run.study.add_start(trial, decided)
    _keep_if_best(run, trial, fitted)
    run.watch.message(f"trial 0: {run.figure.name} {run.figure.text(fitted.mean)}, the defaults")


def _search(run: _Run, most_trials: float, deadline: float) -> None:
    """Run trials until there are enough, or the time is over."""
    last = "" if math.isinf(most_trials) else f" (the last is {most_trials - 1:.0f})"
    while len(run.study.trials()) < most_trials and time.monotonic() < deadline:
        opened = run.study.ask()
        report = opened.report if run.plan.prunes else None
        trial = Trial(number=opened.number, settings=opened.settings, state=COMPLETE)
        run.watch.message(f"trial {trial.number}{last}: {trial.words}")
        watch = Watch(run.watch, run.figure, report, deadline)
        try:
            done, fitted = run_trial(run.plan, trial, watch, run.conditions)
        except OutOfTime:
            return
        opened.close(done)
        if fitted is not None:
            _keep_if_best(run, done, fitted)
        run.write_trials()
        run.watch.message(_line(run, done))


def _line(run: _Run, trial: Trial) -> str:
    best = run.study.best()
    if trial.value is None:
        return f"trial {trial.number}: {trial.state}{f': {trial.reason}' if trial.reason else ''}"
    place = "the best so far" if best.number == trial.number else f"the best is trial {best.number}"
    return f"trial {trial.number}: {run.figure.name} {run.figure.text(trial.value)}, {place}"


def _keep_if_best(run: _Run, trial: Trial, fitted: Fitted) -> None:
    """Save model and settings of a trial that is the best so far."""
    if run.study.best().number != trial.number:
        return
    run.place.keep(BEST, fitted.model)
    run.study.saved = trial.number
    options = run.plan.given(run.plan.estimator(trial.settings))
    run.place.write_config(options, _comments(run, trial))
    run.write_trials()


def _comments(run: _Run, trial: Trial) -> list[str]:
    return [
        f"The best settings of a search by convae: trial {trial.number} ({trial.words}).",
        f"Use them with: convae fit {run.plan.start.member} DATA --config best.toml --out my.convae",
        f"Trials were trained for {_epochs(run.plan.epochs)}. To train longer, change epochs.",
    ]


def _epochs(count: int) -> str:
    return f"{count:,} epoch{'s' * (count != 1)}"


# -- results -------------------------------------------------------------------------------------


def _result(run: _Run) -> Tuning:
    """Measure the winner and the defaults, on the images that they were chosen by and on those kept back."""
    best, parts = run.study.best(), run.plan.parts
    default, winner = run.place.kept(DEFAULT), _winner(run, best)
    held_out = _held_out(run, default)
    chosen_on = _pair(run, winner, default, parts.training, held_out)
    confirmed = _pair(run, winner, default, parts.test, np.arange(len(parts.test)))
    importance = run.study.importance()
    run.place.write_importance(importance)
    run.write_trials()
    return Tuning(
        kind=run.plan.start.member,
        figure=run.figure,
        trials=tuple(run.study.trials()),
        best=best,
        best_model=winner,
        default_model=default,
        options=run.plan.given(run.plan.estimator(best.settings)),
        search=run.plan.dimensions,
        epochs=run.plan.epochs,
        training_images=len(parts.training) - len(held_out),
        held_out=len(held_out),
        kept_back=len(parts.test),
        chosen_on=chosen_on,
        confirmed=confirmed,
        confirmations=run.study.check(best.number),
        importance=importance,
        pruned_by_epoch=run.plan.prunes,
        conditions=run.words,
        skipped=parts.skipped,
    )


def _winner(run: _Run, best: Trial) -> ImageEstimator:
    """Return the model of the best trial; fit it again if a run was killed before it was saved."""
    if run.study.saved != best.number:
        model = fit_trial(run.plan, run.plan.estimator(best.settings), Watch(Quiet(), run.figure))
        run.place.keep(BEST, model)
        run.study.saved = best.number
        options = run.plan.given(run.plan.estimator(best.settings))
        run.place.write_config(options, _comments(run, best))
    return run.place.kept(BEST)


def _held_out(run: _Run, model: ImageEstimator) -> np.ndarray:
    """Return the positions of the images that all trials held out; a model from a file does not hold them."""
    if model.held_out_ is not None:
        return model.held_out_
    training = run.plan.parts.training
    return unseen_images([model], training, most=len(training)).positions


def _pair(
    run: _Run, winner: ImageEstimator, default: ImageEstimator, source: Any, positions: np.ndarray
) -> Confirmation:
    ours = figures_on(winner, source, positions, run.conditions)
    theirs = figures_on(default, source, positions, run.conditions)
    return Confirmation(
        images=int((~np.isnan(ours + theirs)).sum()),
        best=mean_of(ours),
        defaults=mean_of(theirs),
        difference=paired_difference(ours, theirs),
    )
