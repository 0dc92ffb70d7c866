"""Standard streams that are closed or lost, and text that would steer a terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.conftest import FIT, Command, fill, waves

from convae.report.plain_text import harmless

WORDS = [word for word in FIT if word != "--quiet"]


def in_shell(
    words: list[object], redirection: str, *, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """``convae WORDS`` with the streams that the redirection leaves, after what is done before."""
    return subprocess.run(
        [
            "bash",
            "-c",
            f'{before}"$@" {redirection}',
            "bash",
            sys.executable,
            "-m",
            "convae",
            *map(str, words),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )


@pytest.mark.parametrize("redirection", ["<&- >&- 2>&-", "2>&-", ">&-", "2> /dev/full"])
def test_a_model_is_written_whatever_becomes_of_the_streams(
    pictures: Path, tmp_path: Path, redirection: str
) -> None:
    out = tmp_path / "m.convae"
    done = in_shell(
        ["fit", "autoencoder", pictures, "--out", out, "--no-report", *WORDS], redirection
    )
    assert (done.returncode, out.is_file()) == (0, True)
    assert "Traceback" not in done.stdout + done.stderr
    # What is printed must not end up in a file that took the number of a closed stream.
    from convae import load

    assert load(out).n_iter_ == 1


def test_a_reader_of_progress_that_goes_away_does_not_end_a_training(
    pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.convae"
    words = ["fit", "autoencoder", pictures, "--out", out, "--no-report", *WORDS]
    done = in_shell(words, "2> >(head -c 1 > /dev/null)")
    assert (done.returncode, out.is_file()) == (0, True)


@pytest.mark.parametrize("redirection", ["2>&-", ">&-"])
def test_an_error_keeps_its_code(tmp_path: Path, redirection: str) -> None:
    done = in_shell(["info", tmp_path / "none.convae"], redirection)
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr


@given(st.text(st.characters(exclude_categories=[])))
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    shown = harmless(text)
    assert not any((ord(c) < 32 and c not in "\t\n") or 127 <= ord(c) < 160 for c in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    shown.encode("utf-8")  # no half of a character either, which could not be printed
    assert text.isprintable() <= (shown == text)  # what can be printed stays


def test_names_with_escapes_are_shown_escaped(convae: Command, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", waves(2, (8, 8, 1)))
    name = "a\x1b]0;title\x07\x1b[31m.png"
    (folder / name).write_bytes(b"no image")
    for done in (
        convae("check", folder),
        convae("check", folder / name),
        convae("fit", "autoencoder", folder, "--strict", "--out", tmp_path / "m.convae", *FIT),
    ):
        assert "\x1b" not in done.out + done.err
        assert "\x07" not in done.out + done.err
        assert "a\\x1b]0;title\\x07\\x1b[31m.png" in done.out + done.err


def test_a_working_directory_that_was_removed_does_not_end_a_training(
    pictures: Path, tmp_path: Path
) -> None:
    gone, out = tmp_path / "gone", tmp_path / "m.convae"
    gone.mkdir()
    words = ["fit", "autoencoder", pictures, "--out", out, "--no-report", *WORDS]
    done = in_shell(words, "", before=f"cd {gone}; rmdir {gone}; ")
    assert (done.returncode, out.is_file()) == (0, True)
    assert "the working directory does not exist any more" in done.stderr
    done = in_shell(["info", "m.convae"], "", before=f"mkdir {gone}; cd {gone}; rmdir {gone}; ")
    assert done.returncode == 2
