"""``convae fit ... --tracker KIND:FOLDER``."""

import sys
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
SMALL = ["--epochs", 1, "--latent-dim", 2, "--widths", "4", "--no-report"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    np.save(tmp_path / "images.npy", IMAGES)
    return tmp_path / "images.npy"


def test_several_trackers_have_runs_with_the_name_of_the_model(
    convae: Command, images: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    folders = [tmp_path / "runs", tmp_path / "others"]
    trackers = [word for folder in folders for word in ("--tracker", f"tensorboard:{folder}")]
    done = convae("fit", "autoencoder", images, "--out", tmp_path / "my", *trackers, *SMALL)
    assert done.code == 0, done.err
    for folder in folders:
        (run,) = folder.iterdir()
        assert run.name == "my"
        assert [one.name.split(".")[0] for one in run.iterdir()] == ["events"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tensorbord:runs", "unknown tracker 'tensorbord': did you mean 'tensorboard'"),
        ("tensorboard", "tracker 'tensorboard' names no folder: write tensorboard:FOLDER"),
        ("mlflow:runs", "MLflowTracker needs the package mlflow: pip install mlflow"),
    ],
)
def test_a_tracker_that_cannot_be_is_refused_before_training(
    convae: Command,
    images: Path,
    tmp_path: Path,
    text: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    done = convae("fit", "autoencoder", images, "--out", tmp_path / "my", "--tracker", text)
    assert done.code == 2
    assert message in " ".join(done.err.split())
    assert not (tmp_path / "my.convae").exists()


def test_a_failing_tracker_is_reported_and_the_model_is_written(
    convae: Command, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")

    def fails(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("convae.training.trackers.TensorBoardTracker._epoch", fails)
    tracker = f"tensorboard:{tmp_path / 'runs'}"
    out = tmp_path / "my"
    done = convae("fit", "autoencoder", images, "--out", out, "--tracker", tracker, *SMALL)
    assert done.code == 0
    assert (tmp_path / "my.convae").exists()
    told = "TensorBoardTracker failed and is left out from here on; the training continues (OSError"
    assert done.err.count(told) == 1
