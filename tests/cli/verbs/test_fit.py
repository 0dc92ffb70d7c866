"""``convae fit autoencoder``: what it writes, says and refuses."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import FIT, Command, fill, waves

import convae as package
from convae.filesystem.result_folders import MARKER


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_writes_the_model_its_history_and_its_report(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "waves.convae"
    done = convae("fit", "autoencoder", pictures, "--out", out, *FIT[:-1], "--epochs", 2)
    assert done.code == 0
    assert [row["epoch"] for row in lines(out.with_name("waves.history.csv"))] == ["0", "1", "2"]
    assert not out.with_name("waves.skipped.csv").exists()
    assert not Path(f"{out}.checkpoint").exists()
    folder = out.with_name("waves-report")
    assert {path.name for path in folder.iterdir()} == {
        MARKER, "report.html", "reconstructions.png", "loss.svg", "codes.svg", "codes-pictures.svg",
        "spectrum.svg", "errors.svg", "architecture.svg",
    }  # fmt: skip
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "held out from training" in page
    assert "PCA" in page
    assert "epoch 2/2  loss " in done.err
    assert "on images held out" in done.out
    assert "PCA with 3 components" in done.out
    assert str(folder / "report.html") in done.out
    assert package.load(out).n_iter_ == 2


def test_json_is_one_object_and_nothing_else(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "waves"
    done = convae("fit", "autoencoder", pictures, "--out", out, "--json", *FIT)
    assert done.err == ""
    assert done.json["model"] == f"{out}.convae"
    assert done.json["evaluation"]["images"] == done.json["validation_images"]
    assert done.json["measured_on_training_images"] is False
    assert done.out.count("\n") == 1


def test_settings_come_from_file_pairs_and_flags(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    file = tmp_path / "my.toml"
    file.write_text("latent_dim = 5\nbatch_size = 6\nloss = 'l1'\n")
    out = tmp_path / "waves.convae"
    more = ["--config", file, "--set", "batch_size=7", "--set", "optimizer=adam", "--no-report"]
    done = convae("fit", "autoencoder", pictures, "--out", out, *FIT, *more, "--seed", 4)
    assert done.code == 0
    model = package.load(out)
    assert model.settings_.batch_size == 7
    assert (str(model.settings_.loss), model.settings_.optimizer) == ("l1", "adam")
    assert (model.architecture_.latent_dim, model.settings_.seed) == (3, 4)
    assert not out.with_name("waves-report").exists()


def test_lists_what_it_skips_and_strict_refuses(convae: Command, tmp_path: Path) -> None:
    folder = fill(tmp_path / "mixed", waves(12, (8, 8, 1)))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    (folder / "empty.png").touch()
    out = tmp_path / "m.convae"
    done = convae("fit", "autoencoder", folder, "--out", out, *FIT[:-1], "--no-report")
    assert done.code == 0
    skipped = lines(tmp_path / "m.skipped.csv")
    assert {row["name"] for row in skipped} == {"broken.png", "empty.png"}
    assert all(row["reason"] for row in skipped)
    assert "2 skipped" in done.out
    before = out.read_bytes()
    done = convae("fit", "autoencoder", folder, "--out", out, *FIT, "--strict", "--overwrite")
    assert done.code == 2
    assert "2 of 14 images cannot be used, which --strict forbids" in done.err
    assert out.read_bytes() == before


def test_what_lies_beside_a_model_carries_its_name(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    """Two models in one folder had one history.csv and one skipped.csv: the second fit's."""
    folder = tmp_path / "in"
    shutil.copytree(pictures, folder)
    (folder / "bad.png").write_bytes(b"\x89PNG")
    for name, epochs in (("a.v1.convae", 1), ("b.convae", 2)):
        more = ("--no-report", *FIT[:-1], "--epochs", epochs)
        done = convae("fit", "autoencoder", folder, "--out", tmp_path / "models" / name, *more)
        assert done.code == 0
    made = {path.name for path in (tmp_path / "models").iterdir()}
    assert made == {
        f"{stem}.{what}"
        for stem in ("a.v1", "b")
        for what in ("convae", "history.csv", "skipped.csv")
    }
    counts = [len(lines(tmp_path / "models" / f"{stem}.history.csv")) for stem in ("a.v1", "b")]
    assert counts == [2, 3]  # epoch 0 and those trained


