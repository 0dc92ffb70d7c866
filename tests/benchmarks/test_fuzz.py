"""The fuzzing benchmark: cases repeat, mutations keep what they must, findings are told from refusals."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convae.errors import InputError
from convae.storage.sealed_safetensors import read_tensors, write_tensors
from fuzzing import edits, image_seeds
from fuzzing.case import Reader, Seed
from fuzzing.child import attempt, kind_of_finding
from fuzzing.mutations import PLAIN, make_case
from fuzzing.readers import READERS

SEEDS = [Seed("a", {"a.bin": bytes(range(256))}), Seed("b", {"a.bin": b"12 3.5 -7"})]


def reader(read: Any) -> Reader:
    return Reader("test", lambda _: SEEDS, read)


def test_a_case_is_a_function_of_its_number() -> None:
    door = reader(print)
    cases = [make_case(door, SEEDS, 0, number) for number in range(50)]
    assert cases == [make_case(door, SEEDS, 0, number) for number in range(50)]
    assert len({case.files["a.bin"] for case, _ in cases}) > 40
    assert cases[:10] != [make_case(door, SEEDS, 1, number) for number in range(10)]


@pytest.mark.parametrize("mutation", PLAIN)
def test_plain_mutations_take_any_bytes(mutation: Any) -> None:
    rng = random.Random(0)
    for data in (b"", b"a", bytes(300)):
        for _ in range(50):
            assert isinstance(mutation(data, data, rng), bytes)


def test_a_resealed_file_passes_its_checksum(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "a"
    write_tensors(path, {"x": torch.zeros(2)}, {"format": 1, "facts": {"a": [1, 2]}})
    before = path.read_bytes()
    changed = {edits.resealed(before, before, random.Random(i)) for i in range(20)}
    assert len(changed) > 10
    for content in changed:
        path.write_bytes(content)
        read_tensors(path, lambda _: None)


def test_a_changed_png_chunk_has_a_checksum_that_fits() -> None:
    import struct
    import zlib

    data = image_seeds.png()["grey.png"]
    for i in range(20):
        changed, at = edits.png_chunk(data, data, random.Random(i)), 8
        while at < len(changed):
            (length,) = struct.unpack(">I", changed[at : at + 4])
            body = changed[at + 4 : at + 8 + length]
            assert changed[at + 8 + length : at + 12 + length] == struct.pack(
                ">I", zlib.crc32(body)
            )
            at += 12 + length


@pytest.mark.parametrize("name", ["png", "netpbm", "arrays", "codes"])
def test_seeds_are_valid(name: str, tmp_path: Path) -> None:
    for seed in READERS[name].seeds(tmp_path):
        READERS[name].read(seed.write(tmp_path / seed.name))


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="memory is measured as on Linux"
)
def test_outcomes(tmp_path: Path) -> None:
    def fails(error: BaseException) -> Any:
        def read(path: Path) -> None:
            raise error

        return reader(read)

    def takes(path: Path) -> None:
        np.ones(450 * 2**20, np.uint8)

    assert attempt(reader(lambda path: None), SEEDS[0], tmp_path)[0] == "read"
    assert attempt(fails(InputError("no")), SEEDS[0], tmp_path)[0] == "refused"
    assert attempt(fails(InputError("a\nb")), SEEDS[0], tmp_path)[0] == "finding"
    outcome, fault = attempt(fails(KeyError("x")), SEEDS[0], tmp_path)
    assert outcome == "finding"
    assert kind_of_finding(fault).startswith("KeyError")
    outcome, fault = attempt(reader(takes), SEEDS[0], tmp_path)
    assert outcome == "finding"
    assert kind_of_finding(fault) == "TooLarge_nowhere"
