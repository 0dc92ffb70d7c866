"""Errors to sentences and exit codes; verbs and options that do not exist."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.conftest import FIT, Command, outside

import convae as package
from convae.cli import verb_table
from convae.cli.main import Interrupted, Terminated, explain
from convae.cli.terminal.output import plain
from convae.errors import ImageError, InputError, TrainingError
from convae.report.plain_text import aligned

SEEDED = {
    "compare",
    "demo",
    "detect",
    "evaluate",
    "levels",
    "map",
    "probe",
    "sample",
    "units",
}  # and all fits


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("size: too\nsmall"), 2, "size: too small"),
        (ImageError("a.png", "is empty"), 2, "a.png: is empty"),
        (TrainingError("not finite"), 1, "not finite"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Terminated(), 143, "interrupted"),
        (Terminated(signal.SIGHUP), 129, "interrupted"),
        (Interrupted("go on with: x", 15), 143, "go on with: x"),
        (MemoryError(), 1, "--batch-size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "out of memory"),
        (OSError(errno.ENOSPC, "No space"), 1, "the disk is full"),
        (ZeroDivisionError("division"), 1, "ZeroDivisionError: division; run again with --debug"),
        (click.UsageError("Bad thing."), 2, "bad thing"),
    ],
)
def test_every_error_has_a_code_and_a_sentence(error: BaseException, code: int, words: str) -> None:
    got, text = explain(error)
    assert got == code
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["evalute"], "unknown verb 'evalute': did you mean 'evaluate'?"),
        (["fit", "autoencodr"], "unknown estimator 'autoencodr': did you mean 'autoencoder'?"),
        (["fit", "my_images"], "for images write: convae fit autoencoder my_images"),
        (["info"], "missing argument 'MODEL' (see 'convae info --help')"),
        (["info", "x", "--jsn"], "no such option '--jsn': did you mean '--json'?"),
        (["-x"], "no such option"),
        (["demo", "--epochs", "x"], "not a valid integer"),
        (["evaluate", "m", "digits", "--device", "gpu"], "unknown device 'gpu'"),
    ],
)
def test_what_does_not_exist_is_answered(
    convae: Command, arguments: list[str], sentence: str
) -> None:
    done = convae(*arguments)
    assert done.code == 2
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_help_and_version(convae: Command) -> None:
    assert convae("--version").out == f"convae {package.__version__}\n"
    assert convae().out == convae("--help").out
    for verb in verb_table.VERBS:
        assert "Usage: convae" in convae(verb, "--help").out
        assert verb in convae("--help").out
    done = convae("fit")
    assert (done.code, "autoencoder" in done.err) == (2, True)
    assert convae("-v").out == convae("--version").out


def everything_of(convae: Command, verb: str) -> str:
    """The help of a verb with all of its options."""
    done = convae(*verb.split(), "--help-all")
    return done.out if done.code == 0 else convae(*verb.split(), "--help").out


def test_help_is_short_grouped_and_has_examples(convae: Command) -> None:
    told = convae("--help").out
    assert len(told.splitlines()) < 60
    assert max(map(len, told.splitlines())) <= 80
    for heading, example in verb_table.EXAMPLES.items():
        assert re.search(rf"^{heading}: +{re.escape(example)}$", told, re.M)
    groups = {member.group for member in verb_table.VERBS.values()}
    assert groups == set(verb_table.EXAMPLES)


@pytest.mark.parametrize("kind", verb_table.ESTIMATORS)
def test_help_of_a_fit_shows_a_dozen_options_and_help_all_every_one(
    convae: Command, kind: str
) -> None:
    short, whole = (convae("fit", kind, option).out for option in ("--help", "--help-all"))
    options = [set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.M)) for text in (short, whole)]
    assert options[0] < options[1]
    assert len(options[0]) <= 20
    assert {"--out", "--epochs", "--seed"} <= options[0]
    more = re.search(r"^(\d+) more options: convae fit \w+ --help-all$", short, re.M)
    assert more is not None
    assert int(more[1]) == len(options[1] - options[0])
    required, _, others = short.partition("Required:")
    assert "--epochs" in others
    assert "Options:" not in required


def test_help_can_be_asked_for_by_a_verb(convae: Command) -> None:
    assert convae("help").out == convae("--help").out
    assert convae("help", "denoise").out == convae("denoise", "--help").out
    assert convae("help", "fit", "anomaly").out == convae("fit", "anomaly", "--help").out


@pytest.mark.parametrize(("slip", "meant"), verb_table.SLIPS.items())
def test_common_slips_are_answered_by_what_was_meant(
    convae: Command, slip: str, meant: str
) -> None:
    done = convae(slip, "my_images")
    assert done.code == 2
    assert f"there is no verb {slip!r}: write {meant}" in done.err
    words = meant.split(",")[0].split()
    assert words[1] in verb_table.VERBS or words[1].startswith("-")


def test_the_model_comes_first(convae: Command, model: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for verb in ("reconstruct", "encode", "evaluate"):
        done = convae(verb, images, model, *(() if verb == "evaluate" else ("--out", "x")))
        assert done.code == 2
        assert f"the model comes first: convae {verb} {model} {images}" in done.err


def test_every_verb_takes_the_options_that_all_have(convae: Command) -> None:
    experiments = [f"experiment {name}" for name in verb_table.EXPERIMENTS]
    for verb in [*verb_table.VERBS, *experiments, "fit autoencoder", "tune denoiser"]:
        if verb in ("fit", "tune", "experiment"):
            continue
        told = everything_of(convae, verb)
        assert all(option in told for option in ("--quiet", "--json", "--debug"))
        draws = verb.split()[0] in ("fit", "tune", "experiment") or verb in SEEDED
        assert ("--seed" in told) == draws, verb  # no verb offers a seed that it does not use


def test_debug_shows_the_traceback(convae: Command, tmp_path: Path) -> None:
    done = convae("info", tmp_path / "none.convae", "--debug")
    assert done.code == 2
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("convae: ")


def test_our_own_fault_is_one_line(
    convae: Command, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("convae.cli.runs.info.summarize", broken)
    done = convae("info", model)
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "--debug" in done.err
    assert "Traceback" in convae("info", model, "--debug").err


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
))  # fmt: skip
def test_anything_becomes_json(value: object) -> None:
    json.dumps(plain(value), allow_nan=False)


def test_a_table_of_rows_of_different_lengths() -> None:
    assert aligned([("a", "1"), ("bb",)]) == ["a   1", "bb"]


def test_outside_in_a_bare_environment(model: Path, tmp_path: Path) -> None:
    home = {"HOME": "", "LANG": "C", "LC_ALL": "C", "COLUMNS": "20", "PYTHONIOENCODING": "ascii"}
    done = outside("info", model, **home)
    assert (done.code, done.err) == (0, "")
    done = outside("--help", **home)
    assert (done.code, done.err) == (0, "")
    done = outside("evaluate", tmp_path / "né\udcff.convae", "digits", **home)
    assert done.code == 2
    assert done.err.count("\n") == 1


def test_a_reader_that_goes_away(model: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "convae", "info", str(model), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert error == b""


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 128 + signal.SIGHUP),
        (signal.SIGUSR1, 128 + signal.SIGUSR1),
    ],
)
def test_stopped_and_resumed_ends_like_a_run_that_was_not(
    convae: Command, pictures: Path, tmp_path: Path, number: int, code: int
) -> None:
    few = ["fit", "autoencoder", pictures, "--no-report", *FIT[2:-1], "--batch-size", "2"]
    whole, stopped = tmp_path / "whole.convae", tmp_path / "stopped.convae"
    many = [*few, "--epochs", "60"]
    process = subprocess.Popen(
        [sys.executable, "-m", "convae", *map(str, many), "--out", str(stopped)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 2"):
            process.send_signal(number)
            break
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait() == code
    assert not stopped.exists()
    assert "interrupted at epoch" in error
    assert f"--out {stopped} --resume" in error
    done = outside(*many, "--out", stopped)
    assert (done.code, "go on with --resume, or start afresh with --restart" in done.err) == (
        2,
        True,
    )
    resumed = outside(*many, "--out", stopped, "--resume", "--json")
    assert resumed.code == 0
    assert "resumed at epoch" in resumed.err
    assert not Path(f"{stopped}.checkpoint").exists()
    assert convae(*many, "--out", whole, "--quiet").code == 0
    first, second = package.load(whole), package.load(stopped)
    for name, tensor in first.network_.state_dict().items():
        assert (tensor == second.network_.state_dict()[name]).all()


@pytest.mark.parametrize(
    ("words", "count", "answer"),
    [
        ("convae fi", 1, "plain,fit"),
        ("convae fit auto", 2, "plain,autoencoder"),
        ("convae fit autoencoder --loa", 3, ""),
        ("convae fit autoencoder x --preset tut", 5, "plain,tutorial"),
        ("convae nonsense --device c", 3, ""),  # what is wrong so far is nothing to say now
        ("convae evaluate --split tset --dev", 4, "plain,--device"),
    ],
)
def test_completion_is_silent(
    convae: Command, monkeypatch: pytest.MonkeyPatch, words: str, count: int, answer: str
) -> None:
    monkeypatch.setenv("_CONVAE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(count))
    done = convae()
    assert (done.code, done.err) == (0, "")
    assert answer in done.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(convae: Command, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("_CONVAE_COMPLETE", f"{shell}_source")
    done = convae()
    assert (done.code, done.err) == (0, "")
    assert "_CONVAE_COMPLETE" in done.out


@pytest.mark.parametrize("given", [("denoise", "", "x", "--out", "y"), ("check", "x", "--out", "")])
def test_an_empty_argument_is_no_folder(
    convae: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]
) -> None:
    """What a variable of the shell that is not set leaves would be the current folder."""
    monkeypatch.chdir(tmp_path)
    done = convae(*given)
    assert done.code == 2
    before = given[given.index("") - 1]
    assert f"the argument after {before} is empty" in done.err
    assert not list(tmp_path.iterdir())
