"""``convae experiment convolution`` and ``code-size``: table, sentences, files; what is refused."""

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cli.conftest import Command

FEW = ("--steps", 4, "--widths", 4, "--blocks", 1, "--hidden", 8, "--seeds", 2)


def test_convolution_writes_its_answer_and_its_files(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures" / "conv"
    few = ("--latent-dim", 2, "--dense-widths", 8, "--counts", "10,15")
    done = convae("experiment", "convolution", pictures, *FEW, *few, "--out", out)
    assert done.code == 0, done.err
    for words in ("convolutional MSE", "dense MSE", "against dense", "With 10 images the", "CPU s"):
        assert words in done.out
    values = json.loads(out.with_suffix(".json").read_text())
    assert values["training_images"] == [10, 15]
    assert values["verdict"].split(". ")[0] in done.out
    assert set(values["differences"]) == {"dense", "PCA"}
    rows = list(csv.DictReader(out.with_suffix(".csv").read_text().splitlines()))
    assert len(rows) == 2 * 3 * 2
    ElementTree.parse(out.with_suffix(".svg"))
    page = out.with_suffix(".html").read_text()
    ElementTree.fromstring(page.replace("<!DOCTYPE html>", ""))
    for words in ("Do convolutions help?", "<svg", "With 15 images", "<code>convae"):
        assert words in page
    again = convae("experiment", "convolution", pictures, *FEW, *few, "--out", out)
    assert (again.code, "is there already" in again.err) == (2, True)


def test_code_size_answers_in_a_sentence(convae: Command, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "sizes.json"
    few = ("--sizes", "1,2,4", "--json", "--quiet")
    done = convae("experiment", "code-size", pictures, *FEW, *few, "--out", out)
    assert (done.code, done.err) == (0, "")
    assert done.json["sizes"] == [1, 2, 4]
    assert done.json["verdict"].startswith("These images need ")
    assert len(done.json["errors"]["PCA"]) == 3
    assert out.with_suffix(".html").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("convolution", "--counts", "10,500"), "--counts must be whole numbers from 10 to 19"),
        (("convolution", "--preset", "dense"), "unknown --preset 'dense'"),
        (("convolution", "--latent-dim", "auto"), "--latent-dim takes a whole number"),
        (("convolution", "--steps", "0"), "--steps must be a whole number of at least 1"),
        (("code-size", "--sizes", "0,4"), "--sizes must be whole numbers from 1 to 120"),
        (("code-size", "--latent-dim", "4"), "--latent-dim"),
        (("code-size", "--seeds", "0"), "'--seeds'"),
    ],
)
def test_wrong_input(
    convae: Command, pictures: Path, words: tuple[str, ...], sentence: str
) -> None:
    name, *others = words
    done = convae("experiment", name, pictures, *FEW, *others)
    assert done.code == 2
    assert sentence in done.err


def test_a_fit_with_an_automatic_latent_dimension_says_why(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.convae"
    few = (
        "--widths",
        4,
        "--blocks",
        1,
        "--epochs",
        1,
        "--stride",
        3,
        "--kernel-size",
        "5",
        "--no-report",
    )
    done = convae("fit", "autoencoder", pictures, "--out", out, "--latent-dim", "auto", *few)
    assert done.code == 0, done.err
    assert "latent_dim auto takes " in done.err
    info = convae("info", out, "--json").json
    assert info["parameters"]["latent_dim"] == info["architecture"]["latent_dim"]
    assert (info["architecture"]["stride"], info["architecture"]["kernel_size"]) == (3, 5)
    assert info["facts"]["latent_dim"].startswith("latent_dim auto takes ")
