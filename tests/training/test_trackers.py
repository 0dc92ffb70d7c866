"""Trackers: what they record, where, and that their failures stop no training.

TensorBoard is the real one, where it is installed. MLflow and Weights & Biases are stand-ins here, which have
the functions that the trackers call with the arguments that the real ones take.
"""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import convae
from convae.errors import InputError, MissingExtraError
from convae.training.observers import Observers, Quiet, Row
from convae.training.trackers import TRACKERS, Tracker, parse_tracker

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
ROW: Row = {"epoch": 3, "train_loss": 0.5, "validation_mse": None, "other": float("nan"), "n": 2}
SETTINGS: dict[str, object] = {"loss": "mse", "architecture": {"widths": [4, 8], "blocks": 1}}


def fit(*observers: Any, **changes: Any) -> convae.ConvAutoencoder:
    small: dict[str, Any] = {"latent_dim": 2, "epochs": 2, "architecture": {"widths": (4,)}}
    return convae.ConvAutoencoder(**{**small, **changes}).fit(IMAGES, observers=observers)


class Messages(Quiet):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def message(self, text: str) -> None:
        self.texts.append(text)


# -- TensorBoard ----------------------------------------------------------------------------------


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder))
    events.Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def test_tensorboard_records_the_history(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    tracker = convae.TensorBoardTracker(tmp_path / "runs")
    model = fit(tracker)
    found = scalars(tmp_path / "runs" / "run")
    for name in ("train_loss", "validation_loss", "validation_mse", "learning_rate"):
        rows = [(r["epoch"], r[name]) for r in model.history_ if r[name] is not None]
        assert [step for step, _ in found[name]] == [step for step, _ in rows]
        assert np.allclose([v for _, v in found[name]], [v for _, v in rows], rtol=1e-6)
    fit(tracker)
    fit(convae.TensorBoardTracker(tmp_path / "runs", name="second"))
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["run", "run-2", "second"]


def test_a_fit_of_several_networks_makes_several_runs(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    model = convae.AnomalyDetector(
        epochs=1, folds=2, architecture={"widths": (4, 4, 4)}, false_alarm_rate=0.2
    )
    model.fit(IMAGES, observers=[convae.TensorBoardTracker(tmp_path)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "run-2"]


# -- stand-ins for the others -----------------------------------------------------------------------


class StandInClient:
    """What ``mlflow.MlflowClient`` does, in lists."""

    made: "list[StandInClient]" = []  # noqa: RUF012

    def __init__(self, tracking_uri: str) -> None:
        self.uri, self.parameters, self.metrics = tracking_uri, dict[str, str](), list[Any]()
        self.ended: list[str] = []
        self.place: str | None = None
        StandInClient.made.append(self)

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str, artifact_location: str | None = None) -> str:
        self.place = artifact_location
        return "7"

    def create_run(self, experiment_id: str, run_name: str) -> Any:
        assert experiment_id == "7"
        return SimpleNamespace(info=SimpleNamespace(run_id=f"id of {run_name}"))

    def log_param(self, run_id: str, key: str, value: str) -> None:
        self.parameters[key] = value

    def log_metric(self, run_id: str, key: str, value: float, step: int) -> None:
        self.metrics.append((run_id, key, value, step))

    def set_terminated(self, run_id: str) -> None:
        self.ended.append(run_id)


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> type[StandInClient]:
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=StandInClient))
    monkeypatch.setattr(StandInClient, "made", [])
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    return StandInClient


def test_mlflow_is_local_and_gets_settings_and_epochs(mlflow: Any, tmp_path: Path) -> None:
    tracker = convae.MLflowTracker(tmp_path / "records", name="mine")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    tracker.begin(SETTINGS)
    tracker.epoch(ROW)
    tracker.end()
    tracker.end()
    (client,) = mlflow.made
    assert client.uri == f"sqlite:///{(tmp_path / 'records' / 'mlflow.db').as_posix()}"
    assert client.place == (tmp_path / "records" / "artifacts").as_uri()
    assert client.parameters == {
        "loss": "mse",
        "architecture.widths": "[4, 8]",
        "architecture.blocks": "1",
    }
    assert client.metrics == [("id of mine", "train_loss", 0.5, 3), ("id of mine", "n", 2.0, 3)]
    assert client.ended == ["id of mine"]


