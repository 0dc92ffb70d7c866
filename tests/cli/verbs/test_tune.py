"""``convae tune``: its folder, the settings it writes, resuming, and options that are wrong."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from tests.cli.conftest import Command

SMALL = ("--latent-dim", 3, "--widths", 4, "--blocks", 1, "--hidden", 8, "--epochs", 1)
TWO = ("--search", "batch_size=8|16", "--search", "learning_rate=0.005:0.05:log")


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_folder_and_a_fit_with_the_best_settings(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "search"
    done = convae("tune", "autoencoder", pictures, "--out", out, *SMALL, *TWO, "--trials", 3)
    assert done.code == 0
    for words in ("Of 3 trials", "images no trial saw", "learning_rate", f"settings: {out}"):
        assert words in done.out
    assert "trial 0: the defaults" in done.err
    names = {path.name for path in out.iterdir()}
    assert {"study.journal", "trials.csv", "best.toml", "best.convae", "defaults.convae"} < names
    assert {"curves.svg", "report.html", ".convae-output.csv"} < names
    assert not {name for name in names if "lock" in name}
    rows = rows_of(out / "trials.csv")
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    assert rows[0]["batch_size"] == ""
    assert rows[1]["batch_size"] in ("8", "16")
    assert "<svg" in (out / "curves.svg").read_text()
    page = (out / "report.html").read_text()
    assert "Trials by epoch" in page
    assert "Best settings and defaults" in page
    settings = tomllib.loads((out / "best.toml").read_text())
    assert settings["epochs"] == 1
    assert settings["widths"] == [4]
    fitted = convae(
        "fit", "autoencoder", pictures, "--config", out / "best.toml", "--out", tmp_path / "m",
        "--no-report", "--json",
    )  # fmt: skip
    assert fitted.code == 0, fitted.err
    again = convae("reconstruct", out / "best.convae", pictures, "--out", tmp_path / "r", "-q")
    assert again.code == 0


def test_the_results_for_programs_and_going_on(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    start = ("tune", "sparse", pictures, "--out", tmp_path / "s", "--latent-dim", 40, "--epochs", 1)
    line = (*start, "--widths", 4, *TWO, "-q")
    done = convae(*line, "--trials", 2, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["kind"] == "sparse"
    assert len(done.json["trials"]) == 2
    assert done.json["on_images_no_trial_saw"]["images"] == done.json["images_no_trial_saw"] == 5
    refused = convae(*line, "--trials", 3)
    assert refused.code == 2
    assert "holds a search already: go on with --resume, or start afresh with" in refused.err
    more = convae(*line, "--trials", 3, "--resume", "--json")
    assert len(more.json["trials"]) == 3
    assert more.json["trials"][:2] == done.json["trials"]
    afresh = convae(*line, "--trials", 1, "--overwrite", "--json")
    assert len(afresh.json["trials"]) == 1
    other = convae(*line, "--trials", 4, "--resume", "--set", "ema=0.5")
    assert other.code == 2
    assert "holds another search: settings was" in other.err
    assert (tmp_path / "s" / "best.convae").is_file()
    assert len(rows_of(tmp_path / "s" / "trials.csv")) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--search", "sede=1|2"), "unknown setting to search 'sede'"),
        (("--search", "seed=1|2"), "seed cannot be searched"),
        (
            ("--search", "ema=0.9"),
            "a search of 'ema' takes NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=a|b|c",
        ),
        (("--budget", "soon"), "--budget must be a time above 0, such as 90s, 10min"),
        (("--set", "budget=5s"), "unknown setting 'budget'"),
        (("--trials", 0), "0 is not in the range x>=1"),
        (("--resume",), "there is no search to go on with; leave out --resume to start"),
        (("--set", "ema=2"), "ema must be a number from 0 to 0.99999"),
    ],
)
def test_what_is_wrong_is_said_before_any_image_is_read(
    convae: Command, tmp_path: Path, options: tuple[object, ...], words: str
) -> None:
    done = convae("tune", "autoencoder", "missing", "--out", tmp_path / "s", *options)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert words in done.err
    assert not (tmp_path / "s").exists()


def test_a_detector_and_an_unknown_kind(convae: Command, pictures: Path) -> None:
    done = convae("tune", "anomaly", pictures, "--out", "x")
    assert done.code == 2
    assert "an anomaly detector cannot be tuned: it learns from normal images alone" in done.err
    assert "unknown estimator 'denoisr': did you mean 'denoiser'" in convae("tune", "denoisr").err


@pytest.mark.slow
def test_ctrl_c_keeps_the_trials_that_are_done(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "search"
    words = [
        "tune",
        "autoencoder",
        str(pictures),
        "--out",
        str(out),
        *map(str, SMALL),
        "--trials",
        "500",
    ]
    run = subprocess.Popen(
        [sys.executable, "-m", "convae", *words],
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    for _ in range(1200):
        trials = out / "trials.csv"
        if trials.is_file() and trials.read_text().count("\n") > 2:
            break
        assert run.poll() is None
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=120)
    assert run.returncode == 130
    assert b"the trials that are done are kept" in told
    assert b"--resume" in told
    assert {"study.journal", "best.toml", "best.convae", "trials.csv"} <= {
        path.name for path in out.iterdir()
    }
    done = rows_of(out / "trials.csv")
    more = subprocess.run(
        [sys.executable, "-m", "convae", *words[:-1], str(len(done)), "--resume", "--json"],
        capture_output=True,
        check=True,
    )
    assert len(json.loads(more.stdout)["trials"]) == len(done)
