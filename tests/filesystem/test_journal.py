"""Lines that survive the end of their process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from convae.errors import InputError
from convae.filesystem.journal import Journal


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.add({"a": 1}, {"b": "ü\n"})
        journal.add({"c": None})
        assert list(journal.entries()) == [{"a": 1}, {"b": "ü\n"}, {"c": None}]
    with Journal(path) as journal:
        journal.add({"d": 4})
        assert [*journal.entries()][-1] == {"d": 4}
    assert path.read_bytes().count(b"\n") == 4


@pytest.mark.parametrize("rest", [b'{"half', b"x" * 200_000, b"\0" * 70_000])
def test_a_line_that_was_cut_off_is_removed(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"a": 1}\n' + rest)
    with Journal(path) as journal:
        assert list(journal.entries()) == [{"a": 1}]
    assert path.read_bytes() == b'{"a": 1}\n'


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_text('{"a": 1}\nnot json\n')
    with (
        Journal(path) as journal,
        pytest.raises(InputError, match="line 2 is no line of a journal"),
    ):
        list(journal.entries())
    with pytest.raises(InputError, match="cannot be written"):
        Journal(tmp_path / "missing" / "j")


def test_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path), pytest.raises(InputError, match="another process is writing it"):
        Journal(path)
    with Journal(path):
        pass


def test_a_killed_process_loses_no_line_that_was_added(tmp_path: Path) -> None:
    path = tmp_path / "j"
    code = (
        "import os, sys; from pathlib import Path; from convae.filesystem.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "for number in range(10**9):\n"
        "    journal.add({'number': number}); print(number, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None
    for _ in range(50):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    told = 49 + len(process.stdout.read().splitlines())
    process.wait()
    process.stdout.close()
    with Journal(path) as journal:
        numbers = [entry["number"] for entry in journal.entries()]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= told
