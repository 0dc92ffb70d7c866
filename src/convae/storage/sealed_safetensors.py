"""Tensors with a JSON description in one file, written atomically and checked when read.

Model files and checkpoints are both such files: safetensors, so that nothing is ever executed on
loading. What safetensors itself does not notice is checked here: a flipped bit (SHA-256 over the whole
file), a header or a length made to exhaust memory, and tensors that are not the ones expected.
"""

import hashlib
import json
import math
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from convae.errors import ModelFileError, brief
from convae.filesystem.atomic import atomic_write
from convae.filesystem.run_files import reading

MAX_HEADER = 8 * 2**20
DESCRIPTION = "convae"  # the key of the JSON description among safetensors' metadata

# All that convae's files hold, as they call it.
KINDS = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64", torch.uint8: "U8"}
_SIZES = {"F32": 4, "F16": 2, "I64": 8, "U8": 1}
_UNSEALED = b"0" * 64

Expected = Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
Check = Callable[[dict[str, Any]], Expected | None]


def write_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], description: dict[str, Any]
) -> str:
    """Write tensors and their description; the file appears whole or not at all.

    Args:
        tensors: by name, of any shape; float32, float16, int64 or uint8.
        description: plain values; ``sha256`` is added to it.

    Returns:
        The SHA-256 of the file (hexadecimal, taken with zeros where it holds the sum itself).
    """
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    assert all(tensor.dtype in KINDS for tensor in plain.values())
    described = {**description, "sha256": _UNSEALED.decode()}
    content = bytearray(save(plain, metadata={DESCRIPTION: json.dumps(described, allow_nan=False)}))
    place = content.rindex(_UNSEALED, 0, _data_start(content))
    digest = hashlib.sha256(content).hexdigest()
    content[place : place + len(digest)] = digest.encode()
    with atomic_write(path) as file:
        file.write(content)
    return digest


def read_description(path: str | Path) -> dict[str, Any]:
    """Read the description alone, without the tensors.

    Raises:
        ModelFileError: if the file is missing or is not one that :func:`write_tensors` wrote.
    """
    with _open(path) as file:
        return _description(path, _header(path, file))


def read_tensors(path: str | Path, check: Check) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and their description, and check both.

    Args:
        check: takes the description before any tensor is read and returns the exact set of tensors that the
            file must hold (None: any); it may raise.

    Raises:
        ModelFileError: for a file that is missing, damaged, foreign or not what ``check`` expects.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    with _open(path) as file:
        header = _header(path, file)
        description = _description(path, header)
        expected = check(description)
        if expected is not None:
            _compare(path, header, expected)
        length = file.tell() + _data_size(path, header)
        if os.fstat(file.fileno()).st_size != length:  # before reading as much as it claims
            raise ModelFileError(f"{path}: damaged: it must be {length:,} bytes long and is not")
        file.seek(0)
        content = file.read()
    if not _sealed(content, description.get("sha256")):
        raise ModelFileError(f"{path}: damaged: its contents do not match its own checksum")
    try:
        return load(content), description
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"{path}: damaged: {error}") from error


def _open(path: str | Path) -> BinaryIO:
    try:
        # A pipe would wait for someone to write into it.
        if not os.path.isfile(path):
            fault = "not a file" if os.path.exists(path) else "there is no such file"
            raise ModelFileError(f"{path}: {fault}")
        reading(path)
        return open(path, "rb")
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error


def _header(path: str | Path, file: BinaryIO) -> dict[str, Any]:
    start = file.read(8)
    size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    foreign = f"{path}: not a file of convae"
    if not 2 <= size <= MAX_HEADER:
        if start[:2] == b"PK" or start[:1] == b"\x80":
            raise ModelFileError(f"{foreign} but a pickle or zip archive, which is never loaded")
        raise ModelFileError(f"{foreign}: it does not begin as one")
    raw = file.read(size)
    if len(raw) < size:
        raise ModelFileError(
            f"{path}: cut short: the header ends after {len(raw):,} of {size:,} bytes"
        )
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{foreign} (its header is not JSON)") from error
    if not isinstance(header, dict):
        raise ModelFileError(f"{foreign} (its header is not a table)")
    return header


def _description(path: str | Path, header: dict[str, Any]) -> dict[str, Any]:
    metadata = header.get("__metadata__")
    text = metadata.get(DESCRIPTION) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ModelFileError(f"{path}: a safetensors file, but not one of convae")
    try:
        description = json.loads(text, parse_constant=_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: damaged: its description is not JSON") from error
    if not isinstance(description, dict):
        raise ModelFileError(f"{path}: damaged: its description is not a table")
    return description


def _number(text: str) -> float:
    """Parse a number of a description; refuse ``NaN``, ``Infinity`` and 1e999."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value


def _compare(path: str | Path, header: dict[str, Any], expected: Expected) -> None:
    found = {name: value for name, value in header.items() if name != "__metadata__"}
    if missing := sorted(set(expected) - set(found)):
        raise ModelFileError(f"{path}: damaged: {_some(missing)} missing")
    if extra := sorted(set(found) - set(expected)):
        raise ModelFileError(f"{path}: damaged: {_some(extra)} not expected")
    for name, (dtype, shape) in expected.items():
        entry = found[name] if isinstance(found[name], dict) else {}
        got, want = (entry.get("dtype"), entry.get("shape")), (KINDS[dtype], list(shape))
        if got != want:
            raise ModelFileError(
                f"{path}: damaged: tensor {brief(name, 100)} is {got!r:.100} and must be {want}"
            )


def _data_size(path: str | Path, header: dict[str, Any]) -> int:
    """Return the bytes of all tensors, by their shapes."""
    total = 0
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        kind = entry.get("dtype") if isinstance(entry, dict) else None
        shape = entry.get("shape") if isinstance(entry, dict) else None
        whole = isinstance(shape, list) and all(type(side) is int and side >= 0 for side in shape)
        if not (isinstance(kind, str) and kind in _SIZES and whole):
            raise ModelFileError(f"{path}: damaged: tensor {brief(name, 100)} is not described")
        total += math.prod(shape) * _SIZES[kind]  # type: ignore[arg-type]
    return total


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"tensors {', '.join(brief(name, 100) for name in names[:3])}{more}"


def _data_start(content: bytes | bytearray) -> int:
    return 8 + int(struct.unpack("<Q", content[:8])[0])


def _sealed(content: bytes, digest: object) -> bool:
    """Return whether ``digest``, which is stored in the header, is the SHA-256 of the rest of the file."""
    if not isinstance(digest, str) or len(digest) != 64 or not digest.isascii():
        return False
    start = _data_start(content)
    found = hashlib.sha256(content[:start].replace(digest.encode(), _UNSEALED))
    found.update(memoryview(content)[start:])
    return found.hexdigest() == digest
