"""Interrupted or killed at any moment, a resumed run ends in the weights of one that was not."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.training import small_run
from tests.training.small_run import (
    EPOCHS,
    STEPS,
    Stopper,
    digest,
    lasting,
    make_job,
    make_network,
)
from tests.training.test_loop import Poisoned

from convae.errors import InputError, ModelFileError
from convae.training.checkpoint import MANIFEST, CheckpointFolder
from convae.training.interrupt import Interrupt, TrainingInterrupted
from convae.training.job import Job
from convae.training.loop import train
from convae.training.observers import Row

VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "muon": ({}, {}),
    # Without a bypass: in a few steps Adam would not better the PCA it starts from, and the weights at
    # the end would be those of the start.
    "adamw": ({"optimizer": "adamw", "weight_decay": 0.01}, {"bypass": "none"}),
    "adam": ({"optimizer": "adam"}, {"bypass": "none"}),
    "batch norm": ({}, {"norm": "batch"}),
    "no average": ({"ema": 0.0}, {"norm": "batch"}),
    "spatial": ({"optimizer": "adamw"}, {"code": "spatial"}),
    "vq": ({}, {"code": "spatial", "bottleneck": "vq", "entries": 8, "bypass": "none"}),
    "random crop": ({"random_crop": True}, {}),
    "streamed": ({"random_crop": True, "storage": "streamed"}, {}),
    "bfloat16": ({"precision": "bfloat16"}, {}),
    "augmented": (
        {"augment": "flips+quarter-turns+rotations+shifts+brightness"},
        {"bypass": "none"},
    ),
}
Result = tuple[str, list[Row]]


def run(job: Job, changes: dict[str, Any], **options: Any) -> Result:
    network = make_network(job, **changes)
    history = train(network, job, **options)
    return digest(network), lasting(history)


def interrupted(job: Job, changes: dict[str, Any], folder: Path, after: int) -> None:
    """Ctrl-C after so many steps."""
    stopper = Stopper(after, lambda: signal.raise_signal(signal.SIGINT))
    checkpoint = CheckpointFolder(folder, every=1e9)
    with pytest.raises(TrainingInterrupted) as caught:
        run(job, changes, checkpoint=checkpoint, observers=stopper.watching())
    assert stopper.steps == after
    assert caught.value.saved


def resumed(job: Job, changes: dict[str, Any], folder: Path) -> Result:
    return run(job, changes, checkpoint=CheckpointFolder(folder, every=1e9), resume=True)


def test_a_run_goes_on_from_every_step(tmp_path: Path) -> None:
    whole = run(make_job(), {})
    for after in range(1, EPOCHS * STEPS + 1):
        folder = tmp_path / str(after)
        interrupted(make_job(), {}, folder, after)
        assert resumed(make_job(), {}, folder) == whole, f"after {after} steps"


@pytest.mark.parametrize("after", [STEPS - 1, STEPS, STEPS + 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_run_goes_on(variant: str, after: int, tmp_path: Path) -> None:
    settings, changes = VARIANTS[variant]
    whole = run(make_job(**settings), changes)
    assert whole[0] != digest(make_network(make_job(**settings), **changes))
    interrupted(make_job(**settings), changes, tmp_path, after)
    assert resumed(make_job(**settings), changes, tmp_path) == whole


def test_every_checkpoint_on_the_way_can_be_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved after every step and once more after each validation; a copy of each is a kill there."""
    save = CheckpointFolder.save
    copies: list[Path] = []

    def copying(folder: CheckpointFolder, *args: Any) -> None:
        save(folder, *args)
        copies.append(tmp_path / f"copy {len(copies)}")
        shutil.copytree(folder.path, copies[-1])

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFolder, "save", copying)
        whole = run(make_job(), {}, checkpoint=CheckpointFolder(tmp_path / "run", every=0))
    assert len(copies) == EPOCHS * (STEPS + 1)
    for copy in copies:
        assert resumed(make_job(), {}, copy) == whole


