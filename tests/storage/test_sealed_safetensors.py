"""The tensor file: what is written comes back, and nothing else is ever believed or executed."""

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from convae.errors import ConvaeError, ModelFileError
from convae.storage.sealed_safetensors import (
    MAX_HEADER,
    read_description,
    read_tensors,
    write_tensors,
)

TENSORS = {
    "weight": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "count": torch.tensor(3),
    "half": torch.tensor([1.5, -(2.0**-24), 65504.0], dtype=torch.float16),
    "empty": torch.zeros(0, 4),
}
EXPECTED = {name: (t.dtype, tuple(t.shape)) for name, t in TENSORS.items()}
DESCRIPTION = {"format": 1, "name": "größe", "values": [0.1, 1e-300, None, True]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "state.safetensors"
    write_tensors(file, TENSORS, DESCRIPTION)
    return file


def refusal(path: Path, expected: Any = None) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_tensors(path, lambda _: expected)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_what_is_written_comes_back(path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def check(description: dict[str, Any]) -> Any:
        seen.append({k: v for k, v in description.items() if k != "sha256"})
        return EXPECTED

    tensors, description = read_tensors(path, check)
    assert {name: t.dtype for name, t in tensors.items()} == {
        name: t.dtype for name, t in TENSORS.items()
    }
    assert all(torch.equal(tensors[name], t) for name, t in TENSORS.items())
    digest = description.pop("sha256")
    assert len(digest) == 64
    assert description == DESCRIPTION
    assert seen == [DESCRIPTION]
    assert read_description(path) == {**DESCRIPTION, "sha256": digest}


def test_the_same_content_gives_the_same_file(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    digest = write_tensors(other, TENSORS, DESCRIPTION)
    assert other.read_bytes() == path.read_bytes()
    assert digest == read_description(path)["sha256"]


def test_channels_last_and_views_are_written_by_value(tmp_path: Path) -> None:
    x = torch.rand(2, 3, 4, 5)
    tensors = {
        "last": x.contiguous(memory_format=torch.channels_last),
        "view": x.permute(3, 2, 1, 0),
    }
    write_tensors(tmp_path / "x", tensors, {})
    loaded, _ = read_tensors(tmp_path / "x", lambda _: None)
    assert torch.equal(loaded["last"], x)
    assert torch.equal(loaded["view"], x.permute(3, 2, 1, 0))


def test_nan_is_not_written_as_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_tensors(tmp_path / "x", TENSORS, {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_every_flipped_bit_is_noticed(path: Path) -> None:
    """One bit of every byte: in lengths, names, descriptions and values alike."""
    good = path.read_bytes()
    for place in range(len(good)):
        damaged = bytearray(good)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        refusal(path, EXPECTED)
    path.write_bytes(good)
    read_tensors(path, lambda _: EXPECTED)


def test_every_shorter_file_is_noticed(path: Path) -> None:
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        refusal(path, EXPECTED)
    path.write_bytes(good + b"\0")
    assert "must be" in refusal(path, EXPECTED)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_end_in_one_sentence(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    refusal(path)


def with_header(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def described(entries: dict[str, Any], text: str = "{}") -> bytes:
    return json.dumps({"__metadata__": {"convae": text}, **entries}).encode()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "not a file of convae"),
        (struct.pack("<Q", 2**63) + b"{}", "it does not begin as one"),
        (struct.pack("<Q", MAX_HEADER + 1), "it does not begin as one"),
        (struct.pack("<Q", MAX_HEADER) + b"{}", "cut short: the header ends after 2 of"),
        (with_header(b"not json"), "its header is not JSON"),
        (with_header(b"[" * 100_000), "its header is not JSON"),
        (with_header(b"\xff\xfe"), "its header is not JSON"),
        (with_header(b"[1, 2]"), "its header is not a table"),
        (with_header(b'{"__metadata__": 5}'), "a safetensors file, but not one of convae"),
        (save({"x": torch.zeros(2)}), "a safetensors file, but not one of convae"),
        (save({"x": torch.zeros(2)}, {"format": "pt"}), "but not one of convae"),
        (with_header(described({}, "{")), "its description is not JSON"),
        (with_header(described({}, "[" * 100_000)), "its description is not JSON"),
        (with_header(described({}, "[]")), "its description is not a table"),
        (with_header(described({})), "do not match its own checksum"),
        (with_header(described({"x": 5})), "tensor x is not described"),
        (
            with_header(described({"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})),
            "tensor x is not described",
        ),
        (
            with_header(described({"x": {"dtype": "F32", "shape": [2**60], "data_offsets": [0]}})),
            "must be",
        ),
        (
            with_header(described({"x": {"dtype": "BOGUS", "shape": [1], "data_offsets": [0, 1]}})),
            "tensor x is not described",
        ),
    ],
)
def test_foreign_and_hostile_files(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert text in refusal(path)


class Canary:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_is_never_loaded(tmp_path: Path, protocol: int) -> None:
    import pickle  # noqa: TID251

    canary, path = tmp_path / "canary", tmp_path / "model"
    path.write_bytes(pickle.dumps(Canary(canary), protocol))
    message = refusal(path)
    assert ("pickle or zip archive, which is never loaded" in message) == (protocol >= 2)
    assert not canary.exists()
    pickle.loads(path.read_bytes())  # noqa: S301
    assert canary.exists()  # the canary would have sung


def test_a_zip_is_never_loaded(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", b"x")
    path = tmp_path / "model"
    path.write_bytes(buffer.getvalue())
    assert "pickle or zip archive" in refusal(path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"more": (torch.float32, (1,))}, "tensors more missing"),
        ({"count": None}, "tensors count not expected"),
        (
            {"count": None, "weight": None, "empty": None},
            "tensors count, empty, weight not expected",
        ),
        ({"weight": (torch.float32, (3, 2))}, "tensor weight is ('F32', [2, 3]) and must be"),
        ({"weight": (torch.int64, (2, 3))}, "must be ('I64', [2, 3])"),
        ({f"m{i}": (torch.float32, (1,)) for i in range(9)}, "m0, m1, m2 and 6 more missing"),
    ],
)
def test_tensors_must_be_those_expected(path: Path, change: dict[str, Any], text: str) -> None:
    expected = {name: e for name, e in {**EXPECTED, **change}.items() if e is not None}
    assert text in refusal(path, expected)


def test_the_check_may_refuse_before_tensors_are_read(path: Path) -> None:
    def refuse(description: dict[str, Any]) -> None:
        raise ModelFileError(f"format {description['format']} is not mine")

    with pytest.raises(ModelFileError, match="format 1 is not mine"):
        read_tensors(path, refuse)


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "absent")
    assert "not a file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in refusal(tmp_path / "pipe")


def test_a_write_that_fails_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConvaeError, match="disk is full"):
        write_tensors(path, {"x": torch.zeros(5)}, {})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
