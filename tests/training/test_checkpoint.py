"""Checkpoints: written in an order that a kill cannot hurt, checked when read, one run at a time."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from convae.errors import InputError, ModelFileError
from convae.filesystem.atomic import atomic_write
from convae.storage import sealed_safetensors
from convae.training import checkpoint as module
from convae.training.checkpoint import MANIFEST, CheckpointFolder

ONE, TWO = {"x": torch.arange(3.0)}, {"x": torch.arange(4.0)}


class Killed(BaseException):
    """What a kill is to the code under test: nothing after it runs but clean-up of the test."""


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "runs" / "one")


def kill_at(monkeypatch: pytest.MonkeyPatch, kind: str) -> list[str]:
    """Die when the first file whose name begins so would be written; the order of all others."""
    order: list[str] = []
    write = atomic_write

    @contextlib.contextmanager
    def watched(path: str | Path) -> Iterator[Any]:
        name = Path(path).name
        if name.startswith(kind):
            raise Killed(name)
        with write(path) as file:
            yield file
        order.append(name)

    monkeypatch.setattr(module, "atomic_write", watched)
    monkeypatch.setattr(sealed_safetensors, "atomic_write", watched)
    return order


def test_what_is_saved_comes_back(folder: CheckpointFolder) -> None:
    assert not folder.exists()
    folder.save(ONE, {"epoch": 3, "loss": 0.1}, 7)
    assert folder.exists()
    tensors, facts = folder.load()
    assert torch.equal(tensors["x"], ONE["x"])
    assert facts == {"epoch": 3, "loss": 0.1}


def test_only_the_newest_is_kept(folder: CheckpointFolder) -> None:
    for step in range(3):
        folder.save(ONE, {"step": step}, step)
    assert folder.load()[1] == {"step": 2}
    states = [p.name for p in folder.path.glob("state-*")]
    assert len(states) == 1
    assert states[0].startswith("state-2-")


def test_the_manifest_is_written_last(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = kill_at(monkeypatch, "nothing")
    folder.save(ONE, {}, 1)
    assert [name.partition("-")[0] for name in order] == ["state", MANIFEST]


@pytest.mark.parametrize("kind", ["state-", MANIFEST])
@pytest.mark.parametrize("step", [1, 2], ids=["same step", "next step"])
def test_a_kill_while_saving_leaves_the_old_state(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch, kind: str, step: int
) -> None:
    """Also where both saves are of one step, as at the end of an epoch."""
    folder.save(ONE, {"which": "one"}, 1)
    with monkeypatch.context() as patch:
        kill_at(patch, kind)
        with pytest.raises(Killed):
            folder.save(TWO, {"which": "two"}, step)
    tensors, facts = folder.load()
    assert facts == {"which": "one"}
    assert torch.equal(tensors["x"], ONE["x"])
    folder.save(TWO, {"which": "two"}, step)
    assert folder.load()[1] == {"which": "two"}
    assert len(list(folder.path.glob("state-*"))) == 1


def test_a_kill_before_the_old_state_is_removed_does_no_harm(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.save(ONE, {"which": "one"}, 1)

    unlink = Path.unlink

    def die(path: Path, missing_ok: bool = False) -> None:
        if path.name.startswith("state-"):
            raise Killed
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with pytest.raises(Killed):
            folder.save(TWO, {"which": "two"}, 2)
    assert len(list(folder.path.glob("state-*"))) == 2
    assert folder.load()[1] == {"which": "two"}


def state_of(folder: CheckpointFolder) -> Path:
    (path,) = folder.path.glob("state-*")
    return path


def refusal(folder: CheckpointFolder) -> str:
    with pytest.raises(ModelFileError) as caught:
        folder.load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_to_resume_from(folder: CheckpointFolder) -> None:
    assert "there is no checkpoint to resume from" in refusal(folder)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "manifest.json: damaged"),
        (b"[]", "manifest.json: damaged"),
        (b"{}", "manifest.json: damaged or not the manifest of a checkpoint ('file')"),
        (b'{"format": 99, "file": "x", "sha256": "y"}', "another version of convae (format 99)"),
        (
            b'{"format": 1, "file": "../../etc/passwd", "sha256": "y"}',
            "passwd: there is no such file",
        ),
        (b'{"format": 1, "file": 7, "sha256": "y"}', "there is no such file"),
    ],
)
def test_a_damaged_manifest(folder: CheckpointFolder, content: bytes, text: str) -> None:
    folder.save(ONE, {}, 1)
    (folder.path / MANIFEST).write_bytes(content)
    message = refusal(folder)
    assert text in message
    assert "/etc/" not in message


def test_a_flipped_bit_in_the_state(folder: CheckpointFolder) -> None:
    folder.save(ONE, {}, 1)
    content = bytearray(state_of(folder).read_bytes())
    content[-2] ^= 4
    state_of(folder).write_bytes(content)
    assert "do not match its own checksum" in refusal(folder)


def test_a_state_that_is_not_the_one_named(folder: CheckpointFolder, tmp_path: Path) -> None:
    folder.save(ONE, {}, 1)
    other = CheckpointFolder(tmp_path / "other")
    other.save(TWO, {}, 1)
    state_of(folder).write_bytes(state_of(other).read_bytes())
    assert "not the file that the manifest names" in refusal(folder)
    state_of(folder).unlink()
    assert "there is no such file" in refusal(folder)


def test_a_model_file_is_no_checkpoint(folder: CheckpointFolder) -> None:
    folder.save(ONE, {}, 1)
    digest = sealed_safetensors.write_tensors(state_of(folder), ONE, {"format": 1})
    manifest = json.loads((folder.path / MANIFEST).read_text())
    (folder.path / MANIFEST).write_text(json.dumps({**manifest, "sha256": digest}))
    assert "not the file that the manifest names" in refusal(folder)


def test_two_runs_cannot_have_one_folder(folder: CheckpointFolder) -> None:
    with folder.locked():
        second = CheckpointFolder(folder.path)
        with pytest.raises(InputError, match="another run is training into it"), second.locked():
            pass
    with folder.locked():
        pass


def test_the_lock_clears_what_killed_runs_left(folder: CheckpointFolder) -> None:
    folder.path.mkdir(parents=True)
    leftover = folder.path / f".convae-{'a' * 8}-1-{'b' * 12}.tmp"
    leftover.write_bytes(b"half")
    with folder.locked():
        assert not leftover.exists()


def test_a_run_that_saves_nothing_leaves_no_folder(folder: CheckpointFolder) -> None:
    with pytest.raises(Killed), folder.locked():
        raise Killed
    assert not folder.path.exists()
    with folder.locked():
        folder.save(ONE, {}, 1)
    assert folder.exists()


@pytest.mark.parametrize(
    ("every", "since", "first", "due"),
    [
        (60.0, 4.9, True, False),
        (60.0, 5.0, True, True),  # the first save comes early
        (60.0, 59.0, False, False),
        (60.0, 60.0, False, True),
        (2.0, 2.0, True, True),
        (0.0, 0.0, False, True),
        (1e9, 100.0, False, False),
    ],
)
def test_when_a_save_is_due(every: float, since: float, first: bool, due: bool) -> None:
    assert CheckpointFolder("x", every=every).due(since, first=first) is due


@pytest.mark.parametrize("every", [-1.0, float("nan")])
def test_seconds_between_saves_are_checked(every: float) -> None:
    with pytest.raises(InputError, match="every must be a number of seconds, 0 or more"):
        CheckpointFolder("x", every=every)


def test_removing_leaves_what_is_not_ours(folder: CheckpointFolder) -> None:
    folder.save(ONE, {}, 1)
    with folder.locked():
        pass
    note = folder.path / "note.txt"
    note.write_text("mine")
    folder.remove()
    assert list(folder.path.iterdir()) == [note]
    note.unlink()
    folder.save(ONE, {}, 1)
    folder.remove()
    assert not folder.path.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    folder = CheckpointFolder(tmp_path / "file" / "run")
    with pytest.raises(InputError, match="cannot be made"):
        folder.save(ONE, {}, 1)
