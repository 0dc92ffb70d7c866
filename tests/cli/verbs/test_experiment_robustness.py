"""``convae experiment robustness``: its tables, its file; labels and corruptions that do not match."""

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Command, fill, waves

FEW = (
    "--epochs", 1, "--widths", 4, "--blocks", 1, "--latent-dim", 3, "--sparse-dim", 12, "--hidden", 8,
)  # fmt: skip
CODES = ["plain", "denoising", "sparse", "variational"]
ONE = ("--corruption", "gaussian:0.5")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 bright, 20 dark and 20 middle images, a folder each."""
    folder = tmp_path_factory.mktemp("labelled")
    fill(folder / "bright", waves(20, (12, 10, 1), seed=5) // 2 + 120)
    fill(folder / "dark", waves(20, (12, 10, 1), seed=6) // 2)
    fill(folder / "middle", waves(20, (12, 10, 1), seed=7) // 4 + 90)
    return folder


def test_the_tables_the_sentences_and_the_file(
    convae: Command, labelled: Path, tmp_path: Path
) -> None:
    out = tmp_path / "robustness"
    done = convae("experiment", "robustness", labelled, *FEW, "--out", out)
    assert done.code == 0
    for words in ("linear classifier, accuracy", "5 nearest neighbours, accuracy", *CODES):
        assert words in done.out
    for words in ("clean", "gaussian:0.3", "salt-and-pepper:0.2", "blur:1", "PCA", "raw pixels"):
        assert words in done.out
    assert "denoising: 3 numbers, learnt with gaussian:0..0.5" in done.out
    assert "sparse: 12 numbers, bottleneck top-k:0.1" in done.out
    assert "Fitted on 48 clean images, measured on 12 others." in done.out
    assert "ore robust than plain" in done.out
    assert "training for sparse codes, 1 epochs" in done.err
    figures = json.loads(out.with_suffix(".json").read_text())
    measured = figures["measures"]["linear classifier, accuracy"]
    assert list(measured) == ["clean", "gaussian:0.3", "salt-and-pepper:0.2", "blur:1"]
    assert list(measured["clean"]) == [*CODES, "PCA", "raw pixels"]
    low, high = measured["blur:1"]["sparse"]["interval"]
    assert 0 <= low <= measured["blur:1"]["sparse"]["value"] <= high <= 1
    assert figures["verdict"].startswith(("More robust than plain", "No codes are more robust"))


def test_a_set_by_name_and_its_test_part(convae: Command) -> None:
    done = convae("experiment", "robustness", "digits", *FEW, *ONE, "--max-images", 60, "--json")
    assert (done.code, done.json["fitted_on"], done.json["tested_on"]) == (0, 60, 60)
    assert "measured on digits (test)" in done.err


def test_others_to_measure_on_have_classes_by_name(
    convae: Command, labelled: Path, tmp_path: Path
) -> None:
    others = tmp_path / "others"
    fill(
        others / "dark", waves(6, (12, 10, 1), seed=8) // 2
    )  # the first class here, the second there
    fill(others / "middle", waves(3, (12, 10, 1), seed=9) // 4 + 90)
    done = convae(
        "experiment", "robustness", labelled, *FEW, *ONE, "--test", others, "--json", "--quiet"
    )
    assert (done.code, done.err, done.json["tested_on"]) == (0, "", 9)
    pixels = done.json["measures"]["5 nearest neighbours, accuracy"]["clean"]["raw pixels"]
    assert pixels["value"] > 0.8
    fill(others / "grey", waves(9, (12, 10, 1), seed=10))
    done = convae("experiment", "robustness", labelled, *FEW, *ONE, "--test", others, "--quiet")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "classes that the training images lack: grey" in done.err


def test_numbers_from_a_file(convae: Command, labelled: Path, tmp_path: Path) -> None:
    targets = tmp_path / "targets.csv"
    names = [f"{kind}/{i}.png" for kind in ("bright", "dark") for i in range(15)]
    rows = [f"{name},{i % 7}.5" for i, name in enumerate(names)]
    targets.write_text("name,target\n" + "\n".join(rows) + "\n")
    done = convae("experiment", "robustness", labelled, *FEW, *ONE, "--labels", targets)
    assert done.code == 0
    assert "ridge regression, R2" in done.out
    assert "plain codes reach an R2 of" in done.out
    assert "30 of 60 images have no label" in done.err


def test_wrong_input(convae: Command, labelled: Path, pictures: Path, tmp_path: Path) -> None:
    one = tmp_path / "one.csv"
    one.write_text("name,label\n" + "".join(f"{i}.png,a\n" for i in range(24)))
    for arguments, sentence in (
        ([pictures], "its images have no labels"),
        ([labelled, "--test", pictures], "its images have no labels"),
        ([pictures, "--labels", one], "the images to learn from are all of one class"),
        ([labelled, "--corruption", "gausian:0.3"], "unknown noise 'gausian': did you mean 'gaussian'?"),
        ([labelled, "--corruption", "gaussian:30"], "for 8-bit images write 30/255"),
        ([labelled, *ONE, *ONE], "corruptions must be one at least, each another"),
        ([labelled, "--noise", "snow"], "unknown noise 'snow'"),
        ([labelled, "--sparse", "gaussian"], "a sparse autoencoder has a bottleneck of"),
        ([labelled, "--variational", "plain"], "variational"),
        ([labelled, "--set", "bypass=pca"], "unknown setting 'bypass'"),
        ([labelled, "--out", tmp_path / "r.csv"], "--out must end in .json"),
        ([labelled, "--labels", tmp_path / "none.csv"], "cannot be read"),
    ):  # fmt: skip
        done = convae("experiment", "robustness", *FEW, *arguments, "--quiet")
        assert (done.code, done.out) == (2, "")
        assert sentence in done.err
        assert done.err.count("\n") == 1
