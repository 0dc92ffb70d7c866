"""The results of a search of settings: the trials, the winner, and whether it is really better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convae.config.search_space import Dimension, label_of
from convae.evaluation.results.figures import Figure
from convae.images.sources.base import Skipped
from convae.metrics.resampling import Difference
from convae.report.page.contents import Table
from convae.report.text import ascii_text, duration, number

COMPLETE, PRUNED, FAILED = "complete", "stopped early", "failed"
DEFAULTS = "defaults"
FEW_FOR_IMPORTANCE = 10  # trials; shares of fewer are rough


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One fit of a search.

    Attributes:
        number: from 0, which has the settings that the search starts from.
        settings: the values that were tried, by parameter; empty for trial 0.
        state: ``complete``, ``stopped early`` or ``failed``.
        value: the mean figure on the held-out images; None unless it is complete.
        curve: epoch -> held-out figure during training.
        seconds: duration of the fit and its measurement.
        parameters: number of weights; None if it is not complete.
        reason: why it failed; empty otherwise.
    """

    number: int
    settings: Mapping[str, Any]
    state: str
    value: float | None = None
    curve: Mapping[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    parameters: int | None = None
    reason: str = ""

    @property
    def words(self) -> str:
        """The settings in words: ``learning_rate 0.03, widths 16,32``."""
        if not self.number:
            return DEFAULTS
        return ", ".join(f"{name} {_short(value)}" for name, value in self.settings.items())


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """The winner and the defaults on some images.

    Attributes:
        images: number of images.
        best, defaults: the mean figure of each.
        difference: the winner's figure minus that of the defaults.
    """

    images: int
    best: float
    defaults: float
    difference: Difference

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "images": self.images,
            "best": self.best,
            "defaults": self.defaults,
            "difference": self.difference.to_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """The result of :func:`convae.tune`.

    Attributes:
        kind: the member of ``convae fit``.
        figure: what is measured of each image.
        trials: in order.
        best: the trial with the best figure on the held-out images; trial 0 if none did better.
        best_model, default_model: the fitted models of the best trial and of trial 0.
        options: the winner's settings, those given for all trials included, by the names of TOML files.
        search: what was varied.
        epochs: of each trial.
        training_images, held_out, kept_back: images that trials were trained on, images that trials were
            compared on, and images that no trial saw.
        chosen_on: winner and defaults on the images that they were chosen by.
        confirmed: the same on the images that no trial saw.
        confirmations: how often these images were used for that.
        importance: setting -> share of the differences between trials that it explains.
        pruned_by_epoch: whether bad trials were stopped early.
        conditions: what was done to the images, in words.
        skipped: images that could not be used, with reasons.
    """

    kind: str
    figure: Figure
    trials: tuple[Trial, ...]
    best: Trial
    best_model: Any
    default_model: Any
    options: dict[str, Any]
    search: tuple[Dimension, ...]
    epochs: int
    training_images: int
    held_out: int
    kept_back: int
    chosen_on: Confirmation
    confirmed: Confirmation
    confirmations: int = 1
    importance: Mapping[str, float] = field(default_factory=dict)
    pruned_by_epoch: bool = True
    conditions: str = ""
    skipped: Sequence[Skipped] = ()

    @property
    def better(self) -> bool:
        """Whether the winner is really better than the defaults on the images that no trial saw."""
        return bool(self.best.number) and self._sign > 0

    @property
    def _sign(self) -> int:
        """1 if the winner is better on the images that no trial saw, -1 if it is worse, 0 if neither."""
        return -self.figure.sign * self.confirmed.difference.sign

    def verdict(self) -> str:
        """Return one paragraph: what was tried, what won, and whether the gain holds."""
        done, what = self.count(COMPLETE), self.figure.name
        tried = _many(len(self.trials), "trial")
        others = [f"{self.count(state)} {state}" for state in (PRUNED, FAILED) if self.count(state)]
        first = f"Of {tried}, {', '.join([f'{done} ran to the end', *others])}."
        held = f"the {_many(self.held_out, 'held-out image')}"
        if not self.best.number:
            return (
                f"{first} None did better than the defaults on {held}: keep the defaults "
                f"({what} {self.figure.text(self.chosen_on.best)})."
            )
        seen = self.figure.gain(self.chosen_on.difference, self.chosen_on.defaults)
        second = (
            f"The best on {held} is trial {self.best.number} ({self.best.words}): its {what} is {seen} than "
            f"that of the defaults. That is optimistic, because it is the best of {done} on these images."
        )
        return f"{first} {second} {self._confirmed()}"

    def _confirmed(self) -> str:
        one, what = self.confirmed, self.figure.name
        where = f"On {_many(one.images, 'other image')}, which no trial saw,"
        if one.difference.interval is None:
            return f"{where} nothing can be concluded: more images are needed. Keep the defaults."
        if not self._sign:
            doubt = self.figure.doubt(one.difference, one.defaults)
            return (
                f"{where} no difference from the defaults can be seen ({doubt}): keep the defaults."
            )
        gain = self.figure.gain(one.difference, one.defaults)
        end = "the gain is real." if self._sign > 0 else "keep the defaults."
        return f"{where} its {what} is {gain} than that of the defaults: {end}"

    def verdicts(self) -> list[str]:
        """Return the verdict as the only sentence."""
        return [self.verdict()]

    def caveats(self) -> list[str]:
        """Return what limits the results."""
        found = []
        if not self.best_model.best_epoch_:
            found.append(
                "Careful: the winner still has the weights that it started with, because no epoch was "
                f"better: {_many(self.epochs, 'epoch')} did not suffice to compare settings. Give more "
                "(--epochs)."
            )
        if self.confirmations > 1:
            found.append(
                f"Careful: the images that no trial saw were used {self.confirmations} times to check a "
                "winner, so the last check is a little optimistic, too."
            )
        if self.importance and self.count(COMPLETE) < FEW_FOR_IMPORTANCE:
            found.append(
                "The importance of the settings is rough: it is from "
                f"{_many(self.count(COMPLETE), 'trial')}."
            )
        if self.best.number:
            found.append(
                f"All trials were trained for {_many(self.epochs, 'epoch')}: much longer training may have "
                "other best settings."
            )
        if not self.pruned_by_epoch:
            found.append(
                "No trial was stopped early: what is varied makes trials incomparable before their end."
            )
        if self.skipped:
            found.append(f"{_many(len(self.skipped), 'image')} could not be used.")
        return found

    def count(self, state: str) -> int:
        """Return how many trials are in a state."""
        return sum(trial.state == state for trial in self.trials)

    def tables(self, where: str = "on held-out images") -> list[Table]:
        """Return the tables of the winner, of all trials from the best to the worst, and of importance."""
        found = [self._winner_table(), self._trial_table(where)]
        if self.importance:
            rows = [[name, f"{100 * share:.0f} %"] for name, share in self.importance.items()]
            found.append(
                Table(
                    heading="Importance", columns=["setting", "share of the differences"], rows=rows
                )
            )
        return found

    def _winner_table(self) -> Table:
        rows = []
        for what, one in (
            ("held-out images", self.chosen_on),
            ("images no trial saw", self.confirmed),
        ):
            texts = [self.figure.text(value) for value in (one.defaults, one.best)]
            gain = self.figure.doubt(one.difference, one.defaults).split("difference ")[-1]
            rows.append([what, number(one.images), *texts, gain])
        rows = [[ascii_text(cell) for cell in row] for row in rows]
        columns = [self.figure.title, "images", DEFAULTS, "best", "95 % interval of the difference"]
        return Table(heading="Best settings and defaults", columns=columns, rows=rows)

    def _trial_table(self, where: str) -> Table:
        names = [one.name for one in self.search]
        columns = [
            "trial",
            f"{self.figure.title} {where}".strip(),
            *names,
            "epochs",
            "time",
            "state",
        ]
        rows = []
        for trial in sorted(self.trials, key=self._rank):
            values = [
                _short(trial.settings[n]) if n in trial.settings else "default" for n in names
            ]
            epochs = str(max(trial.curve, default=0))
            value = "-" if trial.value is None else number(trial.value, 4)
            state = f"{trial.state}: {trial.reason}" if trial.reason else trial.state
            cells = [str(trial.number), value, *values, epochs, duration(trial.seconds), state]
            rows.append([ascii_text(cell) for cell in cells])
        return Table(heading="Trials", columns=columns, rows=rows)

    def _rank(self, trial: Trial) -> tuple[bool, float, int]:
        missing = trial.value is None
        return missing, 0.0 if trial.value is None else self.figure.sign * trial.value, trial.number

    def values(self) -> dict[str, Any]:
        """Return the results as plain values."""
        return {
            "kind": self.kind,
            "figure": self.figure.name,
            "better": self.figure.better,
            "best_trial": self.best.number,
            "best_settings": dict(self.best.settings),
            "options": self.options,
            "epochs": self.epochs,
            "training_images": self.training_images,
            "held_out_images": self.held_out,
            "images_no_trial_saw": self.kept_back,
            "on_held_out_images": self.chosen_on.to_dict(),
            "on_images_no_trial_saw": self.confirmed.to_dict(),
            "checks_on_images_no_trial_saw": self.confirmations,
            "gain_is_real": self.better,
            "importance": dict(self.importance),
            "search": [str(one) for one in self.search],
            "trials": [
                {
                    "trial": trial.number,
                    "state": trial.state,
                    "value": trial.value,
                    "settings": dict(trial.settings),
                    "seconds": trial.seconds,
                    "parameters": trial.parameters,
                    "reason": trial.reason,
                }
                for trial in self.trials
            ],
            "verdict": self.verdict(),
        }


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else label_of(value)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
