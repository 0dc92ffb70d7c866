"""Damaged and foreign files end in one sentence; nothing in them is executed."""

import io
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.conftest import IMAGES, refused

import convae
from convae import ConvAutoencoder, ModelFileError
from convae.storage.sealed_safetensors import MAX_HEADER, read_tensors, write_tensors

# -- damage -------------------------------------------------------------------------------------------


def test_a_file_cut_short_anywhere(file: Path, tmp_path: Path) -> None:
    content, path = file.read_bytes(), tmp_path / "cut.convae"
    header = 8 + struct.unpack("<Q", content[:8])[0]
    for length in (0, 1, 7, 8, 9, 100, header - 1, header, header + 1, len(content) - 1):
        path.write_bytes(content[:length])
        refused(path)


def test_a_file_with_more_behind_it(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.convae"
    path.write_bytes(file.read_bytes() + b"\0")
    refused(path, r"must be [\d,]+ bytes long")


def test_a_huge_sparse_file_is_not_read(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "sparse.convae"
    path.write_bytes(file.read_bytes())
    os.truncate(path, 2**40)
    refused(path, r"must be [\d,]+ bytes long")


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_noticed(data: st.DataObject, file: Path, tmp_path: Path) -> None:
    content = bytearray(file.read_bytes())
    header = 8 + struct.unpack("<Q", content[:8])[0]
    top = data.draw(st.sampled_from([7, header - 1, len(content) - 1]))
    content[data.draw(st.integers(0, top))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "flipped.convae"
    path.write_bytes(content)
    refused(path)


def test_every_byte_of_the_description_counts(file: Path, tmp_path: Path) -> None:
    content, path = file.read_bytes(), tmp_path / "changed.convae"
    for old, new in (
        (b"255.0", b"254.0"),
        (b'\\"epoch\\": 1', b'\\"epoch\\": 2'),
        (b"0.5*mse", b"0.6*mse"),
    ):
        assert old in content
        path.write_bytes(content.replace(old, new, 1))
        refused(path, "do not match its own checksum")


# -- foreign ------------------------------------------------------------------------------------------


class Canary:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("zipped", [False, True])
def test_a_pickle_is_never_executed(protocol: int, zipped: bool, tmp_path: Path) -> None:
    import pickle  # noqa: TID251 - to show that it is not read

    poison = pickle.dumps(Canary(tmp_path / "canary"), protocol)
    path = tmp_path / "poison.convae"
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", poison)
    else:
        path.write_bytes(poison + b"." * 100)
    message = refused(path)
    if zipped or protocol >= 2:
        assert "a pickle or zip archive, which is never loaded" in message
    assert not (tmp_path / "canary").exists()


def test_what_torch_saves_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, buffer)  # noqa: TID251 - to show that it is not read
    (tmp_path / "a.convae").write_bytes(buffer.getvalue())
    refused(tmp_path / "a.convae", "zip archive")


@pytest.mark.parametrize("start", [b"PK", b"\x80\x02"])
def test_a_header_whose_length_looks_like_an_archive(
    start: bytes, model: ConvAutoencoder, file: Path, tmp_path: Path
) -> None:
    """Two bytes of a length mean nothing: such headers exist, and these two are whole eights."""
    tensors, description = read_tensors(file, lambda _: None)
    wanted = struct.unpack("<H", start)[0] + 65536 * (start == b"\x80\x02")
    path = tmp_path / "a.convae"
    filling = 0
    for _ in range(3):
        description["facts"]["notes"] = ["x" * filling]
        write_tensors(path, tensors, description)
        filling += wanted - struct.unpack("<Q", path.read_bytes()[:8])[0]
    assert path.read_bytes()[:2] == start
    assert np.array_equal(convae.load(path).transform(IMAGES), model.transform(IMAGES))


def test_other_files(tmp_path: Path, file: Path) -> None:
    from safetensors.torch import save

    path = tmp_path / "other"
    for content, sentence in (
        (b"", "not a file of convae"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "not a file of convae"),
        (b"<!DOCTYPE html><html></html>", "not a file of convae"),
        (save({"a": torch.zeros(3)}), "a safetensors file, but not one of convae"),
        (save({"a": torch.zeros(3)}, {"convae": "1"}), "not a table"),
        (save({"a": torch.zeros(3)}, {"convae": "{"}), "not JSON"),
        (save({"a": torch.zeros(3)}, {"convae": "{}"}), "not a model file"),
        (struct.pack("<Q", 2) + b"[]", "not a table"),
        (struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc", "not JSON"),
        (struct.pack("<Q", 2**62) + b"{}", "it does not begin as one"),
        (struct.pack("<Q", MAX_HEADER) + b"{}", "cut short"),
        (struct.pack("<Q", 200_000) + b"[" * 200_000, "not JSON"),
    ):
        path.write_bytes(content)
        refused(path, sentence)
    write_tensors(path, {"a": torch.zeros(3)}, {"format": 1, "facts": {}})
    refused(path, "damaged or not a model")


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    refused(tmp_path / "missing", "there is no such file")
    refused(tmp_path, "not a file")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not a file")
    refused(tmp_path / ("x" * 5000), "no such file|cannot be read")
    with pytest.raises(ModelFileError, match="no such file"):
        convae.load("a\0b")


def test_a_checkpoint_is_no_model(tmp_path: Path) -> None:
    run = ConvAutoencoder(latent_dim=2, epochs=1, architecture={"widths": (3,), "blocks": 0})
    from convae.training.checkpoint import CheckpointFolder

    run.fit(IMAGES, checkpoint=CheckpointFolder(tmp_path / "run", every=0))
    (state,) = (tmp_path / "run").glob("*.safetensors")
    refused(state)
