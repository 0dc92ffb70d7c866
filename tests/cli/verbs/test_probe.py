"""``convae probe``: its table, its sentence and its files; labels that do not match."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command, fill, waves

REPRESENTATIONS = {"model", "PCA", "random encoder", "raw pixels"}


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 bright and 30 dark images, a folder each."""
    folder = tmp_path_factory.mktemp("labelled")
    fill(folder / "bright", waves(30, (12, 10, 1), seed=5) // 2 + 120)
    fill(folder / "dark", waves(30, (12, 10, 1), seed=6) // 2)
    return folder


def listed(path: Path, column: str, rows: Mapping[str, object]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("name", column), *rows.items()])
    return path


def test_classes_by_folder(convae: Command, model: Path, labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "probe"
    done = convae("probe", model, labelled, "--out", out)
    assert done.code == 0
    for words in ("5 nearest neighbours, accuracy", "linear classifier", "adjusted Rand"):
        assert words in done.out
    for words in ("V-measure", "trustworthiness", "continuity", "PCA, 3 components", "held-out"):
        assert words in done.out
    assert ("worth it here" in done.out) or ("no clear gain" in done.out)
    with (out / "probe.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["representation"] for row in rows} == REPRESENTATIONS
    assert all(float(r["low"]) <= float(r["value"]) <= float(r["high"]) for r in rows[:8])
    page = (out / "report.html").read_text()
    assert "random encoder" in page
    assert "bright" in page


def test_the_same_for_programs(convae: Command, model: Path, labelled: Path) -> None:
    said = convae("probe", model, labelled, "--json").json
    assert set(said["representations"]) == REPRESENTATIONS
    assert said["fitted_on"] + said["tested_on"] == 60
    assert said["differences"]["linear classifier, accuracy"]["against"] in REPRESENTATIONS
    assert said["verdict"].endswith(".")
    assert said["report"] is None
    fewer = convae("probe", model, labelled, "--json", "--max-images", 40).json
    assert fewer["fitted_on"] + fewer["tested_on"] == 40


def test_labels_from_a_file(convae: Command, model: Path, labelled: Path, tmp_path: Path) -> None:
    labels = {f"{kind}/{i}.png": kind for kind in ("bright", "dark") for i in range(25)}
    path = listed(tmp_path / "labels.csv", "label", {**labels, "gone.png": "dark"})
    done = convae("probe", model, labelled, "--labels", path, "--json")
    assert "10 of 60 images have no label in" in done.err
    assert done.json["fitted_on"] + done.json["tested_on"] == 50
    by_folder = convae("probe", model, labelled, "--json").json
    assert done.json["measures"].keys() == by_folder["measures"].keys()


def test_a_number_from_a_file(convae: Command, model: Path, labelled: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    targets = {f"{k}/{i}.png": rng.normal() for k in ("bright", "dark") for i in range(30)}
    path = listed(tmp_path / "targets.csv", "target", targets)
    done = convae("probe", model, labelled, "--labels", path, "--out", tmp_path / "out")
    assert done.code == 0
    assert "ridge regression, R2" in done.out
    assert "k-means" not in done.out
    assert (tmp_path / "out" / "report.html").is_file()


def test_groups_are_on_one_side(
    convae: Command, model: Path, labelled: Path, tmp_path: Path
) -> None:
    groups = {f"{k}/{i}.png": f"{k}{i // 10}" for k in ("bright", "dark") for i in range(30)}
    path = listed(tmp_path / "groups.csv", "group", groups)
    done = convae("probe", model, labelled, "--groups", path, "--json")
    assert done.json["tested_on"] % 10 == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,label\nother.png,1\n", "none of 60 images has a label in it, such as bright/0.png"),
        ("name,label\n", "none of 60 images has a label in it"),
        ("name,class\nbright/0.png,1\n", "must have the columns name and label (classes), or"),
        ("name,label,target\nbright/0.png,1,2\n", "must have the columns name and label"),
        ("name,target\nbright/0.png,red\n", "the column target must hold numbers"),
        ("name,target\nbright/0.png,nan\n", "holds NaN or infinite numbers"),
        ("name,label\nbright/0.png,a\nbright/1.png,b\n", "has 2 images to probe with"),
        ("", "it has none"),
    ],
)
def test_labels_that_do_not_match(
    convae: Command, model: Path, labelled: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "labels.csv").write_text(text)
    done = convae("probe", model, labelled, "--labels", tmp_path / "labels.csv", "--quiet")
    assert (done.code, done.err.count("\n"), done.out) == (2, 1, "")
    assert sentence in done.err


def test_wrong_data(convae: Command, model: Path, pictures: Path, tmp_path: Path) -> None:
    done = convae("probe", model, pictures)
    assert (done.code, "its images have no labels" in done.err) == (2, True)
    done = convae("probe", model, pictures, "--labels", tmp_path / "none.csv")
    assert (done.code, "none.csv: cannot be read: No such file" in done.err) == (2, True)
    (tmp_path / "empty").mkdir()
    done = convae("probe", model, tmp_path / "empty")
    assert (done.code, "no image found" in done.err) == (2, True)
    one = fill(tmp_path / "one", waves(1, (12, 10, 1)))
    path = listed(tmp_path / "one.csv", "label", {"0.png": "a"})
    done = convae("probe", model, one, "--labels", path)
    assert (done.code, "has 1 image to probe with" in done.err) == (2, True)
