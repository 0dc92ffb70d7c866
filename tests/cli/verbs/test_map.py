"""``convae map``: each image where its code lies, as a picture and as a page."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from tests.cli.conftest import FIT, Command, fill, waves

import convae as package
from convae.cli.runs import map
from convae.cli.runs.map import Wanted, in_two_dimensions


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sub-folders of six images."""
    folder = tmp_path_factory.mktemp("classes")
    for name, seed in (("round", 1), ("square", 2)):
        fill(folder / name, waves(6, (12, 10, 1), seed=seed))
    return folder


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_picture(
    convae: Command, model: Path, classes: Path, tmp_path: Path, method: str
) -> None:
    out = tmp_path / "deep" / "map.png"
    done = convae("map", model, classes, "--out", out, "--method", method, "--json")
    assert (done.code, done.json["images"], done.json["pictured"]) == (0, 12, 12)
    with PillowImage.open(out) as picture:
        assert max(picture.size) > 1000
    again = tmp_path / "again.png"
    convae("map", model, classes, "--out", again, "--method", method)
    assert again.read_bytes() == out.read_bytes()


def test_a_page_has_each_image_and_its_class(
    convae: Command, model: Path, classes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "map.html"
    done = convae("map", model, classes, "--out", out)
    assert (done.code, "12 images by two principal components" in done.out) == (0, True)
    page = out.read_text(encoding="utf-8")
    assert len(re.findall(r'title="(round|square)/\d\.png"', page)) == 12
    assert re.findall(r"<span>(\w+)</span>", page) == ["round", "square"]


def test_codes_of_two_numbers_are_the_map(convae: Command, pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "two.convae"
    more = (*FIT[:2], "--latent-dim", 2, *FIT[4:-1], "--no-report", "--neighbourhood", 1)
    done = convae("fit", "autoencoder", pictures, "--out", path, *more)
    assert (done.code, "laying out the training images" in done.err + done.out) == (0, True)
    done = convae("map", path, pictures, "--out", tmp_path / "map.html")
    assert "by their codes" in done.out
    codes = package.load(path).transform(pictures)
    points, _ = in_two_dimensions(codes, Wanted(method="tsne", most=9, seed=0))
    np.testing.assert_array_equal(points, codes)


def test_a_spatial_code(
    convae: Command, spatial: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("map", spatial, pictures, "--out", tmp_path / "map.png", "--overwrite", "--json")
    assert convae(*command).json["images"] == 24
    monkeypatch.setattr(map, "MOST_NUMBERS", 4)  # as if its codes were large
    assert convae(*command).json["images"] == 24
    fill(tmp_path / "sizes", waves(4, (12, 10, 1)))
    fill(tmp_path / "sizes" / "more", waves(4, (24, 20, 1)))
    monkeypatch.undo()
    done = convae("map", spatial, tmp_path / "sizes", "--out", tmp_path / "sizes.png")
    assert (done.code, "map images of one size at a time" in done.err) == (2, True)


def test_of_many_images_some_are_taken(
    convae: Command, model: Path, pictures: Path, tmp_path: Path
) -> None:
    command = ("map", model, pictures, "--out", tmp_path / "map.html", "--max-images", 9)
    done = convae(*command)
    assert "9 of 24 images" in done.out
    chosen = re.findall(r'title="([^"]+)"', (tmp_path / "map.html").read_text())
    assert len(set(chosen)) == 9
    convae(*command, "--seed", 4, "--overwrite")
    assert re.findall(r'title="([^"]+)"', (tmp_path / "map.html").read_text()) != chosen


def test_a_broken_image_is_told_and_left_out(convae: Command, model: Path, tmp_path: Path) -> None:
    images = fill(tmp_path / "in", waves(5, (12, 10, 1)))
    (images / "2.png").write_bytes(b"no image")
    done = convae("map", model, images, "--out", tmp_path / "map.png", "--json")
    assert (done.code, done.json["images"]) == (0, 4)
    assert done.json["skipped"][0][0] == "2.png"
    assert "2.png" in (tmp_path / "map.skipped.csv").read_text()


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_images(convae: Command, model: Path, tmp_path: Path, count: int) -> None:
    images = fill(tmp_path / "in", waves(count, (12, 10, 1)))
    done = convae("map", model, images, "--out", tmp_path / "map.png")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"has {count} image{'s' * (count > 1)} for a map, which takes 3 at least" in done.err


def test_what_cannot_be_mapped(
    convae: Command, model: Path, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    done = convae("map", model, tmp_path / "empty", "--out", tmp_path / "map.png")
    assert (done.code, "no image found" in done.err) == (2, True)
    done = convae("map", model, pictures, "--out", tmp_path / "map.gif")
    assert (done.code, "must end in .png or .html" in done.err) == (2, True)
    done = convae("map", model, pictures, "--out", tmp_path / "m.png", "--method", "tsn")
    assert (done.code, "did you mean 'tsne'" in done.err) == (2, True)
    other = fill(tmp_path / "other", waves(4, (9, 9, 1)))
    done = convae("map", model, other, "--out", tmp_path / "map.png")
    assert (done.code, "this model takes 12x10" in done.err) == (2, True)


def test_a_model_of_another_job(convae: Command, pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "d.convae"
    package.Denoiser(epochs=1, noise="gaussian", sigma=0.1, architecture={"widths": (4, 4)}).fit(
        pictures
    ).save(path)
    for verb, *more in (
        ("map", "--out", tmp_path / "map.png"),
        ("encode", "--out", tmp_path / "codes.npy"),
        ("search", "--in", tmp_path / "codes.npy"),
        ("probe",),
    ):
        done = convae(verb, path, pictures, *more)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "this model was fitted to denoise; use it with 'convae denoise'" in done.err
