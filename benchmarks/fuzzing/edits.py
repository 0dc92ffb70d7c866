"""Mutations that know a file's structure, so that what they change gets past checksums and first checks."""

import gzip
import io
import json
import random
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzzing.case import Mutation
from fuzzing.mutations import PLAIN

ODD: list[Any] = [
    None, True, False, -1, 0, 1, 3, 10**9, 2**63, 10**400, 1.5, -1e308, 1e-320, "", "a", "x" * 10**5, "\n",
    "\0", "\ud800", "../a", [], [[]], {}, [1, 2, 3], [None], ["a"], {"a": 1}, [[1, 2]], [0.5] * 300,
    "1", "nan", "mse", "auto",
]  # fmt: skip
Path_ = tuple[Any, ...]


def _plain(data: bytes, rng: random.Random) -> bytes:
    return rng.choice(PLAIN)(data, data, rng)


# -- images ------------------------------------------------------------------------------------


def png_chunk(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A chunk is changed (its checksum fits), dropped, doubled, or moved."""
    chunks, at = list[tuple[bytes, bytes]](), 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return data
    i = rng.randrange(len(chunks))
    name, body = chunks[i]
    how = rng.randrange(5)
    if how == 0:
        del chunks[i]
    elif how == 1:
        chunks.insert(rng.randrange(len(chunks) + 1), chunks[i])
    elif how == 2 and name in (b"IDAT", b"zTXt", b"iCCP"):
        chunks[i] = name, _recompressed(body, rng)
    else:
        chunks[i] = name, _plain(body, rng)
    joined = b"".join(
        struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b)) for n, b in chunks
    )
    return data[:8] + joined


def _recompressed(body: bytes, rng: random.Random) -> bytes:
    return zlib.compress(_plain(zlib.decompress(body), rng))


def tiff_tag(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """An entry of one of the first directories gets another tag, type, count or value."""
    order = "<" if data[:2] == b"II" else ">"
    entries = list(_tiff_entries(data, order))
    if not entries:
        return data
    at, big = rng.choice(entries)
    changed = bytearray(data)
    if big:
        fields = ((0, "H"), (2, "H"), (4, "Q"), (12, "Q"), (12, "H"))
    else:
        fields = ((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H"))
    offset, kind = rng.choice(fields)
    size = struct.calcsize(kind)
    (old,) = struct.unpack_from(order + kind, data, at + offset)
    special = (
        0,
        1,
        2,
        3,
        4,
        5,
        8,
        13,
        16,
        255,
        4095,
        65535,
        2**31,
        2**32 - 1,
        len(data),
        len(data) + 1,
    )
    value = rng.choice((*special, old + 1, old * 2, old - 1, old + len(data)))
    struct.pack_into(order + kind, changed, at + offset, value % 2 ** (8 * size))
    return bytes(changed)


def _tiff_entries(data: bytes, order: str) -> Iterator[tuple[int, bool]]:
    """(offset of an entry, whether it is a BigTIFF's), for the first directories."""
    big = data[2:4] in (b"+\0", b"\0+")
    start, number, count, entry = (8, "Q", "Q", 20) if big else (4, "I", "H", 12)
    for _ in range(4):
        try:
            (at,) = struct.unpack_from(order + number, data, start)
            (entries,) = struct.unpack_from(order + count, data, at)
        except struct.error:
            return
        first = at + struct.calcsize(count)
        for i in range(min(entries, 60)):
            if first + (i + 1) * entry <= len(data):
                yield first + i * entry, big
        start = first + entries * entry
        if not at or start + 8 > len(data):
            return


# -- arrays ------------------------------------------------------------------------------------

_NPY = (
    "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 30 + ", 4, 4)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 4, 4)}",
    "{'descr': '<f8', 'fortran_order': True, 'shape': (3.5, 4, 4)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (True, 4, 4)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': 'abc'}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4)}",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3, 4, 4)}",
    "{'descr': '|S0', 'fortran_order': False, 'shape': (3, 4, 4)}",
    "{'descr': '|V0', 'fortran_order': False, 'shape': (9999999999, 99999, 4)}",
    "{'descr': '|O', 'fortran_order': False, 'shape': (3, 4, 4)}",
    "{'descr': None, 'fortran_order': False, 'shape': (3, 4, 4)}",
    "{'descr': ('<f8', (2, 2)), 'fortran_order': False, 'shape': (3, 4)}",
    "{'descr': '<c8', 'fortran_order': False, 'shape': (3, 4, 4)}",
    "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (3, 4, 4)}",
    "{'descr': '<f16', 'fortran_order': False, 'shape': (3, 4, 4)}",
    "{'descr': '<f8', 'fortran_order': 7, 'shape': (3, 4, 4)}",
    "{'descr': '<f8', 'shape': (3, 4, 4)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4, 4), 'more': 1}",
    "{1: 2, (3,): 4}", "[]", "(" * 500, "{" * 90, "'", "\\", "{'descr': '<f8'", "-" * 9000, "0x", "1e999",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1," * 40 + ")}",
    "{'descr': '<U1', 'fortran_order': False, 'shape': (3, 4, 4)}", "\0", "é", "{**{}}", "f'{1}'",
)  # fmt: skip


