"""``convae experiment stacking``: its table, its sentence, its file; what cannot be compared."""

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Command, fill, waves

FEW = ("--epochs", 2, "--widths", 4, "--blocks", 1, "--latent-dim", 3, "--hidden", 8, "--seeds", 2)
WAYS = ["levels alone", "levels, then together", "together from scratch"]


def test_the_table_the_sentence_and_the_file(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures" / "ablation"
    done = convae("experiment", "stacking", pictures, *FEW, "--out", out)
    assert done.code == 0
    for words in ("test error (MSE)", "each seed", "cost", "CPU s", "PCA, 3 components", *WAYS):
        assert words in done.out
    assert "Trained on 19 images, measured on 5 others" in done.out
    assert "PCA included" in done.out
    assert "2 x 3 fits, in epochs: levels alone: " in done.err
    assert "seed 1, together from scratch (2 together): test error" in done.err
    figures = json.loads(out.with_suffix(".json").read_text())
    assert list(figures["ways"]) == WAYS
    for way in figures["ways"].values():
        assert way["mean"] == pytest.approx(sum(way["each_seed"]) / 2)
    assert figures["verdict"] in done.out
    assert figures["differences"]["levels alone"]["against"] == WAYS[-1]


def test_the_same_for_programs_and_images_to_measure_on(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    others = fill(tmp_path / "others", waves(6, (12, 10, 1), seed=9))
    done = convae(
        "experiment",
        "stacking",
        pictures,
        *FEW,
        "--test",
        others,
        "--seeds",
        1,
        "--json",
        "--quiet",
    )
    assert (done.code, done.err) == (0, "")
    said = done.json
    assert (said["trained_on"], said["tested_on"], said["out"]) == (24, 6, None)
    assert said["differences"]["levels alone"]["low"] is None
    assert "whether stacking helps here" in said["verdict"]


def test_a_set_by_name_is_measured_on_its_test_part(convae: Command) -> None:
    few = ("--max-images", 40, "--json", "--set", "level_epochs=2,1", *FEW, "--epochs", 4)
    done = convae("experiment", "stacking", "digits", *few)
    assert done.code == 0
    assert "training on digits (train) (1437, 8, 8), measured on digits (test)" in done.err
    assert (done.json["trained_on"], done.json["tested_on"]) == (40, 40)
    assert done.json["ways"]["levels, then together"]["level_epochs"] == [2, 1]


def test_groups_are_on_one_side(convae: Command, pictures: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("name,group\n" + "".join(f"{i}.png,{i // 6}\n" for i in range(24)))
    done = convae("experiment", "stacking", pictures, *FEW, "--groups", groups, "--json")
    assert (done.json["trained_on"], done.json["tested_on"]) == (18, 6)


def test_wrong_input(convae: Command, pictures: Path, tmp_path: Path) -> None:
    few = fill(tmp_path / "few", waves(8, (12, 10, 1)))
    small = fill(tmp_path / "small", waves(24, (6, 6, 1)))
    for arguments, sentence in (
        ([tmp_path / "none"], "no such file or folder"),
        ([few], "are too few: 20 are the least in all"),
        ([pictures, "--test", pictures], "24 test images are training images as well"),
        ([pictures, "--test", small], "its images are 6x6 and those to train on 12x10"),
        ([pictures, "--out", tmp_path / "a.csv"], "--out must end in .json"),
        ([pictures, "--seeds", 0], "'--seeds'"),
        ([pictures, "--preset", "tutorial"], "each stage of the decoder has to undo one"),
        ([pictures, "--level-epochs", "4"], "leave none to train together"),
        ([pictures, "--level-epochs", "1,1,1"], "one for each of the 2 levels"),
        ([pictures, "--set", "neighbourhood=1"], "unknown setting 'neighbourhood'"),
        ([pictures, "--groups", tmp_path / "none.csv"], "cannot be read"),
    ):
        chosen = [] if "--preset" in arguments else FEW
        done = convae("experiment", "stacking", *chosen, *arguments, "--quiet")
        assert (done.code, done.out) == (2, "")
        assert sentence in done.err
        assert done.err.count("\n") == 1