def test_interrupted_again_and_again(tmp_path: Path) -> None:
    whole = run(make_job(), {})
    interrupted(make_job(), {}, tmp_path, 1)
    for _ in range(EPOCHS * STEPS - 1):
        stopper = Stopper(1, lambda: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(TrainingInterrupted):
            run(
                make_job(),
                {},
                checkpoint=CheckpointFolder(tmp_path, every=1e9),
                resume=True,
                observers=stopper.watching(),
            )
    assert resumed(make_job(), {}, tmp_path) == whole


def test_a_resumed_run_rolls_back_to_the_same_place(tmp_path: Path) -> None:
    """A batch gives NaN in the epoch in which the run was interrupted."""
    poisoned = make_job()
    Poisoned(poisoned, STEPS + 4)
    whole = run(poisoned, {})
    interrupted(make_job(), {}, tmp_path, STEPS + 2)
    rest = make_job()
    Poisoned(rest, 2)
    assert resumed(rest, {}, tmp_path) == whole


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """SIGKILL to another process, at a random moment, while it saves after every step."""
    settings: dict[str, Any] = {"epochs": 40, "ema": 0.5}
    whole = run(make_job(**settings), {})
    folder = tmp_path / "run"
    command = [sys.executable, small_run.__file__, str(folder), json.dumps(settings)]
    root = Path(__file__).resolve().parents[2]
    child = subprocess.Popen(command, cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wanted = random.randrange(1, 30)
    while child.poll() is None and steps_saved(folder) < wanted:
        time.sleep(0.001)
    time.sleep(random.random() * 0.02)
    child.kill()
    assert child.wait() in (-signal.SIGKILL, 0)  # 0: it was through before, on a machine under load
    assert CheckpointFolder(folder).exists()
    assert resumed(make_job(**settings), {}, folder) == whole


def steps_saved(folder: Path) -> int:
    try:
        return int(json.loads((folder / MANIFEST).read_text())["step"])
    except (OSError, ValueError):
        return 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_and_saves(number: signal.Signals, tmp_path: Path) -> None:
    before = signal.getsignal(number)
    stopper = Stopper(STEPS + 2, lambda: os.kill(os.getpid(), number))
    folder = CheckpointFolder(tmp_path / "run", every=1e9)
    with pytest.raises(TrainingInterrupted) as caught:
        run(make_job(), {}, checkpoint=folder, observers=stopper.watching())
    error = caught.value
    assert (error.signal, error.at, error.saved) == (number, "epoch 2, step 2", True)
    assert str(error) == "interrupted at epoch 2, step 2; the state is saved"
    assert isinstance(error, KeyboardInterrupt)
    assert folder.load()[1]["steps_done"] == STEPS + 2
    assert signal.getsignal(number) is before
    with folder.locked():
        pass  # the lock is free again


def test_without_a_folder_nothing_is_saved() -> None:
    stopper = Stopper(1, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(TrainingInterrupted) as caught:
        run(make_job(), {}, observers=stopper.watching())
    assert not caught.value.saved
    assert str(caught.value) == "interrupted at epoch 1, step 1"


def test_the_second_signal_is_not_held_back() -> None:
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_training_in_a_thread_leaves_signals_alone() -> None:
    results = []
    thread = threading.Thread(target=lambda: results.append(run(make_job(), {})))
    thread.start()
    thread.join()
    assert results == [run(make_job(), {})]


def refusal(job: Job, folder: Path | None, **changes: Any) -> str:
    checkpoint = CheckpointFolder(folder) if folder else None
    with pytest.raises(InputError) as caught:
        run(job, changes, checkpoint=checkpoint, resume=True)
    return str(caught.value)


def test_what_cannot_be_resumed(tmp_path: Path) -> None:
    interrupted(make_job(), {}, tmp_path / "run", 3)
    message = refusal(make_job(epochs=9, seed=4), tmp_path / "run")
    assert "the checkpoint is of another run: epochs was 3 and is 9; seed was 0 and is 4" in message
    other = make_job()
    other.identity["images"] = "others"
    assert "images was 'blobs' and is 'others'" in refusal(other, tmp_path / "run")
    assert "resume needs the checkpoint folder" in refusal(make_job(), None)
    assert "there is no checkpoint to resume from" in refusal(make_job(), tmp_path / "absent")


def test_a_checkpoint_of_another_network_does_not_fit(tmp_path: Path) -> None:
    interrupted(make_job(), {}, tmp_path, 3)
    with pytest.raises(ModelFileError, match="does not fit this network"):
        run(make_job(), {"latent_dim": 4}, checkpoint=CheckpointFolder(tmp_path), resume=True)


def test_a_second_run_in_one_folder_is_refused(tmp_path: Path) -> None:
    second, match = CheckpointFolder(tmp_path), "another run is training into it"
    with CheckpointFolder(tmp_path).locked(), pytest.raises(InputError, match=match):
        run(make_job(), {}, checkpoint=second)


def test_watching_changes_nothing(tmp_path: Path) -> None:
    watched = run(
        make_job(),
        {},
        checkpoint=CheckpointFolder(tmp_path, every=0),
        observers=Stopper().watching(),
    )
    assert watched == run(make_job(), {})
