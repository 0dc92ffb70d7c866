"""No verb writes over what it reads or was not asked to replace; results are not read as images."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.conftest import FIT, Command, fill, waves

import convae as package
from convae.cli import run
from convae.filesystem.result_folders import MARKER, marked, recorded

TINY: dict[str, Any] = {"widths": (4, 4), "blocks": 1, "epochs": 1}
CODE: dict[str, Any] = {"widths": (4,), "blocks": 1, "epochs": 1, "latent_dim": 3}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images in two classes, a tiny model of every job, and codes."""
    root = tmp_path_factory.mktemp("there")
    images = waves(24, (16, 16, 1))
    fill(root / "in" / "a", images[:12])
    fill(root / "in" / "b", images[12:])
    package.ConvAutoencoder.from_options(CODE).fit(images).save(root / "auto.convae")
    package.VariationalAutoencoder.from_options(CODE).fit(images).save(root / "vary.convae")
    stacked = package.StackedAutoencoder.from_options({**CODE, "widths": (4, 4)})
    stacked.fit(images).save(root / "stack.convae")
    package.Denoiser.from_options(TINY).fit(images).save(root / "clean.convae")
    package.Inpainter.from_options(TINY).fit(images).save(root / "fill.convae")
    package.AnomalyDetector.from_options({**TINY, "false_alarm_rate": 0.5}).fit(images).save(
        root / "ok.convae"
    )
    assert (
        run(
            [
                "encode",
                str(root / "auto.convae"),
                str(root / "in"),
                "--out",
                str(root / "codes.npy"),
            ]
        )
        == 0
    )
    return root  # fmt: skip


# What stands before --out; {} is the folder of the fixture.
FILES: dict[str, tuple[str, str]] = {
    "fit autoencoder": ("{}/in", ".convae"),
    "fit denoiser": ("{}/in", ".convae"),
    "fit anomaly": ("{}/in", ".convae"),
    "calibrate": ("{}/ok.convae {}/in", ".convae"),
    "encode": ("{}/auto.convae {}/in", ".npz"),
    "export": ("{}/auto.convae", ".onnx"),
    "search": ("{}/auto.convae {}/in/a/0.png --in {}/codes.npy", ".csv"),
    "map": ("{}/auto.convae {}/in", ".png"),
    "units": ("{}/auto.convae {}/in", ".html"),
    "levels": ("{}/stack.convae {}/in", ".png"),
    "traverse": ("{}/vary.convae {}/in/a/0.png", ".png"),
    "interpolate": ("{}/vary.convae {}/in/a/0.png {}/in/b/0.png", ".png"),
    "sample": ("{}/vary.convae -n 4", ".png"),
    "experiment stacking": ("{}/in", ".json"),
    "experiment robustness": ("{}/in", ".json"),
}
FOLDERS: dict[str, tuple[str, str]] = {
    "reconstruct": ("{}/auto.convae {}/in", "--out"),
    "decode": ("{}/auto.convae {}/codes.npy", "--out"),
    "denoise": ("{}/clean.convae {}/in", "--out"),
    "inpaint": ("{}/fill.convae {}/in --find-damage", "--out"),
    "detect": ("{}/ok.convae {}/in", "--out"),
    "sample": ("{}/vary.convae -n 4", "--out"),
    "interpolate": ("{}/vary.convae {}/in/a/0.png {}/in/b/0.png", "--out"),
    "probe": ("{}/auto.convae {}/in", "--out"),
    "evaluate": ("{}/auto.convae {}/in --all", "--report"),
}
READ = {
    "calibrate": "ok.convae",
    "export": "auto.convae",
    "sample": "vary.convae",
    "search": "codes.npy",
    "traverse": "in/a/0.png",
}  # the others read in/b/0.png


def words(verb: str, given: str, there: Path) -> list[str]:
    return [*verb.split(), *given.replace("{}", str(there)).split()]


def symbolic(link: Path, target: Path) -> Path:
    link.symlink_to(target)
    return link


def hard(link: Path, target: Path) -> Path:
    os.link(target, link)
    return link


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("link", [symbolic, hard])
@pytest.mark.parametrize("verb", FILES)
def test_no_verb_writes_over_what_it_reads(
    convae: Command, there: Path, tmp_path: Path, verb: str, link: Callable[[Path, Path], Path]
) -> None:
    given, suffix = FILES[verb]
    before = contents(there)
    out = link(tmp_path / f"out{suffix}", there / READ.get(verb, "in/b/0.png"))
    done = convae(*words(verb, given, there), "--out", out, "--overwrite")
    assert done.code == 2
    assert f"--out {out}: is one of the files that are read; choose another name" in done.err
    assert contents(there) == before


