"""``convae fit anomaly``, ``detect`` and ``calibrate``: files, promises, and what is refused."""

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import torch
from tests.cli.conftest import Command, fill, waves

from convae.cli import run
from convae.estimators.anomaly.defects_method import MendDefects
from convae.estimators.anomaly.fit import LOOKS
from convae.images.files.reading import read_image
from convae.images.sources.open_source import open_source
from convae.metrics.drift import SCORES
from convae.storage.model_file import load_model, save_model

SMALL = ["--latent-dim", "8", "--widths", "8", "--blocks", "1", "--batch-size", "8"]
ANOMALY = ["--epochs", "12", *SMALL, "--quiet"]


def marked(images: np.ndarray) -> np.ndarray:
    """The same with a black bar each."""
    odd = images.copy()
    odd[:, 5:9, 3:12] = 0
    return odd


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 grey 20x16 images."""
    return fill(tmp_path_factory.mktemp("anomaly") / "good", waves(40, (20, 16, 1)) // 2 + 100)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six more of them, a folder in it with four that are marked, and a file that is no image."""
    folder = tmp_path_factory.mktemp("anomaly") / "mixed"
    more = waves(10, (20, 16, 1), seed=9) // 2 + 100
    fill(folder, more[:6])
    fill(folder / "bad", marked(more[6:]))
    (folder / "broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="session")
def detector(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detector") / "ok.convae"
    rate = ["--false-alarm-rate", "0.1"]
    assert run(["fit", "anomaly", str(good), "--out", str(path), *rate, *ANOMALY]) == 0
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_fit_tells_what_is_found_and_promised(
    convae: Command, good: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ok.convae"
    loud = [word for word in ANOMALY if word != "--quiet"]
    done = convae("fit", "anomaly", good, "--out", out, *loud)
    assert done.code == 0, done.err
    assert "synthetic defects, on images held out" in done.out
    assert "nearest normal image" in done.out
    assert "the lowest rate that can be promised is 1/9 = 11.1 %" in done.out
    page = (tmp_path / "ok-report" / "report.html").read_text()
    assert "with a defect" in page
    assert (tmp_path / "ok-report" / "pictures.png").is_file()
    assert (tmp_path / "ok.history.csv").is_file()


def test_a_few_real_defects_are_learnt_from_and_told_of(
    convae: Command, good: Path, mixed: Path, tmp_path: Path
) -> None:
    out, few = tmp_path / "ok.convae", ["--epochs", "2", *SMALL]
    done = convae("fit", "anomaly", good, "--out", out, "--defects", mixed / "bad", *few)
    assert done.code == 0, done.err
    said = re.search(r"Of the 4 images with real defects (\d) lie above the threshold", done.out)
    assert said is not None
    assert "Each was scored with weights that were found without it." in done.out
    assert said[0] in (tmp_path / "ok-report" / "report.html").read_text()
    told = convae("fit", "anomaly", good, "--out", out, "--overwrite", "--json", "--defects",
                  mixed, *few)  # fmt: skip
    assert told.json["real_defects"]["images"] == 10
    done = convae("fit", "anomaly", good, "--out", tmp_path / "b", "--defects", good, *few)
    assert done.code == 2
    assert "0.png in folder" in done.err
    assert "is among the normal images, too: it can be only one of both" in done.err


def test_defects_are_no_normal_images_and_no_masks(
    convae: Command, good: Path, mixed: Path, tmp_path: Path
) -> None:
    """Of a test set with ``good`` and masks beside the images the defects alone are taken, of all folders."""
    bad = tmp_path / "bad"
    for name, start in (("good", "0"), ("scratch", "1")):
        shutil.copytree(mixed / "bad", bad / name)
        for path in (bad / name).iterdir():
            path.rename(path.with_name(f"{start}{path.name}"))
    one = next((bad / "scratch").iterdir())
    shutil.copy(one, one.with_name(f"{one.stem}_mask{one.suffix}"))
    shutil.copytree(bad / "scratch", tmp_path / "again")
    done = convae("fit", "anomaly", good, "--out", tmp_path / "m.convae", "--epochs", "1", *SMALL,
                  "--defects", bad, "--defects", tmp_path / "again")  # fmt: skip
    assert done.code == 0, done.err
    assert "defects: 4 left out: normal images by their folder, such as " in done.err
    assert "defects: 2 left out: masks by their name, such as " in done.err
    assert "defects: 4 images are the same as another, and count once" in done.err
    assert "Of the 4 images with real defects" in done.out


def test_a_detector_by_likelihood_has_a_report(convae: Command, good: Path, tmp_path: Path) -> None:
    done = convae("fit", "anomaly", good, "--out", tmp_path / "m.convae", "--method", "likelihood",
                  "--epochs", "1", *SMALL)  # fmt: skip
    assert done.code == 0, done.err
    assert "the cost of the code" in (tmp_path / "m-report" / "report.html").read_text()


def test_detect_writes_scores_regions_and_pictures(
    convae: Command, detector: Path, mixed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found"
    done = convae("detect", detector, mixed, "--out", out, "--json")
    assert done.code == 0, done.err
    assert done.json["images"] == 10
    assert done.json["false_alarm_rate"] == 0.1
    assert [name for name, _ in done.json["skipped"]] == ["broken.png"]
    rows = {row["name"]: row for row in rows_of(out / "scores.csv")}
    assert len(rows) == 10
    bad = [name for name in rows if name.startswith("bad/")]
    assert all(rows[name]["anomalous"] == "1" for name in bad)
    assert min(float(rows[name]["score"]) for name in bad) > done.json["threshold"]
    found = json.loads((out / "regions.json").read_text())
    assert found["region_level"] > 0
    listed = {image["name"]: image for image in found["images"]}
    assert set(listed) == set(rows)
    for name, image in listed.items():
        stem = Path(name).with_suffix("")
        heatmap = read_image(out / "heatmaps" / stem.with_suffix(".tif")).pixels
        assert heatmap.dtype == np.float32
        assert heatmap.shape == (20, 16, 1)
        assert (out / "overlays" / stem.with_suffix(".png")).is_file()
        assert (out / "detections" / stem.with_suffix(".png")).is_file() == image["anomalous"]
        assert image["size"] == [16, 20]
        for region in image["regions"]:  # however strong the defect is: nothing is cut off
            left, top_row, width, height = region["box"]
            inside = heatmap[top_row : top_row + height, left : left + width]
            assert np.isclose(inside, region["score"], rtol=1e-6).any()
    left, top_row, width, height = listed[bad[0]]["regions"][0]["box"]
    assert left < 12
    assert left + width > 3
    assert top_row < 9
    assert top_row + height > 5
    page = (out / "report.html").read_text()
    assert "nearest normal image" in page
    assert "bad/" in page
    assert "<h2>Data</h2>" in page  # it lists broken.png
    assert "threshold" in (out / "scores.svg").read_text()
    assert done.json["anomalous"] == sum(row["anomalous"] == "1" for row in rows.values())


def test_the_page_leads_to_every_file_and_shows_pictures_at_their_size(
    convae: Command, detector: Path, tmp_path: Path
) -> None:
    """30 images, whose names an address has to escape: 24 are large, six are rows, and no link is dead."""
    images = np.kron(waves(30, (20, 16, 1), seed=4) // 2 + 100, np.ones((1, 70, 70, 1), np.uint8))
    images[:4, 400:700, 200:800] = 0
    folder = fill(tmp_path / "in", images)
    for path in list(folder.iterdir()):
        path.rename(folder / f"50% #{path.name}")
    out = tmp_path / "found"
    done = convae("detect", detector, folder, "--out", out, "--json")
    assert done.code == 0, done.err
    page = (out / "report.html").read_text()
    addresses = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert addresses
    assert all((out / unquote(address)).is_file() for address in addresses)
    assert {unquote(a) for a in addresses if a.startswith("overlays/")} == {
        f"overlays/50% #{i}.png" for i in range(30)
    }
    assert page.count("<article") == 24
    assert "The other 6 images" in page
    assert "<h2>Data</h2>" not in page  # there is nothing to say of it
    assert len(list((out / "highest").iterdir())) == 3 * 24
    verdicts = re.findall(r'<b class="verdict (\w+)">', page)
    assert len(verdicts) == 30
    assert verdicts.count("anomalous") == done.json["anomalous"]
    shape = read_image(out / "highest" / "01-regions.jpg").pixels.shape
    assert shape == (1024, 819, 3)  # of 1400 x 1120


def test_detect_tells_the_highest(
    convae: Command, detector: Path, mixed: Path, tmp_path: Path
) -> None:
    done = convae("detect", detector, mixed, "--out", tmp_path / "found")
    assert "of 10 flagged; 10 normal images would give about 1 by chance." in done.out
    assert "bad/" in done.out
    assert "1 skipped, see" in done.out
    strict = convae("detect", detector, mixed, "--out", tmp_path / "strict", "--strict")
    assert strict.code == 2
    assert "broken.png" in strict.err


def test_names_that_differ_in_their_suffix_only(
    convae: Command, detector: Path, tmp_path: Path
) -> None:
    images = waves(2, (20, 16, 1))
    fill(tmp_path / "in", images[:1], ".png")
    fill(tmp_path / "in", images[1:], ".tif")
    assert convae("detect", detector, tmp_path / "in", "--out", tmp_path / "found").code == 0
    names = sorted(path.name for path in (tmp_path / "found" / "overlays").iterdir())
    assert names == ["0.png", "0.tif.png"]
    assert len(list((tmp_path / "found" / "heatmaps").iterdir())) == 2


def test_arrays_are_detected_in(convae: Command, detector: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", waves(3, (20, 16, 1))[..., 0])
    done = convae("detect", detector, tmp_path / "a.npy", "--out", tmp_path / "found", "--json")
    assert done.json["images"] == 3
    assert len(rows_of(tmp_path / "found" / "scores.csv")) == 3


def test_calibrate_changes_the_threshold_in_place_or_elsewhere(
    convae: Command, detector: Path, good: Path, tmp_path: Path
) -> None:
    model = tmp_path / "ok.convae"
    model.write_bytes(detector.read_bytes())
    more = fill(tmp_path / "more", waves(30, (20, 16, 1), seed=5) // 2 + 100)
    other = tmp_path / "other.convae"
    rate = ("--false-alarm-rate", "0.05", "--json")
    done = convae("calibrate", model, more, "--out", other, *rate)
    assert done.code == 0, done.err
    assert (done.json["false_alarm_rate"], done.json["witnesses"]) == (0.05, 30)
    assert done.json["left_out"] == 0
    assert model.read_bytes() == detector.read_bytes()
    assert convae("calibrate", model, more, *rate).json["model"] == str(model)
    assert model.read_bytes() == other.read_bytes()
    again = convae("calibrate", model, good, "--json")
    assert again.json["left_out"] == 40 - again.json["witnesses"]
    told = convae("calibrate", model, more).out
    assert "the lowest rate that can be promised is 1/31 = 3.23 %" in told


def test_calibrate_counts_groups_once(convae: Command, detector: Path, tmp_path: Path) -> None:
    more = fill(tmp_path / "more", waves(30, (20, 16, 1), seed=5) // 2 + 100)
    with (tmp_path / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("name", "group"), *((f"{i}.png", i // 3) for i in range(30))])
    out = ("--out", tmp_path / "other.convae", "--groups", tmp_path / "groups.csv")
    assert convae("calibrate", detector, more, *out, "--json").json["witnesses"] == 10


def test_a_folder_is_ranked_by_itself(convae: Command, tmp_path: Path) -> None:
    images = waves(40, (20, 16, 1)) // 8 + 100
    images[4:5] = marked(images[4:5])
    images[17, 12:16, 4:13] = (
        255  # another defect: one detector in three learns the first as normal
    )
    folder = fill(tmp_path / "in", images)
    out = tmp_path / "ranked"
    settings = ["epochs=16", "batch_size=8", "latent_dim=8", "widths=8", "blocks=1"]
    pairs = [word for pair in settings for word in ("--set", pair)]
    done = convae("detect", "--self", folder, "--out", out, *pairs)
    assert done.code == 0, done.err
    assert "Nothing is promised" in done.out
    rows = rows_of(out / "scores.csv")
    assert len(rows) == 40
    assert {row["name"] for row in rows[:4]} >= {"4.png", "17.png"}
    assert [float(row["score"]) for row in rows] == sorted(
        (float(row["score"]) for row in rows), reverse=True
    )
    assert {row["p_value"] for row in rows} == {""}
    page = (out / "report.html").read_text()
    assert page.count("<article") == 24
    assert '<b class="verdict' not in page  # nobody has said what is normal
    assert "p-value" not in page
    assert len(open_source(out / "heatmaps")) == 40


def test_wrong_input_is_one_sentence(
    convae: Command, detector: Path, model: Path, good: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    one = fill(tmp_path / "one", waves(1, (20, 16, 1)))
    coloured = fill(tmp_path / "coloured", waves(3, (20, 16, 3)))
    out, file = ("--out", tmp_path / "out"), ("--out", tmp_path / "new.convae")
    cases: list[tuple[tuple[Any, ...], str]] = [
        (("detect", model, good, *out), "this model was fitted to reconstruct and encode"),
        (("detect", detector, empty, *out), "no image found"),
        (("detect", detector, coloured, *out), "3 channels (RGB) for a model of 1 channel (grey)"),
        (("detect", detector, *out), "DATA is missing"),
        (("detect", detector, good, "--set", "epochs=1", *out), "--set goes with --self"),
        (("detect", "--self", one, *out), "at least 12 images are needed"),
        (("detect", "--self", good, "--set", "epoch=1", *out), "did you mean 'epochs'"),
        (("detect", detector, good, "--out", good), "is where the images are"),
        (("calibrate", model, good), "or fit one to detect anomalies with 'convae fit anomaly'"),
        (
            ("calibrate", detector, one, "--false-alarm-rate", "0.1"),
            "cannot be promised by 1 held-out",
        ),
        (
            ("calibrate", detector, good, "--false-alarm-rate", "2"),
            "above 0 and at most 1; got 2.0",
        ),
        (("fit", "anomaly", one, *file), "at least 8 different normal images"),
        (("fit", "anomaly", good, *file, "--false-alarm-rate", "0.01"), "takes 99 normal images"),
        (("fit", "anomaly", good, *file, "--score-by", "plases"), "did you mean 'places'"),
        (("denoise", detector, good, *out), "this model was fitted to detect anomalies"),
    ]
    for arguments, words in cases:
        done = convae(*arguments)
        assert done.code == 2, arguments
        assert words in done.err
        assert done.err.rstrip().splitlines()[-1].startswith("convae: ")


def test_the_method_for_other_kinds_of_objects(
    convae: Command, good: Path, mixed: Path, tmp_path: Path
) -> None:
    out, size = tmp_path / "kind.convae", ["--epochs", "1", "--widths", "8", "--latent-dim", "8"]
    done = convae("fit", "anomaly", good, "--out", out, "--method", "attributes", *size)
    assert done.code == 0, done.err
    assert "restored+pose+code+near+alike" in done.out + done.err
    assert "not what this method is for" in done.out
    found = convae("detect", out, mixed, "--out", tmp_path / "found")
    assert found.code == 0, found.err
    assert len(rows_of(tmp_path / "found" / "scores.csv")) == 10
    refused = convae(
        "fit", "anomaly", good, "--out", out, "--method", "attributes", "--tune", "--overwrite"
    )
    assert refused.code == 2
    assert "tune goes with --method defects" in refused.err


def grainy(count: int, seed: int) -> np.ndarray:
    """(count, 20, 16, 1) grey images with a grain that a blur takes away."""
    grain = np.random.default_rng(seed).integers(0, 60, (count, 20, 16, 1))
    return (waves(count, (20, 16, 1), seed=seed) // 4 + 80 + grain).astype(np.uint8)


@pytest.fixture(scope="session")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 44 of them."""
    return fill(tmp_path_factory.mktemp("usual") / "good", grainy(44, 0))


@pytest.fixture(scope="session")
def watching(usual: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector that was fitted on them, for two epochs."""
    path = tmp_path_factory.mktemp("watching") / "ok.convae"
    short = ["--false-alarm-rate", "0.1", "--epochs", "2", *SMALL, "--quiet"]
    assert run(["fit", "anomaly", str(usual), "--out", str(path), *short]) == 0
    return path


@pytest.fixture(scope="session")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """30 more images each: as they were, darker, blurred, and of twice the size."""
    images = grainy(30, 9)
    apart = images.astype(float)
    for axis in (1, 2):
        apart = (np.roll(apart, 1, axis) + np.roll(apart, -1, axis) + apart) / 3
    kinds = {
        "same": images,
        "darker": images // 2,
        "blurred": apart.astype(np.uint8),
        "resized": images.repeat(2, axis=1).repeat(2, axis=2),
    }
    folder = tmp_path_factory.mktemp("changed")
    return {name: fill(folder / name, pixels) for name, pixels in kinds.items()}


@pytest.mark.parametrize(
    ("kind", "words"),
    [("darker", "brightness fell from 0."), ("blurred", "sharpness fell from "),
     ("resized", "height rose from 20 to 40 pixels")],
)  # fmt: skip
def test_images_unlike_the_calibration_images_are_reported(
    convae: Command, watching: Path, changed: dict[str, Path], tmp_path: Path, kind: str, words: str
) -> None:
    done = convae("detect", watching, changed[kind], "--out", tmp_path / "found", "--json")
    assert done.code == 0, done.err
    sentence = "recalibrate: these images are no longer like the calibration images: "
    assert done.err.count(sentence) == 1
    assert words in done.err
    assert done.json["drift"]["recalibrate"] is True
    assert done.json["drift"]["images"] == 30
    page = (tmp_path / "found" / "report.html").read_text()
    assert f'<p class="warning">{sentence}' in page
    assert words in page
    listed = json.loads((tmp_path / "found" / "regions.json").read_text())
    assert listed["drift"] == done.json["drift"]


def test_calibration_images_and_new_ones_like_them_are_not_reported(
    convae: Command, watching: Path, usual: Path, changed: dict[str, Path], tmp_path: Path
) -> None:
    """The folder of the fit as well: what it was trained on is left out, and the rest too little."""
    done = convae("detect", watching, changed["same"], "--out", tmp_path / "same", "--json")
    assert "recalibrate" not in done.err
    assert done.json["drift"]["recalibrate"] is False
    done = convae("detect", watching, usual, "--out", tmp_path / "good", "--json")
    assert "recalibrate" not in done.err
    assert done.json["drift"]["recalibrate"] is None
    assert done.json["drift"]["images"] == done.json["calibration_images"]
    model = tmp_path / "set.convae"
    assert convae("calibrate", watching, changed["darker"], "--out", model).code == 0
    done = convae("detect", model, changed["darker"], "--out", tmp_path / "darker", "--json")
    assert "recalibrate" not in done.err  # these are now the calibration images
    assert done.json["drift"]["recalibrate"] is False
    assert "yes, as far as" in (tmp_path / "darker" / "report.html").read_text()


def test_a_model_file_without_looks_gets_the_test_of_scores_alone(
    convae: Command, watching: Path, changed: dict[str, Path], tmp_path: Path
) -> None:
    stored = load_model(watching)
    extras = {name: one for name, one in stored.extras.items() if name != LOOKS}
    save_model(tmp_path / "older.convae", replace(stored, extras=extras))
    done = convae(
        "detect", tmp_path / "older.convae", changed["same"], "--out", tmp_path / "found", "--json"
    )
    assert done.code == 0, done.err
    assert {one["what"] for one in done.json["drift"]["tests"]} <= {SCORES}
    for rows in (torch.ones(5, 5), torch.zeros(2, 6)):
        save_model(tmp_path / "damaged.convae", replace(stored, extras={**extras, LOOKS: rows}))
        done = convae(
            "detect", tmp_path / "damaged.convae", changed["same"], "--out", tmp_path / "none"
        )
        assert done.code == 2
        assert "damaged: its facts are not complete" in done.err


def test_info_of_a_detector(convae: Command, detector: Path, good: Path, tmp_path: Path) -> None:
    def told(path: Path) -> dict[str, str]:
        lines = convae("info", path).out.splitlines()
        return dict(re.split("  +", line, maxsplit=1) for line in lines if "  " in line)

    rows = told(detector)
    assert rows["method"] == "defects"
    assert rows["folds"] == "none"
    assert rows["score of"] == "components, nearest, places, found"
    assert rows["false-alarm rate"] == "at most 0.1, by 9 images"
    threshold = convae("info", detector, "--json").json["facts"]["threshold"]
    assert rows["threshold"] == f"{threshold:.4g}"
    other = fill(tmp_path / "other", waves(20, (20, 16, 1), seed=3) // 2 + 100)
    groups = tmp_path / "groups.csv"
    groups.write_text("name,group\n" + "".join(f"{i}.png,{i // 2}\n" for i in range(20)))
    out = tmp_path / "new.convae"
    done = convae("calibrate", detector, other, "--groups", groups, "--out", out, "--json")
    again = told(out)
    assert again["threshold"] == f"{done.json['threshold']:.4g}" != rows["threshold"]
    assert again["false-alarm rate"] == "at most 0.1, by 20 images in 10 groups"
    assert "With 20 held-out normal images in 10 groups the lowest rate" in done.err + "".join(
        convae("calibrate", detector, other, "--groups", groups, "--out", out, "--overwrite").out
    )


def test_missed_defects_are_named(convae: Command, good: Path, tmp_path: Path) -> None:
    more = waves(4, (20, 16, 1), seed=9) // 2 + 100
    fill(tmp_path / "bad" / "clear", marked(more[:2]))
    fill(tmp_path / "bad" / "faint", more[2:])  # nothing to find
    out = tmp_path / "m.convae"
    given = ["fit", "anomaly", good, "--defects", tmp_path / "bad", "--out", out, *ANOMALY[:-1]]
    done = convae(*given)
    assert done.code == 0, done.err
    missed = re.search(r"Missed: (.*)\.", done.out)
    assert missed is not None
    names = missed[1].split(", ")
    assert {"faint/0.png", "faint/1.png"} <= set(names)
    real = convae("info", out, "--json").json["facts"]["detector"]["defects"]
    assert real["missed"] == names
    assert len(names) == real["images"] - real["found"]["count"]
    assert "faint/0.png" in (tmp_path / "m-report" / "report.html").read_text()


def test_what_an_interruption_between_trainings_says(
    convae: Command, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "m.convae"
    given = ["fit", "anomaly", good, "--out", out, "--folds", "2", "--checkpoint-every", "0"]
    given += [*SMALL, "--epochs", "1", "--no-report"]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(MendDefects, "fit_scorer", stop)  # after the training of the first fold
        done = convae(*given)
    assert done.code == 130
    assert "interrupted; the training so far is saved; go on with: convae" in done.err
    assert done.err.rstrip().endswith("--resume")
    assert Path(f"{out}.checkpoint").is_dir()
    assert not out.exists()
    assert convae(*given, "--resume").code == 0
    with monkeypatch.context() as patched:
        patched.setattr("convae.estimators.anomaly.detector.fit_detector", stop)
        done = convae(*given, "--overwrite")
    assert (done.code, "nothing half-written is left" in done.err) == (130, True)


def test_float_defects_are_refused_without_an_option_that_is_not_there(
    convae: Command, good: Path, detector: Path, tmp_path: Path
) -> None:
    unit = waves(2, (20, 16, 1), "float32", seed=9)
    bad = fill(tmp_path / "bad", unit, ".tif")
    out = tmp_path / "m.convae"
    done = convae("fit", "anomaly", good, "--defects", bad, "--out", out, *ANOMALY)
    assert done.code == 2
    assert done.err.rstrip().endswith("the model is for uint8 images: convert it to uint8")
    done = convae("calibrate", detector, bad, "--out", out)
    assert "--values 0..1 or --values 0..255" in done.err
    more = fill(tmp_path / "more", waves(20, (20, 16, 1), "float32", seed=3), ".tif")
    done = convae("calibrate", detector, more, "--values", "0..1", "--out", out)
    assert done.code == 0, done.err
