from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convae.errors import InputError
from convae.images.sources.open_source import open_source


def test_npy_is_memory_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    source = open_source(tmp_path / "a.npy")
    assert isinstance(source.array, np.memmap)  # type: ignore[attr-defined]
    assert source.names[1] == "a.npy[1]"
    assert source.read(1).info.conversions == ("int16 read as float32",)


def test_npz_finds_the_images_and_their_labels(tmp_path: Path) -> None:
    images = np.zeros((3, 4, 4), np.uint8)
    np.savez(tmp_path / "one.npz", anything=images, y=np.array([2, 0, 1]))
    source = open_source(tmp_path / "one.npz")
    assert source.labels is not None
    assert source.labels.tolist() == [2, 0, 1]
    np.savez(tmp_path / "two.npz", a=images, b=images[:2])
    with pytest.raises(InputError, match=r"several arrays.*two\.npz:KEY"):
        open_source(tmp_path / "two.npz")
    assert len(open_source(f"{tmp_path}/two.npz:b")) == 2
    with pytest.raises(InputError, match="has no array 'c'; it has: a, b"):
        open_source(f"{tmp_path}/two.npz:c")


def test_npz_with_both_parts(tmp_path: Path) -> None:
    one, two = np.zeros((5, 4, 4), np.uint8), np.zeros((2, 4, 4), np.uint8)
    np.savez(tmp_path / "m.npz", x_train=one, x_test=two, y_train=np.arange(5), y_test=np.arange(2))
    assert len(open_source(tmp_path / "m.npz")) == 5
    test = open_source(tmp_path / "m.npz", split="test")
    assert test.labels is not None
    assert test.labels.tolist() == [0, 1]


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}, None], dtype=object)
    np.save(tmp_path / "o.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "o.npz", x=objects)
    with pytest.raises(InputError, match="never loaded"):
        open_source(tmp_path / "o.npy")
    with pytest.raises(InputError, match="no array in it is a stack"):
        open_source(tmp_path / "o.npz")
    with pytest.raises(InputError, match="never loaded"):
        open_source(f"{tmp_path}/o.npz:x")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize("data", [b"", b"PK\x03\x04junk", b"\x93NUMPY\x01\x00\xff\xff{", b"text"])
def test_damaged_array_files(tmp_path: Path, name: Any, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=r"a\.np"):
        open_source(tmp_path / name)