@pytest.mark.parametrize(
    ("option", "text"),
    [("--groups", "name,group\n"), ("--config", "epochs = 1\n")],
)
def test_what_options_name_is_read_too(
    convae: Command, there: Path, tmp_path: Path, option: str, text: str
) -> None:
    names = [f"{kind}/{i}.png" for kind in "ab" for i in range(12)]
    lines = "".join(f"{name},{i}\n" for i, name in enumerate(names)) * (option == "--groups")
    path = tmp_path / "m.history.csv"  # the name of what comes beside m.convae
    path.write_text(text + lines)
    fit = ("fit", "autoencoder", there / "in", "--out", tmp_path / "m.convae", option, path)
    done = convae(*fit, "--no-report", "--overwrite")
    assert (done.code, "is one of the files that are read" in done.err) == (2, True)
    assert path.read_text() == text + lines
    assert [p.name for p in tmp_path.iterdir()] == ["m.history.csv"]


def test_other_spellings_of_a_path_are_known(
    convae: Command, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(there / "in")
    monkeypatch.chdir(there / "in")
    for out in ("a/0.png", "../in/a/../a/0.png", tmp_path / "link" / "a" / "0.png"):
        done = convae("map", there / "auto.convae", ".", "--out", out, "--overwrite")
        assert (done.code, "is one of the files that are read" in done.err) == (2, True)


@pytest.mark.parametrize("verb", FILES)
def test_a_file_that_exists_is_not_replaced_without_a_word(
    convae: Command, there: Path, tmp_path: Path, verb: str
) -> None:
    given, suffix = FILES[verb]
    out = tmp_path / f"mine{suffix}"
    out.write_text("mine")
    done = convae(*words(verb, given, there), "--out", out)
    assert done.code == 2
    assert f"{out}: is there already: give --overwrite to replace it, or choose" in done.err
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("verb", "beside"),
    [
        ("fit autoencoder", "mine.history.csv"),
        ("fit autoencoder", "mine.skipped.csv"),
        ("encode", "mine.skipped.csv"),
        ("encode", "mine.names.csv"),
        ("map", "mine.skipped.csv"),
    ],
)
def test_a_file_beside_it_is_not_replaced_without_a_word(
    convae: Command, there: Path, tmp_path: Path, verb: str, beside: str
) -> None:
    given, suffix = FILES[verb]
    suffix = ".npy" if beside.endswith(".names.csv") else suffix
    (tmp_path / beside).write_text("mine")
    done = convae(*words(verb, given, there), "--out", tmp_path / f"mine{suffix}")
    assert done.code == 2
    assert f"{beside}: is there already, and would be replaced: give --overwrite" in done.err
    assert contents(tmp_path) == {beside: b"mine"}


