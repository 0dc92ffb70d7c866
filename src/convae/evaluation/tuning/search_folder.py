"""The files of a search: its trials, the best settings and the two models; up to date after each trial."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from convae.config.config_file import toml_text
from convae.config.search_space import Dimension, label_of
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.registry import load
from convae.evaluation.results.tuning import Trial
from convae.filesystem.atomic import save_text
from convae.filesystem.run_files import writing
from convae.filesystem.tables import write_table

JOURNAL, TRIALS, CONFIG, IMPORTANCE = "study.journal", "trials.csv", "best.toml", "importance.csv"
BEST, DEFAULT = "best.convae", "defaults.convae"
LOCK = ".lock"
FILES = (JOURNAL, TRIALS, CONFIG, IMPORTANCE, BEST, DEFAULT)


class SearchFolder:
    """A folder that a search fills; without a path, models are kept in memory and nothing is written.

    Args:
        path: the folder; None for none.
        device: where models are loaded to.
    """

    def __init__(self, path: Path | None, device: str) -> None:
        self.path, self._device = path, device
        self._kept: dict[str, ImageEstimator] = {}
        if path is not None:
            path.mkdir(parents=True, exist_ok=True)

    @property
    def journal(self) -> Path | None:
        """The file of the study."""
        return None if self.path is None else self.path / JOURNAL

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder, so that two searches cannot write into it at once.

        Raises:
            InputError: another search holds the lock.
        """
        if self.path is None:
            yield
            return
        lock = self.path / LOCK
        with lock.open("a") as file:
            try:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:
                pass  # no locks on this system
            except OSError as error:
                raise InputError(f"{self.path}: another search is running in it") from error
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)

    def begin(self, *, resume: bool) -> None:
        """Check that there is a search to resume, or none in the way.

        Raises:
            InputError: the message says what to do.
        """
        if self.journal is None:
            if resume:
                raise InputError("resume needs the folder of the search to go on with")
            return
        if resume and not self.journal.is_file():
            raise InputError(
                f"{self.path}: there is no search to go on with; leave out resume to start"
            )
        if not resume and self.journal.exists():
            raise InputError(
                f"{self.path}: holds a search already: go on with resume, or choose another folder"
            )

    def start_journal(self) -> None:
        """Note that the file of the study will be written: in the folder's marker, on the command line."""
        if self.journal is not None and not self.journal.exists():
            writing(Path(os.path.realpath(self.journal)))

    def has(self, name: str) -> bool:
        """Return whether a model was kept."""
        return name in self._kept if self.path is None else (self.path / name).is_file()

    def keep(self, name: str, model: ImageEstimator) -> None:
        """Save a model as :data:`BEST` or :data:`DEFAULT`."""
        if self.path is None:
            self._kept[name] = model
        else:
            model.save(self.path / name)

    def kept(self, name: str) -> ImageEstimator:
        """Return a model that was kept."""
        return (
            self._kept[name] if self.path is None else load(self.path / name, device=self._device)
        )

    def write_trials(self, trials: Sequence[Trial], dimensions: Sequence[Dimension]) -> None:
        """Write the table of the trials so far."""
        if self.path is None:
            return
        names = [one.name for one in dimensions]
        head = ("trial", "state", "value", "epochs", "seconds", "parameters", *names, "reason")
        with write_table(self.path / TRIALS, head) as table:
            for trial in trials:
                values = [label_of(trial.settings[n]) if n in trial.settings else "" for n in names]
                epochs = max(trial.curve, default=0)
                first = [trial.number, trial.state, trial.value, epochs, round(trial.seconds, 3)]
                table.row([*first, trial.parameters, *values, trial.reason])

    def write_config(self, options: dict[str, Any], comments: Sequence[str]) -> None:
        """Write settings as a file for ``convae fit KIND DATA --config``."""
        if self.path is not None:
            save_text(self.path / CONFIG, toml_text(options, comments))

    def write_importance(self, importance: dict[str, float]) -> None:
        """Write how much each setting matters."""
        if self.path is not None and importance:
            with write_table(self.path / IMPORTANCE, ("setting", "importance")) as table:
                for name, share in importance.items():
                    table.row([name, share])
