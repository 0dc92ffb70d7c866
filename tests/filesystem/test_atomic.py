"""Atomic writing: the old file or the new one, nothing else, whatever happens in between."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.errors import DiskFullError, InputError
from convae.filesystem import atomic
from convae.filesystem.atomic import atomic_write, check_writable, remove_leftovers


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


def test_a_file_that_is_too_large_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from convae.filesystem.atomic import atomic_write
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
    assert run.stdout.count("a.bin: cannot be written: larger than the file system") == 2
    assert os.listdir(tmp_path) == []


def test_an_error_of_a_full_disk_has_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError) as caught, atomic_write(tmp_path / "a.bin") as file:
        file.write(b"x" * 123_456)
    assert "123,456 bytes or more are needed" in str(caught.value)
    assert f"{caught.value.free:,} are free" in str(caught.value)
    assert caught.value.needed == 123_456
    assert not isinstance(caught.value, InputError)  # exit code 1
    assert os.listdir(tmp_path) == []


KILLED = """
import os, sys
from convae.filesystem.atomic import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("written", flush=True)
    if sys.argv[2] == "die":
        os._exit(9)
    sys.stdin.read()
"""


def writer(path: Path, end: str) -> subprocess.Popen[str]:
    """A process that has begun to write a file, and then dies or waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), end],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def test_the_next_write_removes_what_a_killed_run_left(tmp_path: Path) -> None:
    with writer(tmp_path / "a.bin", "die") as dead:
        assert dead.wait() == 9
    assert len(os.listdir(tmp_path)) == 1
    with atomic_write(tmp_path / "b.bin") as file:
        file.write(b"new")
    assert os.listdir(tmp_path) == ["b.bin"]


def test_nothing_of_a_run_at_work_is_removed(tmp_path: Path) -> None:
    with writer(tmp_path / "a.bin", "wait") as living:
        (name,) = os.listdir(tmp_path)
        os.utime(tmp_path / name, (0, 0))  # a write that takes hours
        assert remove_leftovers(tmp_path) == 0
        living.communicate("")
    assert os.listdir(tmp_path) == ["a.bin"]


def test_the_lock_decides_where_a_process_cannot_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with atomic_write(tmp_path / "a.bin"):
        # As in another container of the same name: the process is not among ours.
        monkeypatch.setattr(atomic, "_alive", lambda _: False)
        assert remove_leftovers(tmp_path) == 0
    assert os.listdir(tmp_path) == ["a.bin"]


@given(st.from_regex(r"\.convae-[0-9a-z-]{0,24}\.?[a-z]{0,4}", fullmatch=True))
def test_files_of_others_stay(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).touch()
        os.utime(Path(folder) / name, (0, 0))
        assert remove_leftovers(folder) == 0


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_only_files_are_leftovers(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f".convae-{atomic._HOST}-999999999-{'0' * 12}.tmp"
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(__file__)
    assert remove_leftovers(tmp_path) == remove_leftovers(tmp_path, locked=True) == 0


def test_leftovers_of_other_machines_go_where_nobody_else_writes(tmp_path: Path) -> None:
    path = tmp_path / f".convae-{'0' * 8}-1-{'0' * 12}.tmp"
    path.touch()
    assert remove_leftovers(tmp_path) == 0
    assert remove_leftovers(tmp_path, locked=True) == 1