def test_a_model_is_replaced_when_it_is_asked_for(
    convae: Command, there: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.convae"
    more = ("--out", out, *FIT)
    assert convae("fit", "autoencoder", there / "in", *more).code == 0
    (tmp_path / "m-report" / "stale.png").write_bytes(b"mine")
    first = out.read_bytes()
    done = convae("fit", "autoencoder", there / "in", *more, "--seed", 1)
    assert (done.code, "m.convae: is there already: give --overwrite" in done.err) == (2, True)
    assert out.read_bytes() == first
    out.unlink()
    (tmp_path / "m.history.csv").unlink()  # the report alone is an earlier run as well
    done = convae("fit", "autoencoder", there / "in", *more, "--seed", 1)
    assert done.code == 2
    assert "holds the results of an earlier 'convae fit autoencoder'" in done.err
    assert convae("fit", "autoencoder", there / "in", *more, "--seed", 1, "--overwrite").code == 0
    assert out.read_bytes() != first
    assert (tmp_path / "m-report" / "stale.png").read_bytes() == b"mine"


def test_a_detector_is_calibrated_in_place_but_not_by_its_name_as_out(
    convae: Command, there: Path, tmp_path: Path
) -> None:
    model = tmp_path / "ok.convae"
    model.write_bytes((there / "ok.convae").read_bytes())
    fill(tmp_path / "more", waves(30, (16, 16, 1), seed=5))
    done = convae("calibrate", model, tmp_path / "more", "--out", model, "--overwrite")
    assert (done.code, "is one of the files that are read" in done.err) == (2, True)
    before = model.read_bytes()
    assert convae("calibrate", model, tmp_path / "more", "--false-alarm-rate", 0.2).code == 0
    assert model.read_bytes() != before


@pytest.mark.parametrize("verb", FOLDERS)
def test_a_folder_with_an_earlier_run_is_replaced_as_a_whole_or_not_at_all(
    convae: Command, there: Path, tmp_path: Path, verb: str
) -> None:
    given, option = FOLDERS[verb]
    out = tmp_path / "out"
    command = [*words(verb, given, there), option, out]
    assert convae(*command).code == 0
    first = contents(out)
    mark = marked(out)
    assert mark is not None
    assert (mark.verb, mark.whole) == (verb, True)
    assert {*recorded(out), MARKER} == set(first)
    done = convae(*command)
    assert done.code == 2
    assert (
        f"{option} {out}: holds the results of an earlier 'convae {verb}': give --overwrite"
        in done.err
    )
    assert contents(out) == first
    # Something of the earlier run that the new one does not write goes; what is the user's stays.
    with (out / MARKER).open("a") as file:
        file.write("file,stale/old.png\nfile,../../in/a/0.png\nfile,/etc/hostname\nfile,mine.txt")
    (out / "stale").mkdir()
    (out / "stale" / "old.png").write_bytes(b"old")
    (out / "mine.txt").write_text("mine")
    assert convae(*command, "--overwrite").code == 0
    assert set(contents(out)) == {*first, "mine.txt"}
    assert not (out / "stale").exists()
    assert (there / "in" / "a" / "0.png").is_file()


def test_a_run_that_fails_brings_the_earlier_one_back(
    convae: Command, there: Path, tmp_path: Path
) -> None:
    out, model = tmp_path / "out", there / "auto.convae"
    assert convae("reconstruct", model, there / "in", "--out", out).code == 0
    before = contents(out)
    bad = fill(tmp_path / "bad", waves(3, (16, 16, 1)))
    (bad / "1.png").write_bytes(b"\x89PNG")
    done = convae("reconstruct", model, bad, "--out", out, "--overwrite", "--strict")
    assert done.code == 2
    assert contents(out) == before


def test_a_killed_run_is_replaced_with_all_that_it_left(
    convae: Command, there: Path, tmp_path: Path
) -> None:
    out, model = tmp_path / "out", there / "auto.convae"
    assert convae("reconstruct", model, there / "in", "--out", out).code == 0
    # As a kill leaves it: the earlier run moved aside, the record of the new one torn.
    aside = out / ".convae-earlier-1-00"
    (aside / "a").mkdir(parents=True)
    (out / "a" / "0.png").rename(aside / "a" / "0.png")
    with (out / MARKER).open("a") as file:
        file.write('file,"torn')
    assert convae("reconstruct", model, there / "in", "--out", out, "--overwrite").code == 0
    assert not list(out.glob(".convae-earlier*"))
    assert len(list(out.rglob("*.png"))) == 24


def test_a_file_of_the_user_in_the_folder_is_never_replaced(
    convae: Command, there: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "a").mkdir(parents=True)
    (out / "a" / "3.png").write_text("mine")
    for more in ((), ("--overwrite",)):
        done = convae("reconstruct", there / "auto.convae", there / "in", "--out", out, *more)
        assert done.code == 2
        assert "3.png: is there already, and no earlier run of convae wrote it" in done.err
        assert contents(out) == {"a/3.png": b"mine"}  # what was written before it is removed


def test_a_folder_is_not_replaced_while_it_is_read(
    convae: Command, there: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert convae("detect", there / "ok.convae", there / "in", "--out", out).code == 0
    before = contents(out)
    done = convae(
        "reconstruct", there / "auto.convae", out / "overlays", "--out", out, "--overwrite"
    )
    assert (done.code, "which is read; choose another folder" in done.err) == (2, True)
    assert contents(out) == before


def test_results_are_not_the_images_of_the_next_run(
    convae: Command, there: Path, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "in", waves(12, (16, 16, 1)))
    fit = ("fit", "autoencoder", folder, *FIT)
    assert convae(*fit, "--out", folder / "m.convae").code == 0
    denoise = ("denoise", there / "clean.convae", folder, "--out", folder / "sub" / "clean")
    for more in ((), ("--overwrite",)):
        done = convae(*denoise, *more)
        assert "12 images" in done.out
        assert "of convae's own results are left out: " in done.err
        assert "m-report/" in done.err
    assert not (folder / "sub" / "clean" / "sub").exists()
    done = convae("check", folder, "--json")
    assert done.json["images"] == 12
    assert len(package.open_source(folder)) == 12
    assert len(package.open_source(f"{folder}/**/*.png")) == 12
    assert len(package.open_source(folder / "sub" / "clean")) == 12  # who names it means it


def test_of_a_folder_of_others_only_results_are_left_out(
    convae: Command, there: Path, tmp_path: Path
) -> None:
    fill(tmp_path / "mixed" / "own", waves(4, (16, 16, 1)))
    sampled = ("sample", there / "vary.convae", "-n", 3, "--out", tmp_path / "mixed" / "own")
    (tmp_path / "mixed" / "own" / "000001.png").unlink(missing_ok=True)
    assert convae(*sampled).code == 0
    source = package.open_source(tmp_path / "mixed")
    assert list(source.names) == [f"own/{i}.png" for i in range(4)]
    assert any("3 of convae's own results are left out: own/000000.png" in n for n in source.notes)


def test_the_demonstration_can_be_repeated(
    convae: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert convae("demo", "--epochs", 1).code == 0
    done = convae("demo", "--epochs", 1, "--out", tmp_path / "convae-demo")
    assert (done.code, "holds the results of an earlier 'convae demo'" in done.err) == (2, True)


def test_python_programs_say_themselves_what_they_write(there: Path, tmp_path: Path) -> None:
    model = package.load(there / "auto.convae")
    model.save(tmp_path / "m.convae")
    model.save(tmp_path / "m.convae")
    assert np.array_equal(
        package.load(tmp_path / "m.convae").transform(there / "in"), model.transform(there / "in")
    )
    assert not list(tmp_path.rglob(MARKER))
