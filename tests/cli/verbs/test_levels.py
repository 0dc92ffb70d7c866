"""``convae fit stacked`` and ``levels``, as a user types them."""

from pathlib import Path

import pytest
from PIL import Image as PillowImage
from tests.cli.conftest import FIT, Command

from convae.cli import run


@pytest.fixture(scope="module")
def stacked(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "s.convae"
    arguments = ["fit", "stacked", str(pictures), "--out", str(path), *FIT, "--level-epochs", "2"]
    assert run([*arguments, "--blocks", "1"]) == 0
    return path


def test_a_fit_tells_which_level_learns(convae: Command, pictures: Path, tmp_path: Path) -> None:
    few = [value for value in FIT if value != "--quiet"]
    out = tmp_path / "s.convae"
    done = convae("fit", "stacked", pictures, "--out", out, *few, "--blocks", 1)
    assert done.code == 0
    assert "training level 1 of" in done.out + done.err
    assert not out.with_name("s.convae.checkpoint").exists()
    assert "StackedAutoencoder" in convae("info", out).out


def test_a_picture_of_the_levels(
    convae: Command, stacked: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "levels.png"
    done = convae("levels", stacked, pictures, "--out", out, "-n", 4, "--json")
    assert (done.code, done.json["images"]) == (0, 4)
    names = list(done.json["errors"])
    assert names[0] == "level 1"
    assert names[-1] == "code"
    with PillowImage.open(out) as picture:
        assert picture.mode == "RGB"


def test_other_verbs_take_it(
    convae: Command, stacked: Path, pictures: Path, tmp_path: Path
) -> None:
    assert convae("encode", stacked, pictures, "--out", tmp_path / "codes.npy").code == 0
    assert convae("reconstruct", stacked, pictures, "--out", tmp_path / "made").code == 0


def test_wrong_input(
    convae: Command, stacked: Path, model: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "levels.png"
    for arguments, sentence in (
        ([stacked, pictures, "--out", tmp_path / "l.txt"], ".png"),
        ([stacked, tmp_path / "none", "--out", out], "none"),
        ([model, pictures, "--out", out], "this model was fitted to"),
    ):
        done = convae("levels", *arguments)
        assert done.code != 0
        assert sentence in done.err
        assert not out.exists()
    done = convae(
        "fit", "stacked", pictures, "--out", tmp_path / "m.convae", *FIT, "--up", "nearest"
    )
    assert done.code != 0
    assert "--up subpixel" in done.err
