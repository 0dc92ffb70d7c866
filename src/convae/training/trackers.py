"""Trackers: observers that record trainings for TensorBoard, MLflow or Weights & Biases.

Their packages are loaded when a tracker is created. Records stay on this machine unless a tracker is given an
address or a mode that says otherwise. A failure of a tracker never stops a training.
"""

import importlib
import itertools
import json
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from convae.errors import InputError, MissingExtraError, unknown_name
from convae.training.observers import Quiet, Row

MOST_PARAMETER = 500  # characters of a value that MLflow keeps
NAME = "run"


class Tracker(Quiet, ABC):
    """Records each training as a run: its settings, and the numbers of each epoch.

    A fit that trains several networks makes several runs. The settings are those of the training, the
    architecture and a fingerprint of the images. Messages are not recorded.

    Args:
        folder: where the records are kept; made if it is missing.
        name: of the run; a number follows where the folder has a run of that name.

    Raises:
        InputError: the folder is a file.
    """

    may_fail = True

    def __init__(self, folder: str | Path, *, name: str = NAME) -> None:
        self.folder, self.name = Path(folder), name
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{folder}: {type(self).__name__} needs a folder, and this is a file")
        self._open = False

    def begin(self, settings: dict[str, object]) -> None:
        """Open a run, with the settings of the training."""
        self.end()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._open = True
        self._begin(settings)

    def epoch(self, row: Row) -> None:
        """Record the numbers of an epoch; those that are missing or not finite are left out."""
        values = {
            name: float(value)
            for name, value in row.items()
            if isinstance(value, int | float) and name != "epoch" and math.isfinite(value)
        }
        self._epoch(values, int(row["epoch"]))

    def end(self) -> None:
        """Close the run, if one is open."""
        if self._open:
            self._open = False
            self._end()

    @abstractmethod
    def _begin(self, settings: dict[str, object]) -> None: ...

    @abstractmethod
    def _epoch(self, values: dict[str, float], epoch: int) -> None: ...

    @abstractmethod
    def _end(self) -> None: ...


class TensorBoardTracker(Tracker):
    """Records trainings for TensorBoard, each in a folder ``FOLDER/NAME`` of its own.

    Show them with ``tensorboard --logdir FOLDER``.

    Args:
        folder: where the runs are kept; made if it is missing.
        name: of the run's folder; a number follows where there is one of that name.

    Raises:
        MissingExtraError: tensorboard is not installed.
        InputError: the folder is a file.
    """

    def __init__(self, folder: str | Path = "runs", *, name: str = NAME) -> None:
        super().__init__(folder, name=name)
        try:
            self._writers = importlib.import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise MissingExtraError("TensorBoardTracker", "tensorboard") from error
        self._writer: Any = None

    def _begin(self, settings: dict[str, object]) -> None:
        self._writer = self._writers.SummaryWriter(log_dir=str(_new_folder(self.folder, self.name)))
        described = "\n".join(f"    {name}: {value}" for name, value in _flat(settings).items())
        self._writer.add_text("settings", described)

    def _epoch(self, values: dict[str, float], epoch: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def _end(self) -> None:
        self._writer.close()


class MLflowTracker(Tracker):
    """Records trainings for MLflow, by default in a database ``FOLDER/mlflow.db`` on this machine.

    Show them with ``mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db``. MLflow's own usage statistics
    are turned off, unless ``uri`` is given or MLflow was loaded before.

    Args:
        folder: where the database is kept; made if it is missing.
        name: of the run.
        experiment: name of the experiment that the runs belong to; made if it is missing.
        uri: address of a tracking server, which is used in place of the folder.

    Raises:
        MissingExtraError: mlflow is not installed.
        InputError: the folder is a file.
    """

    def __init__(
        self,
        folder: str | Path = "mlruns",
        *,
        name: str = NAME,
        experiment: str = "convae",
        uri: str | None = None,
    ) -> None:
        super().__init__(folder, name=name)
        self.experiment, self.uri = experiment, uri
        if uri is None:
            os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            self._mlflow = importlib.import_module("mlflow")
        except ImportError as error:
            raise MissingExtraError("MLflowTracker", "mlflow") from error
        self._client: Any = None
        self._run = ""

    def _begin(self, settings: dict[str, object]) -> None:
        folder = self.folder.absolute()
        local = f"sqlite:///{(folder / 'mlflow.db').as_posix()}"
        self._client = client = self._mlflow.MlflowClient(tracking_uri=self.uri or local)
        known = client.get_experiment_by_name(self.experiment)
        place = None if self.uri else (folder / "artifacts").as_uri()
        number = (
            client.create_experiment(self.experiment, artifact_location=place)
            if known is None
            else known.experiment_id
        )
        self._run = client.create_run(number, run_name=self.name).info.run_id
        for name, value in _flat(settings).items():
            client.log_param(self._run, name, str(value)[:MOST_PARAMETER])

    def _epoch(self, values: dict[str, float], epoch: int) -> None:
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=epoch)

    def _end(self) -> None:
        self._client.set_terminated(self._run)