def test_an_older_list_of_skipped_images_is_removed(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    for name in ("m.skipped.csv", "other.skipped.csv", "skipped.csv"):
        (tmp_path / name).write_text("name,reason\nold.png,old\n")
    command = ("fit", "autoencoder", pictures, "--out", tmp_path / "m.convae", "--no-report", *FIT)
    done = convae(*command)
    assert (done.code, "m.skipped.csv: is there already" in done.err) == (2, True)
    assert (tmp_path / "m.skipped.csv").exists()
    assert convae(*command, "--overwrite").code == 0
    assert not (tmp_path / "m.skipped.csv").exists()
    assert (tmp_path / "other.skipped.csv").exists()
    assert (tmp_path / "skipped.csv").exists()


def test_one_image_is_enough_and_said_to_be_no_measure(convae: Command, tmp_path: Path) -> None:
    folder = fill(tmp_path / "one", waves(1, (9, 7, 3)))
    done = convae("fit", "autoencoder", folder, "--out", tmp_path / "m.convae", *FIT[:-1])
    assert done.code == 0
    assert "all of the 1 images measured were trained on" in done.out
    assert "no images are held out" in done.err


def test_groups_stay_together(convae: Command, pictures: Path, tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    rows = [f"{i}.png,{'a' if i < 12 else 'b'}" for i in range(24)]
    table.write_text("\n".join(["name,group", *rows]))
    out = tmp_path / "m.convae"
    more = ["--groups", table, "--json", "--no-report", "--overwrite"]
    done = convae("fit", "autoencoder", pictures, "--out", out, *FIT, *more)
    assert done.json["validation_images"] == 12
    table.write_text("\n".join(["name,group", *rows[:20]]))
    done = convae("fit", "autoencoder", pictures, "--out", out, *FIT, *more)
    assert done.code == 2
    assert "4 of 24 images have no group, such as 20.png" in done.err
    table.write_text("file,group\n")
    done = convae("fit", "autoencoder", pictures, "--out", out, *FIT, *more)
    assert "must have the columns name and group; it has file, group" in done.err


def test_rows_of_pixels_in_a_file(convae: Command, tmp_path: Path) -> None:
    rows = waves(20, (6, 5, 1)).reshape(20, 30)
    np.save(tmp_path / "rows.npy", rows)
    out = tmp_path / "m.convae"
    done = convae(
        "fit", "autoencoder", tmp_path / "rows.npy", "--image-shape", "6,5", "--out", out,
        "--no-report", *FIT,
    )  # fmt: skip
    assert done.code == 0
    assert package.load(out).image_shape_ == (1, 6, 5)
    done = convae("evaluate", out, tmp_path / "rows.npy", "--json")
    assert done.json["images"] == 2
    done = convae(
        "fit", "autoencoder", tmp_path / "rows.npy", "--image-shape", "6,6",
        "--out", tmp_path / "other.convae", *FIT,
    )  # fmt: skip
    assert (done.code, "of 30 pixels" in done.err) == (2, True)


def test_several_files_are_a_list(convae: Command, pictures: Path, tmp_path: Path) -> None:
    files = sorted(pictures.iterdir())[:9]
    out = tmp_path / "m.convae"
    done = convae("fit", "autoencoder", *files, "--out", out, "--json", "--no-report", *FIT)
    assert done.json["training_images"] + done.json["validation_images"] == 9


def test_several_folders_are_fitted_on_and_written_apart(convae: Command, tmp_path: Path) -> None:
    one, two = (fill(tmp_path / name, waves(9, (12, 10, 1), seed=k)) for k, name in enumerate("ab"))
    out = tmp_path / "m.convae"
    done = convae("fit", "autoencoder", one, two, "--out", out, "--json", "--no-report", *FIT)
    assert done.json["training_images"] + done.json["validation_images"] == 18
    assert "18 readable of 18" in convae("check", one, two).out
    done = convae("reconstruct", out, one, two, "--out", tmp_path / "back", "--quiet")
    assert done.code == 0
    written = {str(p.relative_to(tmp_path / "back")) for p in (tmp_path / "back").rglob("*.png")}
    assert written == {f"{name}/{k}.png" for name in "ab" for k in range(9)}


def test_a_finished_fit_has_nothing_to_resume(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.convae"
    given = ("fit", "autoencoder", pictures, "--out", out, "--no-report", *FIT)
    assert convae(*given).code == 0
    again = convae(*given, "--resume")
    assert again.code == 2
    assert "this fit is finished, there is nothing to resume; give another --out" in again.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "m.pt"], "--out must end in .convae; got m.pt"),
        (["--out", "m.convae", "--resume"], "there is no checkpoint to resume from"),
        (["--out", "m.convae", "--resume", "--restart"], "exclude each other"),
        (["--out", "."], "is a folder"),
        (["--out", "m.convae", "--seed", "-1"], "--seed must be a whole number from 0"),
        (["--out", "m.convae", "--epochs", "-1"], "--epochs must be a whole number"),
        (["--out", "m.convae", "--loss", "mes"], "did you mean 'mse'?"),
        (["--out", "m.convae", "--size", "x", "4"], "not a valid integer"),
        (["--out", "m.convae", "--size", "4", "0"], "--size must be"),
        (["--out", "m.convae", "--framing", "crop"], "--framing crop needs --size height width"),
        (["--out", "m.convae", "--channels", "2"], "--channels must be 1 (grey), 3 (RGB)"),
        (["--out", "m.convae", "--latent-dim", "0"], "--latent-dim must be a whole number from 1"),
        (["--out", "m.convae", "--device", "cdua"], "did you mean 'cuda'?"),
        (["--out", "m.convae", "--split", "tset"], "did you mean 'test'?"),
        (["--out", "m.convae", "--config", "none.toml"], "none.toml: cannot be read"),
    ],
)
def test_refuses_in_one_sentence(
    convae: Command,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = convae("fit", "autoencoder", pictures, "--quiet", *arguments)
    assert done.code == 2
    assert sentence in done.err
    assert done.err.startswith("convae: ")
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["nothing", "digts", "empty"])
def test_refuses_what_holds_no_images(
    convae: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = convae("fit", "autoencoder", name, "--out", "m.convae", *FIT)
    assert done.code == 2
    assert done.err.startswith("convae: ")
    assert not Path("m.convae").exists()


def test_refuses_an_output_that_cannot_be_written_before_reading(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = convae("fit", "autoencoder", pictures, "--out", tmp_path / "file" / "m.convae", *FIT)
    assert (done.code, "cannot be made" in done.err) == (2, True)
    (tmp_path / "m.convae").mkdir()
    done = convae("fit", "autoencoder", pictures, "--out", tmp_path / "m.convae", *FIT)
    assert (done.code, "is a folder" in done.err) == (2, True)
    (tmp_path / "n-report").touch()
    done = convae("fit", "autoencoder", pictures, "--out", tmp_path / "n.convae", *FIT)
    assert (done.code, "folder of the report must go" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pipe.convae", "device or a pipe"),
        ("loop.convae", "leads to itself"),
        ("x" * 300, "too long"),
        ("x" * 246 + ".convae", "--checkpoint"),  # the name of the folder beside it
        ("lost.convae", "folder does not exist"),
    ],
)
def test_refuses_an_output_of_no_use_before_it_looks_at_images(
    convae: Command, tmp_path: Path, name: str, words: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / "pipe.convae")
    (out / "loop.convae").symlink_to("loop.convae")
    (out / "lost.convae").symlink_to("nowhere/lost.convae")
    before = sorted(os.listdir(out))
    done = convae("fit", "autoencoder", tmp_path / "no images", "--out", out / name, *FIT)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert words in done.err
    assert "no images" not in done.err
    assert sorted(os.listdir(out)) == before


def test_a_failed_fit_leaves_no_folder(convae: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    for data in (tmp_path / "none", tmp_path / "bad.png"):
        done = convae("fit", "autoencoder", data, "--out", tmp_path / "a" / "b" / "m.convae", *FIT)
        assert done.code == 2
        assert os.listdir(tmp_path) == ["bad.png"]


def test_mixed_sizes_and_channels_are_refused_with_the_way_out(
    convae: Command, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "mixed", waves(3, (8, 8, 1)))
    fill(folder / "large", waves(3, (9, 9, 1)))
    out = ["--out", tmp_path / "m.convae", "--overwrite", "--no-report", *FIT]
    assert "for example --size 8 8, and a framing" in convae("fit", "autoencoder", folder, *out).err
    assert convae("fit", "autoencoder", folder, *out, "--size", 8, 8).code == 0
    fill(folder / "colour", waves(3, (8, 8, 3)))
    done = convae("fit", "autoencoder", folder, *out, "--size", 8, 8)
    assert (done.code, "--channels 1 (grey) or --channels 3" in done.err) == (2, True)
    assert convae("fit", "autoencoder", folder, *out, "--size", 8, 8, "--channels", 3).code == 0


def test_a_file_name_of_any_bytes(convae: Command, tmp_path: Path) -> None:
    folder = fill(tmp_path / "mixed", waves(8, (8, 8, 1)))
    try:
        (folder / "bad\udcff\n<b>.png").write_bytes(b"nothing")
    except (OSError, UnicodeError):
        pytest.skip("this file system wants names in UTF-8")
    done = convae("fit", "autoencoder", folder, "--out", tmp_path / "m.convae", "--json", *FIT)
    assert done.code == 0
    assert lines(tmp_path / "m.skipped.csv")[0]["name"] == "bad\\udcff\n<b>.png"
    assert json.loads(done.out)["skipped"][0][0] == "bad\udcff\n<b>.png"
    page = (tmp_path / "m-report" / "report.html").read_text(encoding="utf-8")
    assert "<b>.png" not in page


def test_a_codebook_is_reported_by_the_fit_and_by_info(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "words.convae"
    chosen = ("--bottleneck", "vq:8", "--noise", "masks:0.5@2")
    done = convae("fit", "autoencoder", pictures, "--out", out, *FIT[:-1], *chosen)
    assert done.code == 0, done.err
    assert "perplexity" in done.err
    assert done.out.count("of the 8 entries are used, with a perplexity of") == 1
    report = (out.with_name("words-report") / "report.html").read_text(encoding="utf-8")
    assert "bits in a code" in report
    assert "of the 8 entries are used" in report
    told = convae("info", out)
    assert "of the 8 entries are used" in told.out
    assert "masks:0.5@2" in convae("info", out, "--json").json["parameters"]["noise"]
    other = (tmp_path / "other.convae", *FIT, *chosen, "--code", "dense")
    refused = convae("fit", "autoencoder", pictures, "--out", *other)
    assert refused.code == 2
    assert "--bottleneck vq replaces the vector at each position" in refused.err
    dense = convae("fit", "autoencoder", pictures, "--out", *other[:-2], "--preset", "dense")
    assert dense.code == 2
    assert "another bottleneck than" in dense.err