def npy_header(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Another description of the array; lengths fit."""
    if data[:6] != b"\x93NUMPY" or len(data) < 10:
        return data
    size = struct.unpack("<H", data[8:10])[0]
    text = data[10 : 10 + size]
    head = rng.choice(_NPY).encode("utf-8") if rng.random() < 0.5 else _plain(text, rng)
    version = rng.choice(((1, 0), (1, 0), (2, 0), (3, 0), (4, 0), (1, 1)))
    length = struct.pack("<H" if version[0] == 1 else "<I", min(len(head), 65535))
    return data[:6] + bytes(version) + length + head[:65535] + data[10 + size :]


def zip_member(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A member of an archive is changed inside (its checksum fits), renamed, doubled, or left out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    i = rng.randrange(len(members))
    name, body = members[i]
    how = rng.randrange(6)
    if how == 0:
        members[i] = rng.choice(("a", "x.npy", "codes.npy", "", "../x.npy", "y.npy", "é.npy")), body
    elif how == 1:
        members.append(members[i])
    elif how == 2:
        del members[i]
    elif how == 3:
        members[i] = name, _plain(body, rng)
    else:
        members[i] = name, npy_header(body, body, rng)
    file = io.BytesIO()
    kind = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return file.getvalue()


def zip_method(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A member claims to be encrypted, or compressed in a way that is not known."""
    changed = bytearray(data)
    for match in re.finditer(rb"PK\x01\x02|PK\x03\x04", data):
        at = match.start() + (8 if match.group() == b"PK\x01\x02" else 6)
        offset, value = rng.choice(((0, 1), (2, 97), (2, 12), (0, 0x2041), (2, 9)))
        if at + offset + 2 <= len(data):
            struct.pack_into("<H", changed, at + offset, value)
    return bytes(changed)


def gzip_inside(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """What a gzipped file holds is changed."""
    return gzip.compress(_plain(gzip.decompress(data), rng), mtime=0)


# -- text --------------------------------------------------------------------------------------

_CELLS = ("", '"', '"a', "nan", "1e999", "-1", "a,b", "a;b", "\r", "\n", "\0", "\ufeff", "1.5",
          "9" * 5000, "x" * 140_000, "=1+1", "é", "\udcff", " ", "code_0", "name", "label", "0x10",
          "1_0", "٣")  # fmt: skip


def csv_cell(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A cell becomes another, or a line gets more or fewer cells, or the separators change."""
    lines = data.split(b"\n")
    i = rng.randrange(len(lines))
    cells = lines[i].split(b",")
    how = rng.randrange(6)
    odd = rng.choice(_CELLS).encode("utf-8", "surrogateescape")
    if how <= 1:
        cells[rng.randrange(len(cells))] = odd
    elif how == 2:
        cells.insert(rng.randrange(len(cells) + 1), odd)
    elif how == 3:
        del cells[rng.randrange(len(cells))]
    lines[i] = b",".join(cells)
    if how == 4:
        return rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"sep=;\n")) + data
    if how == 5:
        return data.replace(b",", rng.choice((b";", b"\t"))).replace(
            b"\n", rng.choice((b"\n", b"\r\n", b"\r"))
        )
    return b"\n".join(lines)


_VALUES = (
    "true", "-1", "0", "1.5", "1e400", "nan", "-inf", '""', '"a"', "[]", "[1, 2]", "[[1]]", "{}", "{a = 1}",
    "1979-05-27", "07:32:00", "9" * 400, "'\\u0000'", '"\\ud800"', "[" * 2000, '"""', "0x7f", "[1, 'a']",
    "{a." + "b." * 900 + "c = 1}", "64", '"mse"', "[true]", "[0]", "[-5, 5]", "[10000000000, 1]", "1e-320",
)  # fmt: skip


def toml_value(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A setting gets a value of another type, or a key comes twice or is another."""
    lines = data.decode("utf-8", "replace").split("\n")
    i = rng.randrange(len(lines))
    key = lines[i].partition("=")[0].strip() or "a"
    how = rng.randrange(6)
    if how <= 3:
        lines[i] = f"{key} = {rng.choice(_VALUES)}"
    elif how == 4:
        lines.append(f"{key} = 1")
    else:
        lines[i] = f"{rng.choice(('[a]', '[[a]]', 'a.b', key.upper(), 'é'))} = 1"
    return "\n".join(lines).encode("utf-8", "replace")


def json_value(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A value of a JSON text becomes one of another type."""
    if rng.random() < 0.1:
        return rng.choice(
            (b"[" * 100_000, b'{"a":' * 100_000, b"null", b"[]", b"1e999", b"NaN", b'"a"')
        )
    return json.dumps(odd_value(json.loads(data), rng)).encode("utf-8", "replace")


# -- sealed tensors ----------------------------------------------------------------------------


def resealed(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Another description, with a checksum that fits."""
    from convae.storage.sealed_safetensors import read_tensors, write_tensors

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(data)
        tensors, description = read_tensors(path, lambda _: None)
        if rng.random() < 0.15:
            tensors = _odd_tensors(tensors, rng)
        for _ in range(rng.choice((1, 1, 2, 4))):
            description = odd_value(description, rng)
        write_tensors(path, tensors, description)
        return path.read_bytes()


def unsealed(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Another header of the right length; the checksum does not fit."""
    if len(data) < 8:
        return data
    start = 8 + struct.unpack("<Q", data[:8])[0] % (len(data) - 7)
    header = json_value(data[8:start], other, rng)
    return struct.pack("<Q", len(header)) + header + data[start:]


def _odd_tensors(tensors: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    name = rng.choice(sorted(tensors))
    value = tensors[name]
    how = rng.randrange(5)
    if how == 0:
        return {n: t for n, t in tensors.items() if n != name}
    if how == 1:
        return {**tensors, name: value.reshape(-1)}
    if how == 2 and value.is_floating_point():
        return {**tensors, name: value * float("nan")}
    if how == 3 and value.is_floating_point():
        return {**tensors, name: value * 0 + 3e38}
    return {**tensors, name: value * 0}


def odd_value(value: Any, rng: random.Random) -> Any:
    """A copy of plain values in which one is odd, missing or added."""
    copy = json.loads(json.dumps(value))
    paths = [path for path in _paths(copy) if path[-1] != "sha256"]
    if not paths:
        return rng.choice(ODD)
    path = rng.choice(paths)
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    how = rng.randrange(10)
    if how == 0:
        del inner[path[-1]]
    elif how == 1 and isinstance(inner, dict):
        inner[rng.choice(("a", "", "\n", "x" * 300))] = rng.choice(ODD)
    else:
        inner[path[-1]] = rng.choice(ODD)
    return copy


def _paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    if path:
        yield path
    if isinstance(value, dict):
        for name in value:
            yield from _paths(value[name], (*path, name))
    elif isinstance(value, list):
        for i in range(min(len(value), 3)):
            yield from _paths(value[i], (*path, i))


PNG: tuple[Mutation, ...] = (png_chunk,)
TIFF: tuple[Mutation, ...] = (tiff_tag,)
ARRAYS: tuple[Mutation, ...] = (npy_header, zip_member, zip_method, gzip_inside)