class WandbTracker(Tracker):
    """Records trainings for Weights & Biases, by default on this machine only.

    ``wandb sync FOLDER/wandb/offline-run-...`` uploads a run later. Reports of errors to the makers of wandb
    are turned off, unless wandb was loaded before.

    Args:
        folder: where the runs are kept; made if it is missing.
        name: of the run.
        project: name of the project that the runs belong to.
        mode: ``offline``, or ``online`` to send each number to the server that you are logged in to.

    Raises:
        MissingExtraError: wandb is not installed.
        InputError: the folder is a file, or the mode is unknown.
    """

    def __init__(
        self,
        folder: str | Path = ".",
        *,
        name: str = NAME,
        project: str = "convae",
        mode: Literal["offline", "online"] = "offline",
    ) -> None:
        super().__init__(folder, name=name)
        if mode not in ("offline", "online"):
            raise unknown_name("mode", mode, ("offline", "online"))
        self.project, self.mode = project, mode
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            self._wandb = importlib.import_module("wandb")
        except ImportError as error:
            raise MissingExtraError("WandbTracker", "wandb") from error
        self._run: Any = None

    def _begin(self, settings: dict[str, object]) -> None:
        self._run = self._wandb.init(
            dir=str(self.folder),
            project=self.project,
            name=self.name,
            config=_flat(settings),
            mode=self.mode,
            reinit="create_new",
            settings={"console": "off", "silent": True},
        )

    def _epoch(self, values: dict[str, float], epoch: int) -> None:
        self._run.log(values, step=epoch)

    def _end(self) -> None:
        self._run.finish()


TRACKERS: dict[str, type[Tracker]] = {
    "tensorboard": TensorBoardTracker,
    "mlflow": MLflowTracker,
    "wandb": WandbTracker,
}


def parse_tracker(text: str, *, name: str = NAME) -> Tracker:
    """Return the tracker that a text such as ``tensorboard:runs`` describes.

    Args:
        text: a kind and a folder: ``tensorboard:FOLDER``, ``mlflow:FOLDER`` or ``wandb:FOLDER``.
        name: of its run.

    Raises:
        InputError: the kind is unknown, the folder is missing in the text, or it is a file.
        MissingExtraError: its package is not installed.
    """
    kind, _, folder = text.partition(":")
    if kind not in TRACKERS:
        raise unknown_name("tracker", kind, TRACKERS)
    if not folder.strip():
        raise InputError(f"tracker {text!r:.80} names no folder: write {kind}:FOLDER")
    return TRACKERS[kind](folder, name=name)


def _new_folder(folder: Path, name: str) -> Path:
    """Make and return a folder of this name; a number follows where there is one already."""
    for number in itertools.count(1):
        place = folder / (name if number == 1 else f"{name}-{number}")
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            continue
        return place
    raise AssertionError


def _flat(settings: dict[str, object]) -> dict[str, object]:
    """Return settings without tables inside: ``architecture.widths``; lists become text."""
    return dict(_entries(settings, ""))


def _entries(settings: dict[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _entries(value, f"{prefix}{name}.")
        else:
            yield prefix + name, json.dumps(value) if isinstance(value, list) else value
