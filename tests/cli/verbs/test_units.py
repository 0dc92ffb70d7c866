"""``convae fit sparse`` and ``units``, as a user types them."""

import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import FIT, Command

from convae.cli import run

SPARSE = ("--latent-dim", "24", "--bottleneck", "top-k:0.2")


@pytest.fixture(scope="module")
def sparse(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "s.convae"
    assert run(["fit", "sparse", str(pictures), "--out", str(path), *FIT, *SPARSE]) == 0
    return path


@pytest.fixture(scope="module")
def spatial(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "w.convae"
    more = ("--code", "spatial", "--bottleneck", "winners:0.3", "--latent-dim", "8")
    assert run(["fit", "sparse", str(pictures), "--out", str(path), *FIT, *more]) == 0
    return path


@pytest.fixture(scope="module")
def classes(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures in two folders."""
    folder = tmp_path_factory.mktemp("classes")
    for i, file in enumerate(sorted(pictures.rglob("*.png"))):
        to = folder / "ab"[i % 2]
        to.mkdir(exist_ok=True)
        shutil.copy(file, to / file.name)
    return folder


def test_a_fit_tells_how_sparse_the_codes_are(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    few = [value for value in FIT if value != "--quiet"]
    done = convae("fit", "sparse", pictures, "--out", tmp_path / "s.convae", *few, *SPARSE)
    assert done.code == 0
    assert "Hoyer's sparsity" in done.out
    told = convae("info", tmp_path / "s.convae").out
    assert "SparseAutoencoder" in told
    assert "Hoyer's sparsity" in told


def test_a_page_of_units(convae: Command, sparse: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "units.html"
    done = convae("units", sparse, pictures, "--out", out, "--most", 3, "--json")
    assert (done.code, done.json["units"]) == (0, 24)
    page = out.read_text(encoding="utf-8")
    assert page.count("<section") == done.json["shown"] <= 3
    assert "<script" not in page
    assert "selectivity" not in page
    assert done.json["selectivity"] == {}


def test_with_classes_units_stand_beside_components_and_another_model(
    convae: Command, sparse: Path, spatial: Path, classes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "units.html"
    done = convae("units", sparse, classes, "--out", out, "--compare-with", spatial, "--json")
    assert done.code == 0
    names = list(done.json["selectivity"])
    assert names == ["this model", "principal components", str(spatial)]
    assert all(0 <= value <= 1 for value in done.json["selectivity"].values())
    assert "Class selectivity" in out.read_text(encoding="utf-8")


def test_a_spatial_code_and_a_plain_model(
    convae: Command, spatial: Path, model: Path, pictures: Path, tmp_path: Path
) -> None:
    for one in (spatial, model):
        out = tmp_path / f"{one.stem}.html"
        assert convae("units", one, pictures, "--out", out).code == 0
        assert "<section" in out.read_text(encoding="utf-8")


def test_wrong_input(convae: Command, sparse: Path, pictures: Path, tmp_path: Path) -> None:
    for arguments, sentence in (
        ([sparse, pictures, "--out", tmp_path / "u.txt"], ".html"),
        ([sparse, tmp_path / "none", "--out", tmp_path / "u.html"], "none"),
        ([tmp_path / "m.convae", pictures, "--out", tmp_path / "u.html"], "m.convae"),
        (
            [
                sparse,
                pictures,
                "--out",
                tmp_path / "u.html",
                "--compare-with",
                tmp_path / "o.convae",
            ],
            "o.convae",
        ),
    ):
        done = convae("units", *arguments)
        assert done.code != 0
        assert sentence in done.err
        assert not (tmp_path / "u.html").exists()


def test_a_sparse_fit_refuses_other_bottlenecks(
    convae: Command, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.convae"
    done = convae("fit", "sparse", pictures, "--out", out, *FIT, "--bottleneck", "gaussian")
    assert done.code != 0
    assert "a sparse autoencoder has a bottleneck of l1, kl, top-k, winners" in done.err
    assert not out.exists()
