import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convae.errors import InputError
from convae.images.sources.idx import is_idx, read_idx
from convae.images.sources.open_source import open_source

CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def write(path: Path, array: np.ndarray, code: int | None = None, packed: bool = False) -> Path:
    dtype = next(d for d in CODES if np.dtype(d) == array.dtype)
    head = bytes([0, 0, code or CODES[dtype], array.ndim])
    data = head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", CODES)
def test_every_type_and_gzip(tmp_path: Path, dtype: Any, packed: Any) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    path = write(tmp_path / "x.idx", array, packed=packed)
    assert is_idx(path)
    np.testing.assert_array_equal(read_idx(path), array)
    assert open_source(path).read(1).pixels.dtype.isnative


@pytest.mark.parametrize("packed", [False, True])
def test_labels_beside_images_are_found(tmp_path: Path, packed: Any) -> None:
    end = ".gz" if packed else ""
    images = write(
        tmp_path / f"train-images-idx3-ubyte{end}", np.zeros((3, 4, 4), "u1"), packed=packed
    )
    labels = write(tmp_path / "train-labels-idx1-ubyte", np.array([1, 0, 2], "u1"))
    source = open_source(images)
    assert source.labels is not None
    assert source.labels.tolist() == [1, 0, 2]
    assert source.names[2] == f"train-images-idx3-ubyte{end}[2]"
    write(labels, np.array([1, 0], "u1"))
    source = open_source(images)
    assert source.labels is None
    assert "is not used" in source.notes[0]


def test_labels_are_no_images(tmp_path: Path) -> None:
    path = write(tmp_path / "train-labels-idx1-ubyte", np.array([1, 0, 2], "u1"))
    with pytest.raises(InputError, match="labels, not images"):
        open_source(path)


@pytest.mark.parametrize("packed", [False, True])
def test_truncated_files_are_refused(tmp_path: Path, packed: Any) -> None:
    path = write(tmp_path / "x.idx", np.random.default_rng(0).integers(0, 255, (9, 9, 9), "u1"))
    data = path.read_bytes()[:-5]
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(InputError, match="truncated IDX file"):
        read_idx(path)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.gz", np.zeros((9, 99, 99), "u1"), packed=True)
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="IDX file"):
        read_idx(path)
    data[-6] ^= 1  # in the CRC
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged or not an IDX file"):
        read_idx(path)


def test_a_header_that_lies_takes_no_memory(tmp_path: Path) -> None:
    head = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**10, 2**10)
    (tmp_path / "x.gz").write_bytes(gzip.compress(head + b"x"))
    (tmp_path / "x").write_bytes(head + b"x")
    with pytest.raises(InputError, match="its header claims"):
        read_idx(tmp_path / "x.gz")
    with pytest.raises(InputError, match="truncated"):
        read_idx(tmp_path / "x")


@pytest.mark.parametrize("data", [b"", b"\0\0\x08", b"\0\0\x07\x03aaaa", b"\x1f\x8bjunk", b"PNG"])
def test_what_is_not_idx(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    assert not is_idx(tmp_path / "x")
    with pytest.raises(InputError, match="IDX"):
        read_idx(tmp_path / "x")
