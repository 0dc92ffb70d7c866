import gzip
import hashlib
import io
import json
import struct
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convae.errors import InputError
from convae.images.sources import download, named_sets
from convae.images.sources.named_sets import canonical_name, open_named
from convae.images.sources.open_source import open_source


@pytest.fixture(autouse=True)
def _nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CONVAE_DATA_DIR", raising=False)


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.tobytes())


def mnist_files(count: int = 3) -> dict[str, bytes]:
    images = np.arange(count * 28 * 28, dtype=np.uint8).reshape(count, 28, 28)
    labels = np.arange(count, dtype=np.uint8)
    return {
        f"{stem}-{kind}.gz": idx(data)
        for stem in ("train", "t10k")
        for kind, data in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels))
    }


def test_digits() -> None:
    train, test = open_source("digits"), open_source("digits", split="test")
    assert (len(train), len(test)) == (1437, 360)
    pixels = train.read(0).pixels
    assert pixels.shape == (8, 8, 1)
    assert pixels.dtype == np.uint8
    assert max(int(train.read(i).pixels.max()) for i in range(20)) == 255
    assert train.labels is not None
    assert train.labels[:4].tolist() == [0, 1, 2, 3]
    assert train.names[5] == "digits-train[5]"
    assert train.label_names == tuple("0123456789")


@pytest.mark.parametrize("name", ["Fashion_MNIST", "fashionmnist", "fashion-mnist"])
def test_spellings(name: Any) -> None:
    assert canonical_name(name) == "fashion-mnist"


@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw"])
@pytest.mark.parametrize("how", ["argument", "environment", "cache", "itself"])
def test_places_that_are_looked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, how: str
) -> None:
    place = tmp_path / "cache" / "convae" if how == "cache" else tmp_path / "data"
    (place / folder).mkdir(parents=True)
    for name, data in mnist_files().items():
        (place / folder / name).write_bytes(data)
    given = {"argument": place, "itself": place / folder}.get(how)
    if how == "environment":
        monkeypatch.setenv("CONVAE_DATA_DIR", str(place))
    source = open_source("mnist", data_dir=given, split="test")
    assert len(source) == 3
    assert source.description == "mnist (test) (3, 28, 28)"


def test_nowhere_says_where_it_looked_and_what_a_download_costs(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_source("mnist", data_dir=tmp_path / "data")
    text = str(caught.value)
    assert str(tmp_path / "data" / "mnist") in text
    assert str(tmp_path / "cache" / "convae" / "mnist") in text
    assert "--download (in Python download=True) fetches 12 MB from ossci-datasets.s3" in text


def test_real_sets(shared_data: Path) -> None:
    for name, train, test in (
        ("mnist", 60000, 10000),
        ("fashion-mnist", 60000, 10000),
        ("cifar10", 4000, 1000),
    ):
        sources = [open_source(name, data_dir=shared_data, split=s) for s in ("train", "test")]
        assert [len(source) for source in sources] == [train, test]
        assert all(source.labels is not None for source in sources)
    cifar = open_source("cifar10", data_dir=shared_data)
    assert cifar.labels is not None
    assert cifar.labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert [cifar.label_names[i] for i in cifar.labels[:2]] == ["frog", "truck"]


def records(labels: list[int]) -> bytes:
    block = b""
    for label in labels:
        planes = np.stack([np.full((32, 32), 10 * c + label, np.uint8) for c in range(3)])
        planes[:, 0, 1] = 99  # row 0, column 1
        block += bytes([label]) + planes.tobytes()
    return block


@pytest.mark.parametrize("packed", [True, False])
def test_cifar_binary(tmp_path: Path, packed: Any) -> None:
    folder = tmp_path / "cifar10"
    folder.mkdir()
    files = {f"data_batch_{i}.bin": records([i, 0]) for i in range(1, 6)}
    files["test_batch.bin"] = records([7])
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name, data in files.items():
            if not packed:
                (folder / name).write_bytes(data)
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    if not packed:
        (folder / "cifar-10-binary.tar.gz").unlink()
    source = open_source("cifar10", data_dir=tmp_path)
    assert source.labels is not None
    assert source.labels.tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    pixels = source.read(0).pixels
    assert pixels[5, 5].tolist() == [1, 11, 21]
    assert pixels[0, 1].tolist() == [99, 99, 99]
    assert len(open_source("cifar10", data_dir=tmp_path, split="test")) == 1


def test_damaged_sets_are_named(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "cifar-10-binary.tar.gz").write_bytes(b"junk")
    with pytest.raises(InputError, match=r"cifar-10-binary\.tar\.gz: damaged archive"):
        open_source("cifar10", data_dir=tmp_path)
    (tmp_path / "cifar10" / "cifar-10-binary.tar.gz").unlink()
    (tmp_path / "cifar10" / "test_batch.bin").write_bytes(b"short")
    with pytest.raises(InputError, match="whole CIFAR-10 records"):
        open_source("cifar10", data_dir=tmp_path, split="test")
    (tmp_path / "mnist").mkdir()
    for name, data in mnist_files().items():
        (tmp_path / "mnist" / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="train-images-idx3-ubyte"):
        open_source("mnist", data_dir=tmp_path)


def test_the_pickled_version_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "cifar-10-python.tar.gz").write_bytes(b"junk")
    with pytest.raises(InputError, match="is not on this machine"):
        open_source("cifar10", data_dir=tmp_path)


def test_mosaics_must_match_their_labels(tmp_path: Path, shared_data: Path) -> None:
    folder = tmp_path / "cifar10_lossless5k"
    folder.mkdir()
    (folder / "test_0.png").symlink_to(shared_data / "cifar10_lossless5k" / "test_0.png")
    (folder / "labels.json").write_text(json.dumps({"test": [1, 2, 3]}))
    with pytest.raises(InputError, match="1000 images and 3 labels"):
        open_source("cifar10", data_dir=tmp_path, split="test")


def test_download_fetches_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, web_server: Any
) -> None:
    files = mnist_files()
    web_server.files.update({f"/{name}": data for name, data in files.items()})
    monkeypatch.setattr(download, "_SCHEMES", ("http",))
    remotes = tuple(
        download.Remote(name, f"{web_server.url}/{name}", len(data), hashlib.md5(data).hexdigest())
        for name, data in files.items()
    )
    monkeypatch.setitem(
        named_sets._SETS, "mnist", replace(named_sets._SETS["mnist"], remotes=remotes)
    )
    seen: list[tuple[str, int, int]] = []
    source = open_named(
        "mnist", data_dir=tmp_path, download=True, progress=lambda *step: seen.append(step)
    )
    assert len(source) == 3
    assert len(seen) == 4
    assert len(open_source("mnist", data_dir=tmp_path, download=True)) == 3
    assert len(web_server.requests) == 4  # the second time nothing is asked for
