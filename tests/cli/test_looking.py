"""``convae evaluate``, ``info``, ``check`` and ``demo``."""

import os
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import FIT, Command, fill, waves


def test_evaluate_shows_pca_beside_the_model(convae: Command, model: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "new", waves(10, (12, 10, 1), seed=5))
    done = convae("evaluate", model, folder)
    assert done.code == 0
    assert "PCA with 3 components" in done.out
    assert "PSNR" in done.out
    assert any(
        words in done.out for words in ("is better than", "equally well", "cannot be told apart")
    )
    assert "95 % interval" in done.out
    assert convae("evaluate", model, folder, "--quiet").out == done.out


def test_evaluate_leaves_out_what_was_trained_on(
    convae: Command, model: Path, pictures: Path
) -> None:
    done = convae("evaluate", model, pictures)
    assert "images were left out because the model was trained on them" in done.out
    said = convae("evaluate", model, pictures, "--json").json
    assert said["images"] + said["left_out_because_trained_on"] == 24
    assert said["winner"] in ("model", "baseline", "neither")
    every = convae("evaluate", model, pictures, "--all", "--json").json
    assert (every["images"], every["left_out_because_trained_on"]) == (24, 0)
    assert every["measured_although_trained_on"] == said["left_out_because_trained_on"]


def test_evaluate_writes_a_report(convae: Command, model: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "new", waves(20, (12, 10, 1), seed=5))
    (folder / "bad.png").write_bytes(b"\x89PNG")
    out = tmp_path / "deep" / "report"
    done = convae("evaluate", model, folder, "--report", out, "--json")
    assert done.json["report"] == str(out / "report.html")
    assert {"report.html", "best.png", "worst.png", "skipped.csv"} <= {
        path.name for path in out.iterdir()
    }


def test_a_perfect_baseline_is_still_json(convae: Command, tmp_path: Path) -> None:
    folder = fill(tmp_path / "flat", np.full((8, 6, 6, 1), 7, np.uint8))
    model = tmp_path / "m.convae"
    assert convae("fit", "autoencoder", folder, "--out", model, *FIT).code == 0
    done = convae("evaluate", model, folder, "--json")
    assert done.code == 0
    assert done.json["model"]["mse"] is not None


@pytest.mark.parametrize("verb", ["evaluate", "info", "encode", "reconstruct", "decode"])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"\x80\x02", b"x" * 400])
def test_what_is_no_model_is_answered(
    convae: Command, tmp_path: Path, verb: str, content: bytes | None
) -> None:
    path = tmp_path / "m.convae"
    if content is not None:
        path.write_bytes(content)
    known: dict[str, list[object]] = {
        "evaluate": ["digits"],
        "info": [],
        "encode": ["digits", "--out", tmp_path / "c.npy"],
        "reconstruct": ["digits", "--out", tmp_path / "o"],
        "decode": [tmp_path / "c.npy", "--out", tmp_path / "o"],
    }
    done = convae(verb, path, *known[verb])
    assert done.code == 2
    assert done.err.startswith("convae: ")
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_a_damaged_model_is_answered(convae: Command, model: Path, tmp_path: Path) -> None:
    content = bytearray(model.read_bytes())
    content[-5] ^= 1
    (tmp_path / "m.convae").write_bytes(content)
    done = convae("evaluate", tmp_path / "m.convae", "digits")
    assert (done.code, "damaged" in done.err) == (2, True)


def test_images_of_another_kind_are_answered(convae: Command, model: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "other", waves(3, (9, 9, 3)))
    done = convae("evaluate", model, folder)
    assert done.code == 2
    assert "no image in it can be measured" in done.err


def test_info_for_people_and_programs(convae: Command, model: Path) -> None:
    done = convae("info", model)
    assert done.code == 0
    for words in ("12x10, 1 channel, uint8", "held out", "parameters", "1 of 1", "PCA", "torch"):
        assert words in done.out
    said = convae("info", model, "--json").json
    assert said["architecture"]["latent_dim"] == 3
    assert len(said["history"]) == 2
    assert said["network"]["parameters"] > 0


