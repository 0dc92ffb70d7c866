"""``convae search``: the neighbours that brute force finds, told, listed and pictured."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from sklearn.neighbors import NearestNeighbors
from tests.cli.conftest import FIT, Command, fill, waves

import convae as package
from convae.cli.io import code_index
from convae.cli.runs import search

KINDS = (".npy", ".npz", ".csv", ".parquet")


@pytest.fixture
def query(tmp_path: Path) -> Path:
    return fill(tmp_path / "query", waves(1, (12, 10, 1), seed=7)) / "0.png"


def encoded(convae: Command, model: Path, images: Path, out: Path, *more: str) -> Path:
    assert convae("encode", model, images, "--out", out, "--overwrite", *more).code == 0
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbours_are_those_of_brute_force(
    convae: Command,
    model: Path,
    pictures: Path,
    query: Path,
    tmp_path: Path,
    kind: str,
    metric: str,
) -> None:
    codes = encoded(convae, model, pictures, tmp_path / f"codes{kind}")
    done = convae("search", model, query, "--in", codes, "-k", 5, "--metric", metric, "--json")
    loaded = package.load(model)
    reference = NearestNeighbors(n_neighbors=5, metric=metric).fit(loaded.transform(pictures))
    distances, indices = reference.kneighbors(loaded.transform(query))
    found = done.json["queries"][0]["neighbours"]
    assert [one["position"] for one in found] == indices[0].tolist()
    np.testing.assert_allclose([one["distance"] for one in found], distances[0], atol=1e-5)
    names = package.open_source(pictures).names
    assert [one["name"] for one in found] == [names[i] for i in indices[0]]
    assert (done.json["codes"], done.json["exact"]) == (24, True)


def test_an_image_finds_itself(
    convae: Command, model: Path, pictures: Path, tmp_path: Path
) -> None:
    codes = encoded(convae, model, pictures, tmp_path / "codes.csv")
    done = convae("search", model, pictures / "3.png", "--in", codes, "-k", 2)
    first = done.out.splitlines()[2].split()
    assert first[:3] == ["1", "0", "3.png"]
    assert "(the same image)" in done.out
    assert done.out.splitlines()[0] == "3.png"


def test_table_and_picture(
    convae: Command, model: Path, pictures: Path, query: Path, tmp_path: Path
) -> None:
    codes = encoded(convae, model, pictures, tmp_path / "codes.parquet")
    out = tmp_path / "deep" / "found.csv"
    both = (query, pictures / "1.png")
    done = convae(
        "search", model, *both, "--in", codes, "-k", 3, "--out", out, "--images", pictures
    )
    assert done.code == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == ["1", "2", "3"] * 2
    assert rows[3]["name"] == "1.png"
    assert len(rows[0]["sha256"]) == 64
    with PillowImage.open(out.with_suffix(".png")) as picture:
        assert picture.width > 4 * 72


def test_pictures_are_found_from_the_folder_of_the_codes(
    convae: Command, model: Path, pictures: Path, query: Path, tmp_path: Path
) -> None:
    codes = encoded(convae, model, pictures, pictures / "codes.npy")
    done = convae("search", model, query, "--in", codes, "--out", tmp_path / "found.csv")
    assert (done.code, (tmp_path / "found.png").is_file()) == (0, True)
    moved = tmp_path / "far" / "codes.npy"
    moved.parent.mkdir()
    for name in ("codes.npy", "codes.names.csv"):
        (pictures / name).rename(moved.with_name(name))
    done = convae("search", model, query, "--in", moved, "--out", tmp_path / "other.csv")
    assert (done.code, "name them with --images" in done.err) == (0, True)
    assert not (tmp_path / "other.png").exists()


def test_an_image_that_has_changed_is_not_shown(
    convae: Command, model: Path, query: Path, tmp_path: Path
) -> None:
    images = fill(tmp_path / "in", waves(3, (12, 10, 1)))
    codes = encoded(convae, model, images, tmp_path / "codes.csv")
    fill(images, waves(3, (12, 10, 1), seed=4))
    done = convae(
        "search", model, query, "--in", codes, "--out", tmp_path / "f.csv", "--images", images
    )
    assert (done.code, "no picture" in done.err) == (0, True)


def test_codes_of_a_layer_are_searched_by_that_layer(
    convae: Command, model: Path, pictures: Path, query: Path, tmp_path: Path
) -> None:
    codes = encoded(convae, model, pictures, tmp_path / "codes.csv", "--layer", "encoder.0")
    found = convae("search", model, query, "--in", codes, "-k", 1, "--json").json
    loaded = package.load(model)
    layer = loaded.features(pictures, "encoder.0") - loaded.features(query, "encoder.0")
    nearest = int(np.linalg.norm(layer, axis=1).argmin())
    assert found["queries"][0]["neighbours"][0]["position"] == nearest


def test_fewer_codes_than_wanted(
    convae: Command, model: Path, pictures: Path, query: Path, tmp_path: Path
) -> None:
    codes = encoded(convae, model, pictures, tmp_path / "codes.npz")
    done = convae("search", model, query, "--in", codes, "-k", 100)
    assert "there are only 24 codes; all are listed" in done.err
    assert len(done.out.splitlines()) == 26


# -- what is wrong ------------------------------------------------------------------------------------


def test_codes_of_another_model_or_length(
    convae: Command, model: Path, pictures: Path, query: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.convae"
    more = [*FIT[:2], "--latent-dim", 4, *FIT[4:], "--no-report"]
    assert convae("fit", "autoencoder", pictures, "--out", other, *more).code == 0
    codes = encoded(convae, other, pictures, tmp_path / "codes.npz")
    done = convae("search", model, query, "--in", codes)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "its codes are of another model" in done.err
    np.save(tmp_path / "mine.npy", np.zeros((5, 4)))
    done = convae("search", model, query, "--in", tmp_path / "mine.npy")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "its codes are 4 numbers long, and that of 0.png by this model is 3" in done.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("code_0,code_1,code_2\n", "there are no codes in it"),
        ("code_0,code_1,code_2\n1,2,nan\n", "holds NaN or infinite numbers"),
        ("name,code_0,code_1,code_2,model\na,1,2,3,\nb,1,2,3,abc\n", "of another model"),
    ],
)
def test_wrong_codes(
    convae: Command, model: Path, query: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "codes.csv").write_text(text)
    done = convae("search", model, query, "--in", tmp_path / "codes.csv")
    assert (done.code, sentence in done.err, done.err.count("\n")) == (2, True, 1)


def test_wrong_options(convae: Command, model: Path, query: Path, tmp_path: Path) -> None:
    done = convae("search", model, query, "--in", tmp_path / "none.npy")
    assert (done.code, "there is no such file" in done.err) == (2, True)
    done = convae("search", model, query, "--in", "c.npy", "--metric", "cosin")
    assert (done.code, "did you mean 'cosine'" in done.err) == (2, True)
    done = convae("search", model, query, "--in", "c.npy", "-k", 0)
    assert done.code == 2
    done = convae("search", model, query, "--in", "c.npy", "--out", tmp_path / "f.xls")
    assert (done.code, "must end in .csv" in done.err) == (2, True)
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "c.npy", np.zeros((5, 3)))
    done = convae("search", model, tmp_path / "empty", "--in", tmp_path / "c.npy")
    assert (done.code, "no image found" in done.err) == (2, True)


# -- many codes ---------------------------------------------------------------------------------------


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MANY", 20)


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_many_codes_are_searched_by_an_index(
    convae: Command,
    model: Path,
    pictures: Path,
    query: Path,
    tmp_path: Path,
    kind: str,
    metric: str,
) -> None:
    pytest.importorskip("faiss")
    codes = encoded(convae, model, pictures, tmp_path / f"codes{kind}")
    command = ("search", model, query, "--in", codes, "-k", 3, "--metric", metric, "--json")
    first = convae(*command)
    assert "building an index of 24 codes, once" in first.err
    assert "may miss a few neighbours" in first.err
    again = convae(*command)
    assert "building" not in again.err
    exact = convae(*command, "--exact")
    assert (first.json["exact"], exact.json["exact"]) == (False, True)
    assert first.json["queries"] == again.json["queries"] == exact.json["queries"]
    encoded(convae, model, query.parent, codes)
    assert "building" not in convae(*command).err  # one code is not many


@pytest.mark.usefixtures("few_are_many")
def test_many_codes_without_the_library(
    convae: Command,
    model: Path,
    pictures: Path,
    query: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    codes = encoded(convae, model, pictures, tmp_path / "codes.npy")
    done = convae("search", model, query, "--in", codes, "--json")
    assert "an index makes repeated searches quick: pip install faiss-cpu" in done.err
    assert done.json["exact"] is True
    assert not code_index.index_file(codes, "euclidean").exists()


@pytest.mark.usefixtures("few_are_many")
def test_an_index_older_than_its_codes_is_built_anew(
    convae: Command, model: Path, pictures: Path, query: Path, tmp_path: Path
) -> None:
    pytest.importorskip("faiss")
    codes = encoded(convae, model, pictures, tmp_path / "codes.npy")
    command = ("search", model, query, "--in", codes)
    assert "building" in convae(*command).err
    encoded(convae, model, pictures, codes)
    assert "building" in convae(*command).err
