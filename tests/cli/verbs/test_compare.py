"""``convae compare``: files and folders, with and without images, its page and table, what is refused."""

import csv
from pathlib import Path

import pytest
from tests.cli.conftest import FIT, Command, fill, waves


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 images that no model was trained on."""
    return fill(tmp_path_factory.mktemp("others") / "new", waves(12, (12, 10, 1), seed=9))


@pytest.fixture(scope="module")
def runs(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two models, with their histories and a report."""
    from convae.cli import run

    folder = tmp_path_factory.mktemp("runs")
    for name, size in (("small", 1), ("large", 8)):
        words = ["fit", "autoencoder", str(pictures), "--out", str(folder / f"{name}.convae"), *FIT]
        assert run([*words, "--latent-dim", str(size), "--no-report"]) == 0
    return folder


def test_models_of_a_folder_on_other_images(
    convae: Command, runs: Path, others: Path, tmp_path: Path
) -> None:
    page, table = tmp_path / "page.html", tmp_path / "table.csv"
    done = convae("compare", runs, "--data", others, "--out", page, "--csv", table)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "Models"
    assert lines[1].split()[:4] == ["model", "squared", "error", "on"]
    assert [line.split()[0] for line in lines[2:4]] == ["large", "small"]
    assert "latent_dim      8      1" in done.out
    assert "The squared error of large is" in done.out
    assert "12 images" in done.out
    assert "Settings that differ" in page.read_text()
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == ["large", "small"]
    assert [row["latent_dim"] for row in rows] == ["8", "1"]
    # of MODEL.history.csv, because a model file does not hold times
    assert all(float(row["seconds"]) > 0 for row in rows)
    again = convae("compare", runs, "--data", others, "--csv", table)
    assert again.code == 2
    assert "--csv" in again.err


def test_results_for_programs(convae: Command, runs: Path, others: Path) -> None:
    done = convae(
        "compare", runs / "small.convae", runs / "large.convae", "--data", others, "--json"
    )
    found = done.json
    assert (done.code, found["images"], found["measured"]) == (0, 12, True)
    (pair,) = found["pairs"]
    assert (pair["better"], pair["worse"]) == ("large", "small")
    low, high = pair["difference"]["interval"]
    assert low <= pair["difference"]["value"] <= high
    assert pair["real"] == (low > 0 or high < 0)
    assert found["settings_that_differ"] == {"latent_dim": [8, 1]}


def test_training_images_are_left_out(convae: Command, runs: Path, pictures: Path) -> None:
    found = convae("compare", runs, "--data", pictures, "--json").json
    # 24 images, a tenth (rounded up) held out by both models
    assert (found["images"], found["left_out_because_trained_on"]) == (3, 21)
    every = convae("compare", runs, "--data", pictures, "--all", "--json").json
    assert (every["images"], every["measured_although_trained_on"]) == (24, 21)


def test_stored_figures_without_images(convae: Command, runs: Path) -> None:
    done = convae("compare", runs)
    assert done.code == 0
    assert "validation error" in done.out
    assert "stored figures have no interval" in done.out


def test_what_is_refused(
    convae: Command, runs: Path, model: Path, pictures: Path, tmp_path: Path
) -> None:
    small = runs / "small.convae"
    (tmp_path / "empty").mkdir()
    inpainter = tmp_path / "i.convae"
    words = ("--epochs", 0, "--widths", "4,8", "--blocks", 1, "--no-report", "-q")
    assert convae("fit", "inpainter", pictures, "--out", inpainter, *words).code == 0
    for arguments, text in (
        ((small,), "a comparison needs two models at least"),
        ((small, small), "a comparison needs two models at least"),
        ((tmp_path / "empty", small), "no model (*.convae) is in this folder"),
        ((small, tmp_path / "gone.convae"), "gone.convae"),
        ((small, inpainter), "models of different jobs cannot be compared"),
        ((runs, "--noise", "gaussian"), "are for images to measure on"),
        ((runs, "--data", pictures, "--holes", "boxes"), "is for models that fill holes"),
    ):
        done = convae("compare", *arguments)
        assert (done.code, done.err.count("\n")) == (2, 1), arguments
        assert text in done.err


def test_models_of_one_name_keep_their_folders(
    convae: Command, runs: Path, others: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        source = runs / ("small.convae" if name == "a" else "large.convae")
        (tmp_path / name / "model.convae").write_bytes(source.read_bytes())
    found = convae("compare", tmp_path, "--data", others, "--json").json
    assert [one["name"] for one in found["models"]] == ["b/model", "a/model"]
