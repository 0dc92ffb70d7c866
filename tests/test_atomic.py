"""Atomic writing: the old file or the new one, nothing else, whatever happens in between."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convae.atomic import atomic_write, check_writable, remove_leftovers
from convae.errors import InputError


def test_the_new_file_takes_the_name_and_the_umask(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    old = os.umask(0o027)
    try:
        with atomic_write(target) as handle:
            handle.write(b"new")
            assert not target.exists()
    finally:
        os.umask(old)
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def fail() -> None:
        with atomic_write(target) as handle:
            handle.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.bin").write_bytes(b"old")
    (tmp_path / "link.bin").symlink_to("real.bin")
    with atomic_write(tmp_path / "link.bin") as handle:
        handle.write(b"new")
    assert (tmp_path / "link.bin").is_symlink()
    assert (tmp_path / "real.bin").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none/a.bin", "folder does not exist"),
        ("file/a.bin", "is a file, not a folder"),
        ("x" * 300, "name is too long"),
        ("folder", "is a folder"),
        ("pipe", "device or a pipe"),
        ("loop", "leads to itself"),
    ],
)
def test_what_cannot_be_written_is_named_with_advice(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(InputError, match=words) as caught, atomic_write(tmp_path / name):
        pass
    assert name in str(caught.value)
    with pytest.raises(InputError, match=words):
        check_writable(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_check_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    for name in ("old", "new"):
        check_writable(tmp_path / name)
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from convae.atomic import atomic_write
from convae.errors import InputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for size in (100_000, 5000):  # beyond the buffer, and found only when it is flushed
    try:
        with atomic_write(sys.argv[1]) as handle:
            handle.write(b"x" * size)
    except InputError as fault:
        print(fault)
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.bin")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.count("a.bin: the disk is full") == 2
    assert os.listdir(tmp_path) == []


def test_leftovers_of_killed_runs_are_removed_when_old(tmp_path: Path) -> None:
    old, young = tmp_path / ".convae-1-a.tmp", tmp_path / ".convae-2-b.tmp"
    for path in (old, young):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    assert remove_leftovers(tmp_path) == 1
    assert os.listdir(tmp_path) == [young.name]
