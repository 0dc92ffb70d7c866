"""``convae fit variational``, ``sample`` and ``interpolate``, as a user types them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from tests.cli.conftest import FIT, Command

from convae.cli import run


@pytest.fixture(scope="module")
def variational(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variational model of the pictures, with its report."""
    path = tmp_path_factory.mktemp("model") / "v.convae"
    assert run(["fit", "variational", str(pictures), "--out", str(path), *FIT]) == 0
    return path


def test_a_fit_tells_what_the_code_holds(convae: Command, pictures: Path, tmp_path: Path) -> None:
    few = [value for value in FIT if value != "--quiet"]
    done = convae("fit", "variational", pictures, "--out", tmp_path / "v.convae", *few)
    assert done.code == 0
    assert "The code holds" in done.out
    assert (tmp_path / "v-report" / "report.html").is_file()
    told = convae("info", tmp_path / "v.convae").out
    assert "VariationalAutoencoder" in told
    assert "The code holds" in told


@pytest.mark.parametrize("from_", ["prior", "gaussian", "mixture"])
def test_files_in_the_shape_of_the_images(
    convae: Command, variational: Path, tmp_path: Path, from_: str
) -> None:
    out = tmp_path / "drawn"
    done = convae("sample", variational, "--out", out, "-n", 5, "--from", from_, "--json")
    assert (done.code, done.json["images"]) == (0, 5)
    files = sorted(out.glob("[!.]*"))
    assert [file.name for file in files] == [f"{i:06d}.png" for i in range(5)]
    with PillowImage.open(files[0]) as image:
        assert (image.size, image.mode) == ((10, 12), "L")
    again = tmp_path / "again"
    convae("sample", variational, "--out", again, "-n", 5, "--from", from_)
    assert [f.read_bytes() for f in sorted(again.glob("[!.]*"))] == [f.read_bytes() for f in files]
    other = tmp_path / "other"
    convae("sample", variational, "--out", other, "-n", 5, "--from", from_, "--seed", 1)
    assert sorted(other.glob("[!.]*"))[0].read_bytes() != files[0].read_bytes()


def test_one_picture_of_all(convae: Command, variational: Path, tmp_path: Path) -> None:
    out = tmp_path / "samples.png"
    done = convae("sample", variational, "--out", out)
    assert (done.code, f"64 images in {out}" in done.out) == (0, True)
    with PillowImage.open(out) as picture:
        assert np.asarray(picture).std() > 0
        assert min(picture.size) > 500


def test_a_way_between_two_files(
    convae: Command, variational: Path, pictures: Path, tmp_path: Path
) -> None:
    ends = (pictures / "0.png", pictures / "1.png")
    done = convae("interpolate", variational, *ends, "--out", tmp_path / "way", "--steps", 4)
    assert done.code == 0
    assert len(list((tmp_path / "way").glob("[!.]*"))) == 4
    more = ("--path", "spherical", "--out", tmp_path / "way.png")
    assert convae("interpolate", variational, *ends, *more).code == 0
    assert (tmp_path / "way.png").is_file()


def test_the_other_verbs_take_it(
    convae: Command, variational: Path, pictures: Path, tmp_path: Path
) -> None:
    for verb in (
        ("reconstruct", variational, pictures, "--out", tmp_path / "r"),
        ("encode", variational, pictures, "--out", tmp_path / "codes.csv"),
        ("decode", variational, tmp_path / "codes.csv", "--out", tmp_path / "d"),
        ("evaluate", variational, pictures),
        ("map", variational, pictures, "--out", tmp_path / "map.png"),
    ):
        assert convae(*verb).code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sample", "MODEL", "--out", "OUT.png", "-n", 500], "too many for one picture (at most 400)"),
        (["sample", "MODEL", "--out", "OUT.png", "--from", "mixtre"], "did you mean 'mixture'?"),
        (["sample", "PLAIN", "--out", "OUT.png"], "fit one to reconstruct, encode and draw new images"),
        (["sample", "MODEL", "--out", "OUT", "--format", "pngg"], "pngg"),
        (["interpolate", "MODEL", "FOLDER", "FOLDER", "--out", "OUT"], "is a folder; give the file"),
        (["interpolate", "MODEL", "none.png", "none.png", "--out", "OUT"], "none.png"),
    ],
)  # fmt: skip
def test_wrong_input_is_answered(
    convae: Command,
    variational: Path,
    model: Path,
    pictures: Path,
    tmp_path: Path,
    arguments: list[object],
    sentence: str,
) -> None:
    places = {"MODEL": variational, "PLAIN": model, "FOLDER": pictures}
    places |= {"OUT": tmp_path / "out", "OUT.png": tmp_path / "out.png"}
    done = convae(*(places.get(str(word), word) for word in arguments))
    assert done.code == 2
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_another_bottleneck_is_refused(convae: Command, pictures: Path, tmp_path: Path) -> None:
    words = ("fit", "variational", pictures, "--out", tmp_path / "v.convae", "--bottleneck")
    told = "bottleneck gaussian, whose codes are distributions; got 'top-k'"
    assert told in convae(*words, "top-k").err
    assert "did you mean 'free_bits'?" in convae(*words, "gaussian:1,freebits=1").err


def test_numbers_of_the_code_along_their_ways(
    convae: Command, variational: Path, pictures: Path, tmp_path: Path
) -> None:
    image, out = sorted(pictures.rglob("*.png"))[0], tmp_path / "traverse.png"
    done = convae("traverse", variational, image, "--out", out, "--numbers", "1,0", "--json")
    assert (done.code, done.json["numbers"]) == (0, [1, 0])
    with PillowImage.open(out) as picture:
        assert picture.mode == "RGB"
    assert convae("traverse", variational, image, "--out", tmp_path / "t.png").code == 0
    for arguments, sentence in (
        ([image, "--out", out, "--numbers", "a"], "whole numbers such as 0,3,7"),
        ([image, "--out", out, "--numbers", "99"], "numbers must be one or more of"),
        ([pictures, "--out", out], "give the file of one image"),
        ([image, "--out", tmp_path / "t.txt"], ".png"),
    ):
        done = convae("traverse", variational, *arguments, "--overwrite")
        assert done.code != 0
        assert sentence in done.err
