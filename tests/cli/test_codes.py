"""``convae encode`` and ``convae decode``: every kind of file, and what is wrong with some."""

import csv
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import FIT, Command, fill, waves

import convae as package
from convae.cli.io.code_reading import read_codes
from convae.cli.io.code_writing import Coded, write_codes
from convae.errors import InputError
from convae.estimators.streaming import made_by

KINDS = (".npy", ".npz", ".csv", ".parquet")


def read(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file["codes"])
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        first = rows[0].index("code_0")
        return np.array([row[first:] for row in rows[1:]], dtype=np.float32)
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(path)
    names = [name for name in table.column_names if name.startswith("code_")]
    return np.stack([table.column(name).to_numpy() for name in names], axis=1)


@pytest.mark.parametrize("kind", KINDS)
def test_codes_there_and_back(
    convae: Command, model: Path, pictures: Path, tmp_path: Path, kind: str
) -> None:
    out, back = tmp_path / f"codes{kind}", tmp_path / "back"
    done = convae("encode", model, pictures, "--out", out)
    assert (done.code, "24 codes of 3 numbers" in done.out) == (0, True)
    loaded = package.load(model)
    expected = loaded.transform(pictures)
    np.testing.assert_array_equal(read(out), expected)
    done = convae("decode", model, out, "--out", back, "--json")
    assert done.json["images"] == 24
    assert {path.name for path in back.glob("[!.]*")} == {f"{i}.png" for i in range(24)}
    seen = package.open_source(back).read(5).pixels[..., 0]
    np.testing.assert_array_equal(seen, loaded.inverse_transform(expected)[5])