def test_info_reads_the_description_only(convae: Command, model: Path, tmp_path: Path) -> None:
    content = model.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    (tmp_path / "m.convae").write_bytes(content[:length] + b"\0" * (len(content) - length))
    done = convae("info", tmp_path / "m.convae", "--json")
    assert done.code == 0


def test_check_finds_what_is_wrong(convae: Command, tmp_path: Path) -> None:
    images = waves(6, (8, 8, 1))
    folder = fill(tmp_path / "in", images)
    fill(folder / "again", images[:1])
    (folder / "bad.png").write_bytes(b"\x89PNG")
    done = convae("check", folder)
    assert done.code == 0
    for words in ("7 readable of 8", "8x8", "uint8", "bad.png", "duplicates", "0.png"):
        assert words in done.out
    said = convae("check", folder, "--json").json
    assert (said["readable"], len(said["unreadable"])) == (7, 1)
    done = convae("check", folder, "--strict")
    assert (done.code, "which --strict forbids" in done.err) == (2, True)
    assert convae("check", folder, "--max-images", 3).code == 0


def test_check_has_nothing_to_say(convae: Command, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", waves(30, (16, 16, 1), seed=8))
    assert convae("check", folder, "--strict").code == 0


def test_demo_shows_everything_once(convae: Command, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = convae("demo", "--out", out, "--epochs", 1)
    assert done.code == 0
    assert "convae fit autoencoder my_images --out my.convae" in done.out
    assert "PCA with 16 components" in done.out
    names = {path.name for path in out.iterdir()}
    assert {"digits.convae", "digits.history.csv", "report.html", "best.png", "worst.png"} <= names
    said = convae("demo", "--out", out, "--epochs", 1, "--json", "--overwrite")
    assert said.json["evaluation"]["images"] == 360


def test_check_of_what_cannot_be_read_is_an_error(convae: Command, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"no image")
    done = convae("check", tmp_path)
    assert done.code == 2
    assert "2 cannot be read" in done.out
    assert "none of 2 images can be read" in done.err
    assert convae("check", tmp_path, "--json").json["unreadable"]


def test_colour_images_for_a_grey_model(
    convae: Command, model: Path, pictures: Path, tmp_path: Path
) -> None:
    grey = waves(3, (12, 10, 1))
    folder = fill(tmp_path / "rgb", np.repeat(grey, 3, axis=3))
    plain = fill(tmp_path / "grey", grey)
    assert convae("encode", model, folder, "--out", tmp_path / "no.csv").code == 2
    for data, name, more in ((folder, "rgb", ("--channels", 1)), (plain, "plain", ())):
        done = convae("encode", model, data, "--out", tmp_path / f"{name}.npy", "--quiet", *more)
        assert done.code == 0, done.err
    np.testing.assert_array_equal(np.load(tmp_path / "rgb.npy"), np.load(tmp_path / "plain.npy"))
    done = convae("encode", model, folder, "--out", tmp_path / "no.npy", "--channels", 3)
    assert (done.code, "--channels 3: this model takes 1" in done.err) == (2, True)
    done = convae("evaluate", model, folder, "--channels", 1)
    assert (done.code, "MSE" in done.out) == (0, True)


def test_the_largest_image_can_be_set(convae: Command, pictures: Path, tmp_path: Path) -> None:
    done = convae("check", pictures, "--max-pixels", 119)  # they are 12x10
    assert done.code == 2
    assert "12 x 10 pixels, more than the limit of 119; raise it with" in done.out
    assert "--max-pixels" in done.out
    assert convae("check", pictures, "--max-pixels", 120).code == 0
    out = tmp_path / "m.convae"
    done = convae("fit", "autoencoder", pictures, "--out", out, "--max-pixels", 119, *FIT)
    assert (done.code, "none of 24 images can be used" in done.err) == (2, True)


@pytest.mark.parametrize("kind", ["pipe", "/dev/zero"])
def test_groups_that_may_never_end_are_refused(
    convae: Command, pictures: Path, tmp_path: Path, kind: str
) -> None:
    path = Path(kind) if kind[0] == "/" else tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    words = ["fit", "autoencoder", pictures, "--out", tmp_path / "m.convae", *FIT]
    done = convae(*words, "--groups", path)
    assert (done.code, "is not a file" in done.err) == (2, True)
