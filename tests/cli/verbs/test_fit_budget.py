"""``convae fit --budget`` and ``--augment``: what is said, written and refused."""

import csv
from pathlib import Path

from tests.cli.conftest import FIT, Command

import convae as package

SMALL = FIT[2:-1]  # without epochs, and not quiet


def test_a_budget_is_kept_in_the_model_and_its_history(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.convae"
    done = convae(
        "fit", "autoencoder", pictures, "--out", out, "--no-report", *SMALL, "--budget", "0.1s"
    )
    assert done.code == 0
    assert "budget of 0.1 s" in done.err  # kept, or over before training began
    model = package.load(out)
    assert (model.settings_.steps or 0) >= 1
    assert model.to_options()["budget"] == "0.1s"
    with out.with_name("m.history.csv").open(newline="", encoding="utf-8") as file:
        assert all(int(row["planned_steps"]) >= 1 for row in csv.DictReader(file))


def test_a_wrong_budget_is_refused_before_an_image_is_read(
    convae: Command, tmp_path: Path, pictures: Path
) -> None:
    command = ("fit", "autoencoder", pictures, "--out", tmp_path / "m.convae")
    done = convae(*command, "--budget", "soon")
    assert (done.code, "budget must be a time above 0, such as 90s" in done.err) == (2, True)
    done = convae(*command, "--budget", "10min", "--epochs", "3")
    assert (done.code, "both decide how long to train" in done.err) == (2, True)
    done = convae("fit", "anomaly", pictures, "--out", tmp_path / "m.convae", "--budget", "10min")
    assert (done.code, "no such option" in done.err.lower()) == (2, True)


def test_augmentation_by_a_flag_and_a_note_where_it_may_help(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.convae"
    command = ("fit", "autoencoder", pictures, "--out", out, "--no-report", *FIT[:-1])
    plain = convae(*command)
    assert "only 21 images are trained on: augmentation may help" in plain.err
    assert "flips, vertical-flips, rotations, shifts, brightness" in plain.err  # 12x10: no turns
    done = convae(*command, "--overwrite", "--augment", "shifts+flips")
    assert done.code == 0
    assert "augmentation may help" not in done.err
    assert package.load(out).settings_.augment == "shifts+flips"
    done = convae(*command, "--overwrite", "--augment", "quarter-turns")
    assert (done.code, "is for square images, and these are 12x10" in done.err) == (2, True)
    done = convae("fit", "anomaly", pictures, "--out", out, "--augment", "flips")
    assert (done.code, "--augment" in done.err) == (2, True)
