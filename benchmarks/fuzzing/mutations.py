"""Mutations that know nothing of the file: bits, bytes, lengths, cuts, splices, numbers in text."""

import contextlib
import random
import re
import struct

from fuzzing.case import Mutation, Reader, Seed

_SPECIAL = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1,
            2**40, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
_NUMBERS = (b"0", b"-1", b"1", b"65536", b"4294967295", b"99999999999999999999", b"1e400", b"nan", b"inf",
            b"", b"0x7f", b"1.5", b"9" * 5000, b"-0", b"\xd9\xa3", b"1_0")  # fmt: skip


def flip_bits(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One to 16 bits."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16)) if data else 0):
        changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_bytes(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A run of bytes becomes random, zero or all ones."""
    at, length = _place(data, rng), rng.choice((1, 2, 4, 8, 32))
    fill = rng.choice((b"\0" * length, b"\xff" * length, rng.randbytes(length)))
    return data[:at] + fill + data[at + length :]


def set_number(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A number of 1, 2, 4 or 8 bytes becomes a special one: lengths, counts and offsets blown up."""
    size, order = rng.choice((1, 2, 4, 8)), rng.choice("<>")
    value = rng.choice(_SPECIAL) % 2 ** (8 * size)
    packed = struct.pack(order + {1: "B", 2: "H", 4: "I", 8: "Q"}[size], value)
    at = _place(data, rng)
    return data[:at] + packed + data[at + size :]


def add_to_number(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A number of 2 or 4 bytes grows or shrinks a little, or is doubled."""
    form = rng.choice(("<H", ">H", "<I", ">I"))
    size, at = struct.calcsize(form), _place(data, rng)
    if at + size > len(data):
        return data
    value = struct.unpack_from(form, data, at)[0]
    value = rng.choice((value + 1, value - 1, value * 2, value + rng.randrange(64)))
    return data[:at] + struct.pack(form, value % 2 ** (8 * size)) + data[at + size :]


def cut(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """The file ends early."""
    return data[: rng.randrange(len(data) + 1)]


def remove(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A part of it is missing."""
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def repeat(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A part of it comes several times."""
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 2, 50)) + data[end:]


def insert(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Random bytes come in between."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 100))) + data[at:]


def splice(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """The start of one seed, the end of another."""
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def transplant(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A part of another seed comes in place of as many bytes."""
    start, end = _span(other, rng)
    at = _place(data, rng)
    return data[:at] + other[start:end] + data[at + end - start :]


def set_text_number(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A number written in digits becomes another, or none."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data[:100_000]))
    if not found:
        return set_bytes(data, other, rng)
    match = rng.choice(found)
    return data[: match.start()] + rng.choice(_NUMBERS) + data[match.end() :]


PLAIN: tuple[Mutation, ...] = (
    flip_bits, flip_bits, set_bytes, set_number, set_number, add_to_number, cut, remove, repeat, insert,
    splice, transplant, set_text_number,
)  # fmt: skip


def make_case(reader: Reader, seeds: list[Seed], seed: int, number: int) -> tuple[Seed, str]:
    """Case ``number`` of a run: the input, and in words what was done to it."""
    rng = random.Random(f"{seed} {reader.name} {number}")
    chosen, other = rng.choice(seeds), rng.choice(seeds)
    said = [chosen.name]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        structured = reader.edits and rng.random() < 0.5
        mutation = rng.choice(reader.edits if structured else PLAIN)
        name = rng.choice(list(chosen.files))
        content = chosen.files[name]
        # A mutation made for a structure fails where another has destroyed it already.
        with contextlib.suppress(Exception):
            content = mutation(content, _other(other, name, rng), rng)
        chosen = chosen.changed(name, content)
        said.append(f"{mutation.__name__} of {name}")
    return chosen, ", ".join(said)


def _other(seed: Seed, name: str, rng: random.Random) -> bytes:
    return seed.files.get(name) or rng.choice(list(seed.files.values()))


def _place(data: bytes, rng: random.Random) -> int:
    """A position; headers are short, so every other one is among the first bytes."""
    if not data:
        return 0
    return rng.randrange(min(len(data), rng.choice((64, 512, len(data), len(data)))))


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    at = _place(data, rng)
    return at, min(len(data), at + rng.choice((1, 4, 16, 256, 4096)))
