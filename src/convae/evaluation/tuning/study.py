"""The trials of a search so far, in memory or in Optuna's journal, which a killed run leaves usable."""

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convae.config.search_space import Dimension, Interval, label_of
from convae.errors import InputError, MissingExtraError, damage
from convae.evaluation.results.figures import Figure
from convae.evaluation.results.tuning import COMPLETE, FAILED, PRUNED, Trial

NAME = "convae"
STARTED_BY = 5  # trials with random settings, before the sampler learns from the others
JUDGED_BY = 3  # complete trials, before any is stopped early
_SETTINGS, _IDENTITY, _CHECKED = "settings", "identity", "checked"
_REASON, _SECONDS, _PARAMETERS, _CURVE = "reason", "seconds", "parameters", "curve"
_SAVED = "saved"


def load_optuna() -> Any:
    """Import and return Optuna, without its own lines on the terminal.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("a search of settings (the extra 'tune')", "optuna") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class TrialStudy:
    """The trials of a search.

    Every trial's random numbers depend on the seed and the number of trials that are done, so that an
    interrupted search goes on as it would have.

    Args:
        dimensions: what is varied.
        figure: what is measured.
        identity: plain values that must agree for a search to be continued.
        path: the journal; None keeps the trials in memory.
        resume: whether to continue the search in ``path``.
        seed: of the sampler.

    Raises:
        MissingExtraError: Optuna is not installed.
        InputError: the file is damaged, or of another search.
    """

    def __init__(
        self,
        dimensions: Sequence[Dimension],
        figure: Figure,
        identity: Mapping[str, Any],
        *,
        path: Path | None = None,
        resume: bool = False,
        seed: int = 0,
    ) -> None:
        self._optuna, self._seed = load_optuna(), seed
        self.dimensions, self.figure = tuple(dimensions), figure
        if path is None:
            storage = None
        else:
            with damage(path, "the file of a search"):
                storage = self._journal(path)
        maximise = figure.better == "higher"
        with damage(path or "the search", "the file of a search"):
            self._study = self._optuna.create_study(
                study_name=NAME,
                storage=storage,
                direction="maximize" if maximise else "minimize",
                load_if_exists=resume,
                pruner=self._optuna.pruners.MedianPruner(
                    n_startup_trials=JUDGED_BY, n_warmup_steps=1, n_min_trials=2
                ),
            )
            known = self._study.user_attrs.get(_IDENTITY)
        ours = json.loads(json.dumps(dict(identity)))
        if known is None:
            self._study.set_user_attr(_IDENTITY, ours)
        else:
            _refuse_other(path, known, ours)
        self._repeat_interrupted()

    def _journal(self, path: Path) -> Any:
        """Open the journal; an incomplete last line, which a killed run may leave, is cut off."""
        if path.exists():
            data = path.read_bytes()
            whole = data[: data.rfind(b"\n") + 1]
            if whole != data:
                path.write_bytes(whole)
        Path(f"{path}.lock").unlink(
            missing_ok=True
        )  # of a killed run; our own lock is the folder's
        journal = self._optuna.storages.journal
        lock = journal.JournalFileOpenLock(str(path))
        return self._optuna.storages.JournalStorage(
            journal.JournalFileBackend(str(path), lock_obj=lock)
        )

    def _repeat_interrupted(self) -> None:
        """Close the trials that a killed run left open, and put their settings first in the queue."""
        state = self._optuna.trial.TrialState
        for frozen in self._study.get_trials(deepcopy=False, states=(state.RUNNING,)):
            self._study.tell(frozen.number, state=state.FAIL)
            if frozen.params:
                self._study.enqueue_trial(frozen.params)

    # -- trials ---------------------------------------------------------------------------------

    def trials(self) -> list[Trial]:
        """Return the trials that are done, numbered in order; interrupted ones are left out."""
        found: list[Trial] = []
        for frozen in self._study.get_trials(deepcopy=False):
            attrs = frozen.user_attrs
            if _SETTINGS not in attrs or not frozen.state.is_finished():
                continue
            if frozen.state.name == "FAIL" and _REASON not in attrs:
                continue
            complete = frozen.state.name == "COMPLETE"
            state = COMPLETE if complete else PRUNED if frozen.state.name == "PRUNED" else FAILED
            number, params = len(found), frozen.params
            found.append(
                Trial(
                    number=number,
                    settings=self._values(params) if number else {},
                    state=state,
                    value=frozen.value if complete else None,
                    curve={int(epoch): value for epoch, value in attrs[_CURVE]},
                    seconds=float(attrs[_SECONDS]),
                    parameters=attrs.get(_PARAMETERS),
                    reason=str(attrs.get(_REASON, "")),
                )
            )
        return found

    def add_start(self, trial: Trial, settings: Mapping[str, Any]) -> None:
        """Add trial 0, whose settings were not suggested.

        Args:
            trial: what it gave.
            settings: the decided values of its settings; those within the search inform the sampler.
        """
        within = {d.name: settings[d.name] for d in self.dimensions if settings[d.name] in d}
        space = {d.name: self._distribution(d) for d in self.dimensions if d.name in within}
        params = {
            d.name: within[d.name] if isinstance(d, Interval) else label_of(within[d.name])
            for d in self.dimensions
            if d.name in within
        }
        self._study.add_trial(
            self._optuna.trial.create_trial(
                value=trial.value,
                params=params,
                distributions=space,
                intermediate_values=dict(trial.curve),
                user_attrs=_attributes(trial),
            )
        )

    def ask(self) -> "OpenTrial":
        """Return the next trial, with settings that the sampler suggests."""
        done = len(self.trials())
        self._study.sampler = self._optuna.samplers.TPESampler(
            seed=(self._seed * 100_003 + done) % 2**32, n_startup_trials=STARTED_BY
        )
        with _quiet():
            trial = self._study.ask({d.name: self._distribution(d) for d in self.dimensions})
        return OpenTrial(self, trial, number=done, settings=self._values(trial.params))

    def _distribution(self, d: Dimension) -> Any:
        kinds = self._optuna.distributions
        if not isinstance(d, Interval):
            return kinds.CategoricalDistribution(d.labels)
        if d.whole:
            return kinds.IntDistribution(int(d.low), int(d.high), log=d.log)
        return kinds.FloatDistribution(d.low, d.high, log=d.log)

    def _values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {
            d.name: params[d.name] if isinstance(d, Interval) else d.value_of(params[d.name])
            for d in self.dimensions
            if d.name in params
        }

    def close(self, trial: Trial, number: int) -> None:
        """Record what a trial gave; ``number`` is that of the study, which counts interrupted ones, too."""
        state = self._optuna.trial.TrialState
        stored = self._study._storage
        identity = stored.get_trial_id_from_study_id_trial_number(self._study._study_id, number)
        for name, value in _attributes(trial).items():
            stored.set_trial_user_attr(identity, name, value)
        if trial.state == COMPLETE:
            self._study.tell(number, trial.value)
        else:
            self._study.tell(number, state=state.PRUNED if trial.state == PRUNED else state.FAIL)

    # -- what is known about all ----------------------------------------------------------------

    def best(self) -> Trial:
        """Return the best complete trial; of equal ones the first, so that the defaults win a tie."""
        complete = [trial for trial in self.trials() if trial.value is not None]
        return min(complete, key=lambda one: self.figure.sign * (one.value or 0.0))

    def importance(self) -> dict[str, float]:
        """Return the share of each setting in the differences between trials; empty if it is not known."""
        values = {trial.value for trial in self.trials() if trial.value is not None}
        if len(values) < 2:
            return {}  # there are no differences to explain
        try:
            with _quiet():
                found = self._optuna.importance.get_param_importances(self._study)
        except (ValueError, RuntimeError):  # too few complete trials
            return {}
        return {name: float(share) for name, share in found.items() if math.isfinite(share)}

    @property
    def saved(self) -> int | None:
        """The number of the trial whose model is saved as the best one; None for none."""
        found: int | None = self._study.user_attrs.get(_SAVED)
        return found

    @saved.setter
    def saved(self, number: int) -> None:
        self._study.set_user_attr(_SAVED, number)

    def check(self, winner: int) -> int:
        """Record that a winner was checked on images that no trial saw; return how many were."""
        checked = list(self._study.user_attrs.get(_CHECKED, []))
        if winner not in checked:
            checked.append(winner)
            self._study.set_user_attr(_CHECKED, checked)
        return len([one for one in checked if one]) or 1


class OpenTrial:
    """A trial that is running.

    Attributes:
        number: from 0, without interrupted ones.
        settings: the values to try, by parameter.
    """

    def __init__(
        self, study: TrialStudy, trial: Any, *, number: int, settings: dict[str, Any]
    ) -> None:
        self._study, self._trial = study, trial
        self.number, self.settings = number, settings

    def report(self, epoch: int, value: float) -> bool:
        """Record the figure after an epoch; return whether the trial is worse than half of the others."""
        self._trial.report(value, epoch)
        return bool(self._trial.should_prune())

    def close(self, trial: Trial) -> None:
        """Record what the trial gave."""
        self._study.close(trial, self._trial.number)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what Optuna warns its own developers of, such as experimental parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _attributes(trial: Trial) -> dict[str, Any]:
    found: dict[str, Any] = {
        _SETTINGS: True,
        _SECONDS: trial.seconds,
        _CURVE: [[epoch, value] for epoch, value in trial.curve.items()],
    }
    if trial.parameters is not None:
        found[_PARAMETERS] = trial.parameters
    return {**found, **({_REASON: trial.reason} if trial.reason else {})}


def _refuse_other(path: Path | None, known: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Refuse to continue a search of other images or settings.

    Raises:
        InputError: the message names what differs.
    """
    differing = [
        f"{name} was {known.get(name)!r:.100} and is {ours.get(name)!r:.100}"
        for name in sorted({*known, *ours})
        if known.get(name) != ours.get(name)
    ]
    if differing:
        raise InputError(
            f"{path}: holds another search: {'; '.join(differing)}; go on with the same images and settings, "
            "or start afresh in another folder"
        )