def test_mlflow_uses_a_server_only_where_one_is_named(mlflow: Any, tmp_path: Path) -> None:
    convae.MLflowTracker(tmp_path, uri="http://127.0.0.1:5000").begin(SETTINGS)
    assert "MLFLOW_DISABLE_TELEMETRY" not in os.environ
    assert (mlflow.made[0].uri, mlflow.made[0].place) == ("http://127.0.0.1:5000", None)


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    runs: list[Any] = []

    class Run:
        def __init__(self, **options: Any) -> None:
            self.options, self.rows, self.finished = options, list[Any](), 0

        def log(self, values: dict[str, float], step: int) -> None:
            self.rows.append((step, values))

        def finish(self) -> None:
            self.finished += 1

    def init(**options: Any) -> Any:
        runs.append(Run(**options))
        return runs[-1]

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    return runs


def test_wandb_is_offline_by_default(wandb: Any, tmp_path: Path) -> None:
    tracker = convae.WandbTracker(tmp_path / "w", name="mine", project="cells")
    model = fit(tracker)
    (run,) = wandb
    assert (run.options["mode"], run.options["project"], run.options["name"]) == (
        ("offline", "cells", "mine")
    )
    assert run.options["dir"] == str(tmp_path / "w")
    assert run.options["config"]["loss"] == "mse"
    assert [step for step, _ in run.rows] == [row["epoch"] for row in model.history_]
    assert run.finished == 1
    with pytest.raises(InputError, match="unknown mode 'on': did you mean 'online'"):
        convae.WandbTracker(tmp_path, mode="on")  # type: ignore[arg-type]


# -- what they share --------------------------------------------------------------------------------


class Failing(Tracker):
    """Fails in one of its methods; the failures are counted."""

    def __init__(self, folder: Path, where: str) -> None:
        super().__init__(folder)
        self.where, self.failures = where, 0

    def _at(self, where: str) -> None:
        if where == self.where:
            self.failures += 1
            raise ConnectionError("the server\nwent away")

    def _begin(self, settings: dict[str, object]) -> None:
        self._at("begin")

    def _epoch(self, values: dict[str, float], epoch: int) -> None:
        self._at("epoch")

    def _end(self) -> None:
        self._at("end")


@pytest.mark.parametrize("where", ["begin", "epoch", "end"])
def test_a_tracker_that_fails_is_left_out_and_the_training_is_the_same(
    tmp_path: Path, where: str
) -> None:
    tracker, messages = Failing(tmp_path, where), Messages()
    model = fit(tracker, messages, epochs=3)
    assert np.array_equal(model.transform(IMAGES), fit(epochs=3).transform(IMAGES))
    said = [text for text in messages.texts if "Failing" in text]
    assert said == [
        "Failing failed and is left out from here on; the training continues (ConnectionError: the server "
        "went away)"
    ]
    assert tracker.failures == 1


def test_without_another_observer_the_failure_is_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Failing failed and is left out from here on"):
        fit(Failing(tmp_path, "epoch"))


def test_an_observer_that_is_no_tracker_may_stop_the_training() -> None:
    class Prunes(Quiet):
        def epoch(self, row: Row) -> None:
            raise RuntimeError("pruned")

    with pytest.raises(RuntimeError, match="pruned"):
        fit(Prunes())


def test_an_observer_needs_no_begin_and_end() -> None:
    class Old:
        rows = 0

        def message(self, text: str) -> None: ...
        def step(self, progress: Any) -> None: ...
        def epoch(self, row: Row) -> None:
            self.rows += 1

    old = Old()
    fit(old)
    assert old.rows == 3


def test_begin_and_end_surround_each_training(tmp_path: Path) -> None:
    calls: list[str] = []

    class Notes(Quiet):
        def begin(self, settings: dict[str, object]) -> None:
            calls.append(f"begin {settings['epochs']}")

        def epoch(self, row: Row) -> None:
            calls.append("epoch")
            if row["epoch"] == 1:
                raise KeyboardInterrupt

        def end(self) -> None:
            calls.append("end")

    with pytest.raises(KeyboardInterrupt):
        fit(Notes(), epochs=5)
    assert calls == ["begin 5", "epoch", "epoch", "end"]
    Observers([]).end()


@pytest.mark.parametrize("kind", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_package_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("torch.utils.tensorboard", "mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=f"needs the package {kind}: pip install {kind}"):
        TRACKERS[kind](tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tensorbord:runs", "unknown tracker 'tensorbord': did you mean 'tensorboard'"),
        ("wandb", "tracker 'wandb' names no folder: write wandb:FOLDER"),
        ("mlflow: ", "names no folder"),
    ],
)
def test_a_text_that_names_no_tracker_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_tracker(text)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "runs").touch()
    with pytest.raises(InputError, match="TensorBoardTracker needs a folder, and this is a file"):
        parse_tracker(f"tensorboard:{tmp_path / 'runs'}")
