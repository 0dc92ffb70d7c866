"""Which files are new and complete."""

import os
from pathlib import Path

import pytest

from convae.errors import InputError
from convae.serving.new_files import NewFiles, Stamp, stamp_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def nothing(name: str, stamp: Stamp) -> bool:
    return False


def names(new: NewFiles) -> list[str]:
    return [one.name for one in new.look(nothing)]


def test_a_file_is_ready_once_it_has_not_changed_for_a_while(tmp_path: Path) -> None:
    clock = Clock()
    new = NewFiles(tmp_path, 2.0, clock=clock)
    path = tmp_path / "a.png"
    for _ in range(5):  # a slow copy: it grows at every look
        with path.open("ab") as file:
            file.write(b"x" * 100)
        assert names(new) == []
        assert new.pending == 1
        clock.now += 1.5
    assert names(new) == []
    clock.now += 1.0
    assert names(new) == ["a.png"]
    assert new.pending == 0
    os.utime(path, ns=(1, 1))
    assert names(new) == []


def test_known_files_results_and_others_are_left_out(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("a.png", "b/c.png", "out/r.png", "notes.txt", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    new = NewFiles(tmp_path, 0.0, ignored=[out])
    assert names(new) == ["a.png", "b/c.png"]
    done = {"a.png": stamp_of(tmp_path / "a.png")}
    assert [one.name for one in new.look(lambda n, s: done.get(n) == s)] == ["b/c.png"]
    new.again("b/c.png")
    (tmp_path / "a.png").unlink()
    assert names(new) == ["b/c.png"]


def test_a_folder_that_is_gone_is_an_error_until_it_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    new = NewFiles(folder, 0.0)
    with pytest.raises(InputError, match="cannot be read now"):
        new.look(nothing)
    folder.mkdir()
    (folder / "a.png").write_bytes(b"x")
    assert names(new) == ["a.png"]
    assert stamp_of(folder / "none") is None
