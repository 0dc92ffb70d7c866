"""Damaged, foreign and hostile inputs of every reader end in one of convae's own errors, in one line."""

import io
import json
import os
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from convae.cli.io.code_reading import count_codes, read_codes
from convae.cli.settings import read_config
from convae.errors import ConvaeError, InputError, ModelFileError, brief, damage
from convae.images.sources.open_source import open_source
from convae.training.checkpoint import MANIFEST, CheckpointFolder
from fuzzing.case import Seed
from fuzzing.mutations import make_case
from fuzzing.readers import READERS

CASES = {"arrays": 250, "codes": 250, "tables": 80, "configurations": 80, "png": 80, "tiff": 120,
         "netpbm": 60, "models": 20}  # fmt: skip


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Seed:
    import convae
    from fuzzing.other_seeds import IMAGES, TINY

    path = tmp_path_factory.mktemp("model") / "m.convae"
    convae.ConvAutoencoder.from_options(TINY).fit(IMAGES).save(path)
    return Seed("autoencoder", {"m.convae": path.read_bytes()})


@pytest.fixture(autouse=True)
def cheap_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders warn of what they then read or refuse
        yield


@pytest.mark.parametrize("name", CASES)
def test_mutated_inputs(name: str, small_model: Seed, tmp_path: Path) -> None:
    reader, refused = READERS[name], 0
    seeds = [small_model] if name == "models" else reader.seeds(tmp_path)
    for number in range(CASES[name]):
        case, said = make_case(reader, seeds, 0, number)
        path = case.write(tmp_path / f"{name}-{number}")
        try:
            reader.read(path)
        except ConvaeError as error:
            refused += 1
            message = str(error)
            if "\n" in message or " at 0x" in message or len(message) > 1500 + 2 * len(str(path)):
                pytest.fail(f"{said}: {message:.2000}")
        except Exception as error:
            pytest.fail(f"{said}: {type(error).__name__}: {error}")
    assert refused > CASES[name] / 10


def _npy(header: str, body: bytes = bytes(192)) -> bytes:
    head = header.encode()
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + body


HEADERS = {
    "open bracket": "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4, 4)",
    "many brackets": "(" * 9000,
    "many signs": "-" * 9000,
    "a formatted text": "{'descr': f'<f4', 'fortran_order': False, 'shape': (3, 4, 4)}",
    "huge": f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'9' * 30}, 4, 4)}}",
    "huge product": "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4)}",
    "negative": "{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 4, 4)}",
    "truth": "{'descr': '<f4', 'fortran_order': False, 'shape': (True, 4, 4)}",
    "no type": "{'descr': None, 'fortran_order': False, 'shape': (3, 4, 4)}",
    "pairs": "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 4, 4)}",
    "other keys": "{1: 2}",
    "not a table": "[]",
    "nothing": "",
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("packed", [False, True])
def test_headers_of_numpy_files(name: str, packed: bool, tmp_path: Path) -> None:
    content, path = _npy(HEADERS[name]), tmp_path / ("a.npz" if packed else "a.npy")
    if packed:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("codes.npy", content)
        content = file.getvalue()
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{path.name}.*"):
        open_source(path)
    with pytest.raises(InputError, match=rf"{path.name}: "), read_codes(path) as rows:
        list(rows)
    assert count_codes(path) >= 0 or name == "negative"


def test_an_archive_that_is_encrypted_or_packed_in_an_unknown_way(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, codes=np.zeros((3, 4, 4)))
    good = path.read_bytes()
    central = good.index(b"PK\x01\x02")
    for local, where, value in ((6, 8, 1), (8, 10, 97)):
        content = bytearray(good)
        content[local], content[central + where] = value, value
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.npz: damaged or not a NumPy file"):
            open_source(path)
        with pytest.raises(InputError, match="a file of codes"), read_codes(path) as rows:
            list(rows)


def test_an_archive_that_holds_less_than_its_header_claims_costs_no_memory(tmp_path: Path) -> None:
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 9000, 9000)}"
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", _npy(head, b"1234"))
    with pytest.raises(InputError, match=r"x \(3, 9000, 9000\) needs 972,000,000 bytes, it has"):
        open_source(path)


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize("start", ["[", '{"a":'])
def test_a_manifest_of_brackets(depth: int, start: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(start * depth)
    with pytest.raises(ModelFileError, match=r"manifest\.json: damaged") as caught:
        CheckpointFolder(tmp_path).load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["\n", "a\x1b[2J", "\0", "x" * 5000, ""])
def test_a_manifest_that_names_no_file(name: str, tmp_path: Path) -> None:
    manifest = {"format": 1, "file": name, "sha256": "0" * 64, "step": 1}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelFileError, match=r": not a file$|there is no such file$") as caught:
        CheckpointFolder(tmp_path).load()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = '", "\0"])
def test_a_configuration_that_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"c\.toml: (damaged or )?not a TOML file") as caught:
        read_config(path)
    assert len(str(caught.value)) < 300 + len(str(path))


def test_what_a_parser_raises_becomes_one_sentence() -> None:
    for fault, text in (
        (
            NotImplementedError("zip\n\n\x1b[2J version"),
            r"^x: damaged or not a y \(zip \[2J version\)$",
        ),
        (KeyError("a"), r"^x: damaged or not a y \('a'\)$"),
        (OSError(28, "No space left on device"), "^x: cannot be read: No space left on device$"),
        (MemoryError(), "^x: there is not enough memory"),
        (
            ValueError("Object arrays need allow_pickle=True"),
            "pickled objects, which are never loaded",
        ),
        (AttributeError(), r"\(AttributeError\)$"),
        (ModelFileError("as it is"), "^as it is$"),
    ):
        with pytest.raises(InputError, match=text), damage("x", "a y"):
            raise fault
    with pytest.raises(KeyboardInterrupt), damage("x", "a y"):
        raise KeyboardInterrupt


def test_faults_are_shortened() -> None:
    assert brief("x" * 1000) == "x" * 157 + "..."
    assert brief(ValueError("<ast.Call object at 0x7fe2460221a0> here")) == "<ast.Call object> here"