@pytest.mark.parametrize("kind", KINDS)
def test_spatial_codes(
    convae: Command, spatial: Path, pictures: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / f"codes{kind}"
    assert convae("encode", spatial, pictures, "--out", out).code == 0
    shape = package.load(spatial).architecture_.code_shape
    flat = (int(np.prod(shape)),)
    assert read(out).shape == (24, *(shape if kind in (".npy", ".npz") else flat))
    assert convae("decode", spatial, out, "--out", tmp_path / "back").code == 0


def test_names_and_labels(convae: Command, model: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in" / "cats", waves(3, (12, 10, 1)))
    fill(tmp_path / "in" / "dogs", waves(2, (12, 10, 1), seed=1))
    (folder / "bad.png").write_bytes(b"\x89PNG")
    for kind in KINDS:
        out = tmp_path / f"codes{kind}"
        (tmp_path / "codes.skipped.csv").unlink(missing_ok=True)  # the next would replace it
        done = convae("encode", model, folder.parent, "--out", out)
        assert (done.code, "1 image skipped" in done.out) == (0, True)
        assert "cats/bad.png" in (tmp_path / "codes.skipped.csv").read_text()
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as file:
        assert file["names"].tolist()[:2] == ["cats/0.png", "cats/1.png"]
        assert file["labels"].tolist() == [0, 0, 0, 1, 1]
        assert file["codes"].shape == (5, 3)
    assert (
        (tmp_path / "codes.csv")
        .read_text()
        .startswith("name,label,sha256,model,code_0,code_1,code_2\n")
    )
    assert (tmp_path / "codes.names.csv").read_text().splitlines()[4].startswith("dogs/0.png,1,")
    assert convae("decode", model, tmp_path / "codes.csv", "--out", tmp_path / "back").code == 0
    assert (tmp_path / "back" / "dogs" / "1.png").is_file()
    assert not list(tmp_path.glob(".convae*"))


@pytest.mark.parametrize("kind", KINDS)
def test_checksums_are_those_of_the_files(
    convae: Command, model: Path, pictures: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / f"codes{kind}"
    assert convae("encode", model, pictures, "--out", out).code == 0
    with read_codes(out) as rows:
        read_back = list(rows)
    for row in read_back:
        assert row.checksum == hashlib.sha256((pictures / row.name).read_bytes()).hexdigest()
        assert row.model == made_by(package.load(model))


def test_checksums_of_an_array_are_those_of_its_bytes(
    convae: Command, model: Path, tmp_path: Path
) -> None:
    images = waves(3, (12, 10, 1))[..., 0]
    np.save(tmp_path / "images.npy", images)
    assert convae("encode", model, tmp_path / "images.npy", "--out", tmp_path / "c.npz").code == 0
    with np.load(tmp_path / "c.npz", allow_pickle=False) as file:
        expected = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
        assert file["sha256"].tolist() == expected


@pytest.mark.parametrize("layer", ["encoder.0", "encoder.0.0.1", "bottleneck.squeeze"])
def test_codes_of_a_layer(
    convae: Command, model: Path, pictures: Path, tmp_path: Path, layer: str
) -> None:
    out = tmp_path / "layer.csv"
    assert convae("encode", model, pictures, "--out", out, "--layer", layer).code == 0
    np.testing.assert_array_equal(read(out), package.load(model).features(pictures, layer))
    done = convae("decode", model, out, "--out", tmp_path / "back")
    assert (done.code, f"holds what layer {layer} gives" in done.err) == (2, True)


def test_an_unknown_layer_is_answered_with_those_there_are(
    convae: Command, model: Path, pictures: Path, tmp_path: Path
) -> None:
    done = convae("encode", model, pictures, "--out", tmp_path / "c.csv", "--layer", "encoder.7")
    assert done.code == 2
    assert "unknown layer 'encoder.7': did you mean 'encoder.0'?" in done.err
    assert "bottleneck.squeeze" in done.err
    assert not list(tmp_path.iterdir())


def test_codes_of_another_model_are_refused(
    convae: Command, model: Path, pictures: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.convae"
    assert (
        convae("fit", "autoencoder", pictures, "--out", other, "--no-report", *FIT, "--seed", 9)
    ).code == 0
    assert convae("encode", other, pictures, "--out", tmp_path / "c.csv").code == 0
    done = convae("decode", model, tmp_path / "c.csv", "--out", tmp_path / "back")
    assert (done.code, "its codes are of another model" in done.err) == (2, True)


def test_strict_stops(convae: Command, model: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", waves(3, (12, 10, 1)))
    (folder / "bad.png").write_bytes(b"\x89PNG")
    out = tmp_path / "codes.npy"
    done = convae("encode", model, folder, "--out", out, "--strict")
    assert (done.code, out.exists()) == (2, False)
    assert not list(tmp_path.glob("*.csv"))


def test_own_codes_without_names(convae: Command, model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.zeros((2, 3)))
    done = convae("decode", model, tmp_path / "mine.npy", "--out", tmp_path / "back")
    assert done.code == 0
    assert sorted(p.name for p in (tmp_path / "back").glob("[!.]*")) == ["000000.png", "000001.png"]
    done = convae(
        "decode", model, tmp_path / "mine.npy", "--out", tmp_path / "tiff", "--format", "tiff"
    )
    assert sorted(p.name for p in (tmp_path / "tiff").glob("[!.]*")) == ["000000.tif", "000001.tif"]


ODD = ["a.png", "=1+1.png", "-1.png", "'=x.png", "a,b;c.png", "cr\r.png", "two\nlines.png", "\udcff.png",
       "\\udcff.png", "\\\udcff.png", '"q".png', " b ", "\ufeffname", "é.png"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_comes_back_from_every_kind(tmp_path: Path, kind: str) -> None:
    rows = [
        Coded(name=name, label=i % 3, code=np.full(2, -i / 7, np.float32), checksum="00", model="m")
        for i, name in enumerate(ODD)
    ]
    assert write_codes(tmp_path / f"c{kind}", rows, rows[0]) == len(ODD)
    with read_codes(tmp_path / f"c{kind}") as found:
        back = list(found)
    assert [(row.name, row.label) for row in back] == [(row.name, row.label) for row in rows]
    assert all((a.code == b.code).all() for a, b in zip(back, rows, strict=True))


@pytest.mark.parametrize(
    ("old", "new", "encoding"),
    [(",", ",", "utf-8-sig"), (",", ";", "utf-8-sig"), (",", "\t", "utf-16")],
)
def test_codes_that_a_spreadsheet_saved_keep_their_names(
    tmp_path: Path, old: str, new: str, encoding: str
) -> None:
    text = "name,sha256,code_0\nmüll.png,00,0.5\nb.png,01,-2\n\n".replace(old, new)
    (tmp_path / "c.csv").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    with read_codes(tmp_path / "c.csv") as rows:
        found = [(row.name, float(row.code[0])) for row in rows]
    assert found == [("müll.png", 0.5), ("b.png", -2.0)]


def test_a_table_of_names_of_another_length_is_refused(tmp_path: Path) -> None:
    """Names of other codes beside an array were left out without a message before."""
    np.save(tmp_path / "c.npy", np.zeros((3, 2), np.float32))
    (tmp_path / "c.names.csv").write_text("name\na.png\nb.png\n")
    with pytest.raises(InputError, match=r"names 2 codes, and there are 3 in c\.npy: encode the"):
        rows_of(tmp_path / "c.npy")


def rows_of(path: Path) -> list[Coded]:
    with read_codes(path) as rows:
        return list(rows)


def test_names_that_repeat_or_lead_elsewhere(convae: Command, model: Path, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(
        "name,code_0,code_1,code_2\na.png,0,0,0\na.gif,0,0,1\n../../x.png,1,0,0\n"
    )
    done = convae("decode", model, tmp_path / "codes.csv", "--out", tmp_path / "d" / "back")
    assert done.code == 0
    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.png")}
    assert names == {"d/back/a.png", "d/back/a.gif-000001.png", "d/back/x.png"}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.npy", None, "there is no such file"),
        ("codes.txt", b"", "unknown kind of code file '.txt'"),
        ("empty.npy", b"", "damaged or not a file of codes"),
        ("noise.npz", b"PK\x03\x04nothing", "damaged or not a file of codes"),
        ("head.csv", b"name,a,b\nx,1,2\n", "must have the columns code_0, code_1, ..."),
        (
            "text.csv",
            b"name,code_0,code_1,code_2\nx,1,2,a\n",
            "line 2: code_2 must be a number; got 'a'",
        ),
        (
            "gap.csv",
            b"name,code_0,code_1,code_2\nx,1,,3\n",
            "line 2: code_1 must be a number; got ''",
        ),
        ("short.csv", b"name,code_0,code_1,code_2\nx,1,2\n", "line 2 has 3 cells and the first 4"),
        ("nan.csv", b"code_0,code_1,code_2\n1,2,nan\n", "code 0 holds NaN"),
        ("wide.csv", b"code_0,code_1\n1,2\n", "its codes are 2 and this model's 3 numbers"),
        ("bare.csv", b"code_0,code_1,code_2\n", "there are no codes in it"),
        ("noise.parquet", b"PAR1", "damaged or not a parquet file"),
        (
            "bytes.csv",
            b"name,code_0\n\xff\xfe,1\n",
            "is not UTF-8 (byte 0xff): save it as 'CSV UTF-8'",
        ),
        (
            "comma.csv",
            b"code_0;code_1;code_2\n1;2;0,5\n",
            "line 2: code_2 must be a number; got '0,5'; numbers must have a decimal point",
        ),
        (
            "twice.csv",
            b"code_0,code_1,code_1\n1,2,3\n",
            "has the column code_1 twice: keep one of them",
        ),
        (
            "label.csv",
            b"label,code_0,code_1,code_2\ncat,1,2,3\n",
            "line 2: a label must be the number of",
        ),
    ],
)
def test_wrong_codes_are_answered(
    convae: Command, model: Path, tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    done = convae("decode", model, path, "--out", tmp_path / "back")
    assert done.code == 2
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_a_pickle_is_never_loaded(convae: Command, model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "codes.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    done = convae("decode", model, tmp_path / "codes.npy", "--out", tmp_path / "back")
    assert (done.code, "never loaded" in done.err) == (2, True)
    np.savez(tmp_path / "codes.npz", other=np.zeros(3))
    done = convae("decode", model, tmp_path / "codes.npz", "--out", tmp_path / "back")
    assert (done.code, "has no array 'codes'; it has: other" in done.err) == (2, True)
    np.save(tmp_path / "codes.npy", np.zeros(3))
    done = convae("decode", model, tmp_path / "codes.npy", "--out", tmp_path / "back")
    assert (done.code, "got float64 (3,)" in done.err) == (2, True)


def test_parquet_without_pyarrow(
    convae: Command,
    model: Path,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = convae("encode", model, pictures, "--out", tmp_path / "codes.parquet")
    assert (
        done.code,
        "a .parquet file needs the package pyarrow: pip install pyarrow" in done.err,
    ) == (2, True)
    (tmp_path / "codes.parquet").touch()
    done = convae("decode", model, tmp_path / "codes.parquet", "--out", tmp_path / "back")
    assert (
        done.code,
        "a .parquet file needs the package pyarrow: pip install pyarrow" in done.err,
    ) == (2, True)


def test_codes_of_images_of_several_sizes_do_not_fit_one_file(
    convae: Command, spatial: Path, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "in", waves(2, (12, 10, 1)))
    fill(folder / "large", waves(2, (20, 24, 1)))
    done = convae("encode", spatial, folder, "--out", tmp_path / "codes.npy")
    assert (done.code, "encode images of one size at a time" in done.err) == (2, True)
    assert not (tmp_path / "codes.npy").exists()
    assert convae("reconstruct", spatial, folder, "--out", tmp_path / "back").code == 0
    assert convae("evaluate", spatial, folder, "--report", tmp_path / "report").code == 0


def test_an_unknown_kind_is_refused_before_the_model_is_read(
    convae: Command, tmp_path: Path
) -> None:
    done = convae("encode", "none.convae", "digits", "--out", tmp_path / "codes.xls")
    assert (done.code, "must end in .npy or .npz or .csv or .parquet" in done.err) == (2, True)
