"""``convae watch``: each image once, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.conftest import Command, fill, waves

from convae.cli import run
from convae.images.files.reading import probe_image, read_image
from convae.images.files.writing import write_image, write_stack

QUICK = ("--settle", "0.1", "--interval", "0.05", "--until-idle", "0.3")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="session")
def denoiser(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "d.convae"
    words = ["fit", "denoiser", str(pictures), "--out", str(path), "--epochs", "1", "--quiet"]
    assert run([*words, "--no-report"]) == 0
    return path


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    return fill(tmp_path / "in", waves(5, (12, 10, 1), seed=4))


def test_the_results_are_those_of_the_verb(
    convae: Command, denoiser: Path, incoming: Path, tmp_path: Path
) -> None:
    write_stack(incoming / "stack.tif", waves(3, (12, 10, 1), seed=6))
    done = convae("watch", denoiser, incoming, "--out", tmp_path / "out", *QUICK)
    assert done.code == 0, done.err
    assert "6 files with results" in done.err
    assert convae("denoise", denoiser, incoming, "--out", tmp_path / "by_hand").code == 0
    for name in [f"{n}.png" for n in range(5)] + ["stack.tif"]:
        for page in range(probe_image(incoming / name).pages):
            found, expected = (
                read_image(tmp_path / out / name, page=page).pixels for out in ("out", "by_hand")
            )
            np.testing.assert_array_equal(found, expected)
    told = {line["name"]: line for line in lines(done.out)}
    assert set(told) == {*(f"{n}.png" for n in range(5)), "stack.tif"}
    assert len(told["stack.tif"]["images"]) == 3
    assert told["0.png"]["images"][0]["noise_level"] >= 0


def test_a_second_run_does_only_what_is_new_or_changed(
    convae: Command, denoiser: Path, incoming: Path, tmp_path: Path
) -> None:
    words = ("watch", denoiser, incoming, "--out", tmp_path / "out", *QUICK)
    assert len(lines(convae(*words).out)) == 5
    assert convae(*words).out == ""
    write_image(incoming / "new" / "x.png", waves(1, (12, 10, 1), seed=8)[0])
    write_image(incoming / "0.png", waves(1, (12, 10, 1), seed=9)[0])
    done = convae(*words, "--json")
    *entries, summary = lines(done.out)
    assert {entry["name"] for entry in entries} == {"0.png", "new/x.png"}
    assert (summary["files"], summary["all_files"], summary["bad"]) == (2, 6, 0)


def test_files_that_cannot_be_used_are_told_and_stay(
    convae: Command, denoiser: Path, incoming: Path, tmp_path: Path
) -> None:
    (incoming / "bad.png").write_bytes(b"no image")
    (incoming / "empty.tif").write_bytes(b"")
    write_image(incoming / "rgb.png", waves(1, (12, 10, 3))[0])
    words = ("watch", denoiser, incoming, "--out", tmp_path / "out", *QUICK)
    done = convae(*words)
    assert done.code == 0
    assert "3 could not be used" in done.err
    errors = {one["name"]: one["error"] for one in lines(done.out) if one["event"] == "bad"}
    assert set(errors) == {"bad.png", "empty.tif", "rgb.png"}
    assert errors["empty.tif"] == "empty file"
    assert "channel" in errors["rgb.png"]
    assert (incoming / "bad.png").read_bytes() == b"no image"
    listed = (tmp_path / "out" / "skipped.csv").read_text()
    assert all(name in listed for name in errors)
    assert convae(*words, "--strict").code == 0  # nothing new was bad
    aside = tmp_path / "aside"
    done = convae(*words, "--move-bad", aside)
    assert sorted(path.name for path in aside.iterdir()) == ["bad.png", "empty.tif", "rgb.png"]
    (incoming / "bad.png").write_bytes(b"again none")
    assert convae(*words, "--move-bad", aside, "--strict").code == 2
    assert (aside / "bad-2.png").read_bytes() == b"again none"


def test_a_file_that_arrives_slowly_is_read_when_it_is_complete(
    convae: Command, denoiser: Path, incoming: Path, tmp_path: Path
) -> None:
    data = (incoming / "0.png").read_bytes()
    for path in incoming.iterdir():
        path.unlink()

    def copy() -> None:
        with (incoming / "slow.png").open("wb") as file:
            for byte in range(0, len(data), 40):
                file.write(data[byte : byte + 40])
                file.flush()
                time.sleep(0.05)

    copying = threading.Thread(target=copy)
    copying.start()
    done = convae("watch", denoiser, incoming, "--out", tmp_path / "out", "--settle", "0.4",
                  "--interval", "0.05", "--until-idle", "1.5")  # fmt: skip
    copying.join()
    assert [(one["event"], one["name"]) for one in lines(done.out)] == [("done", "slow.png")]


def test_a_detector_writes_heatmaps_and_scores(
    convae: Command, incoming: Path, tmp_path: Path
) -> None:
    good = fill(tmp_path / "good", waves(30, (12, 10, 1)))
    path = tmp_path / "a.convae"
    fit = ("fit", "anomaly", good, "--out", path, "--epochs", "1", "--no-report", "--quiet")
    assert convae(*fit).code == 0
    done = convae("watch", path, incoming, "--out", tmp_path / "out", *QUICK, "--json")
    *entries, summary = lines(done.out)
    assert convae("detect", path, incoming, "--out", tmp_path / "by_hand").code == 0
    found = json.loads((tmp_path / "by_hand" / "regions.json").read_text())
    scores = {one["name"]: one["score"] for one in found["images"]}
    assert {one["name"]: one["images"][0]["score"] for one in entries} == scores
    for name in scores:
        heat = read_image(tmp_path / "out" / "heatmaps" / f"{name}.tif").pixels
        same = read_image((tmp_path / "by_hand" / "heatmaps" / name).with_suffix(".tif")).pixels
        np.testing.assert_array_equal(heat, same)
        assert (tmp_path / "out" / "overlays" / name).is_file()
    assert summary["drift"]["images"] == 5


def test_what_cannot_be_is_refused(
    convae: Command, denoiser: Path, model: Path, incoming: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def refused(*words: object, of: Path = denoiser) -> str:
        done = convae("watch", of, *words, *QUICK)
        assert done.code == 2
        (line,) = done.err.splitlines()
        return line

    assert "--out" in refused(incoming, "--out", incoming)
    assert "there is no such folder" in refused(tmp_path / "none", "--out", out)
    assert "--find-damage is not for this model" in refused(incoming, "--out", out, "--find-damage")
    assert "unknown" in refused(incoming, "--out", out, "--format", "gif")
    assert convae("denoise", denoiser, incoming, "--out", tmp_path / "verb").code == 0
    assert "an earlier 'convae denoise'" in refused(incoming, "--out", tmp_path / "verb")
    assert convae("watch", denoiser, incoming, "--out", out, *QUICK).code == 0
    assert "another model or other options" in refused(incoming, "--out", out, of=model)


def test_files_of_others_in_the_folder_of_results_are_left_alone(
    convae: Command, denoiser: Path, incoming: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "0.png").write_bytes(b"precious")
    done = convae("watch", denoiser, incoming, "--out", out, *QUICK)
    (bad,) = [one for one in lines(done.out) if one["event"] == "bad"]
    assert bad["name"] == "0.png"
    assert "is there already" in bad["error"]
    assert (out / "0.png").read_bytes() == b"precious"


def start(denoiser: Path, incoming: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [
        "watch",
        denoiser,
        incoming,
        "--out",
        out,
        "--settle",
        "0.1",
        "--interval",
        "0.05",
        *more,
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "convae", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_a_watch_that_is_killed_goes_on_and_does_nothing_twice(
    convae: Command, denoiser: Path, tmp_path: Path
) -> None:
    incoming, out = fill(tmp_path / "in", waves(60, (12, 10, 1), seed=3)), tmp_path / "out"
    told: list[str] = []
    for count in (1, 7, 20):
        process = start(denoiser, incoming, out)
        assert process.stdout is not None
        told += [json.loads(process.stdout.readline())["name"] for _ in range(count)]
        process.send_signal(signal.SIGKILL)
        told += [json.loads(line)["name"] for line in process.stdout if line.endswith(b"\n")]
        process.wait()
        process.stdout.close()
    done = convae("watch", denoiser, incoming, "--out", out, *QUICK)
    assert done.code == 0
    told += [line["name"] for line in lines(done.out)]
    entries = lines((out / "journal.jsonl").read_text())
    finished = [entry["name"] for entry in entries if entry["event"] == "done"]
    assert sorted(finished) == sorted(f"{n}.png" for n in range(60))  # each once
    assert len(told) == len(set(told))
    assert set(told) <= set(finished)
    assert convae("denoise", denoiser, incoming, "--out", tmp_path / "by_hand").code == 0
    for name in finished:
        assert (out / name).read_bytes() == (tmp_path / "by_hand" / name).read_bytes()
    assert sorted(path.name for path in out.glob("*.png")) == sorted(finished)
    assert not list(out.glob(".convae-*.tmp"))


def test_a_signal_ends_a_watch_with_0(denoiser: Path, incoming: Path, tmp_path: Path) -> None:
    process = start(denoiser, incoming, tmp_path / "out", "--json")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    rest = lines(process.stdout.read().decode())
    assert process.wait(60) == 0
    process.stdout.close()
    assert first["event"] == "done"
    assert rest[-1]["event"] == "summary"
    assert rest[-1]["files"] == len(rest)
