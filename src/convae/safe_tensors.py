"""Tensors with a JSON description in one file, written atomically and checked when read.

Model files and checkpoints are both such files: safetensors, so that nothing is ever executed on
loading. What safetensors itself does not notice is checked here: a flipped bit (SHA-256 over the data),
a header made to exhaust memory, and shapes that are not the ones expected.
"""

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from torch import Tensor

from convae.atomic import atomic_write
from convae.errors import ModelFileError

MAX_HEADER = 8 * 2**20
DESCRIPTION = "convae"  # the key of the JSON description among safetensors' metadata

Shapes = Mapping[str, tuple[int, ...]]
Check = Callable[[dict[str, Any]], Shapes | None]


def write_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], description: dict[str, Any]
) -> str:
    """Write tensors and their description; the file appears whole or not at all.

    Returns:
        The SHA-256 of the tensors' bytes (hexadecimal), which the file holds too.
    """
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    digest = _digest(save(plain))
    described = {**description, "sha256": digest}
    content = save(plain, metadata={DESCRIPTION: json.dumps(described, allow_nan=False)})
    with atomic_write(path) as file:
        file.write(content)
    return digest


def read_description(path: str | Path) -> dict[str, Any]:
    """The description alone, without reading the tensors.

    Raises:
        ModelFileError: if the file is missing or is not one that :func:`write_tensors` wrote.
    """
    with _open(path) as file:
        return _description(path, _header(path, file))


def read_tensors(path: str | Path, check: Check) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and their description, once all is as it should be.

    Args:
        check: gets the description before any tensor is read and gives the shapes that must be there,
            no more and no fewer (None: any); it may raise.

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
        file.seek(0)
        content = file.read()
    if _digest(content) != description.get("sha256"):
        raise ModelFileError(f"{path}: damaged: its contents do not match its own checksum")
    try:
        return load(content), description
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"{path}: damaged: {error}") from error


def _open(path: str | Path) -> BinaryIO:
    path = Path(path)
    if not path.exists():
        raise ModelFileError(f"{path}: there is no such file")
    if not path.is_file():
        raise ModelFileError(f"{path}: not a file")
    try:
        return path.open("rb")
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error


def _header(path: str | Path, file: BinaryIO) -> dict[str, Any]:
    start = file.read(8)
    size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    foreign = f"{path}: not a file of convae"
    if start[:2] == b"PK" or start[:2] == b"\x80\x02":
        raise ModelFileError(f"{foreign} but a pickle or zip archive, which is never loaded")
    if not 2 <= size <= MAX_HEADER:
        raise ModelFileError(f"{foreign} (its header would be {size:,} bytes long)")
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
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: damaged: its description is not JSON") from error
    if not isinstance(description, dict):
        raise ModelFileError(f"{path}: damaged: its description is not a table")
    return description


def _compare(path: str | Path, header: dict[str, Any], expected: Shapes) -> None:
    found = {name: value for name, value in header.items() if name != "__metadata__"}
    if missing := sorted(set(expected) - set(found)):
        raise ModelFileError(f"{path}: damaged: {_some(missing)} missing")
    if extra := sorted(set(found) - set(expected)):
        raise ModelFileError(f"{path}: damaged: {_some(extra)} not expected")
    for name, shape in expected.items():
        entry = found[name]
        if not isinstance(entry, dict) or entry.get("shape") != list(shape):
            got = entry.get("shape") if isinstance(entry, dict) else entry
            raise ModelFileError(
                f"{path}: damaged: tensor {name} has shape {got}, not {list(shape)}"
            )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"tensors {', '.join(names[:3])}{more}"


def _digest(content: bytes) -> str:
    """SHA-256 of everything behind the header of a safetensors file."""
    start = 8 + struct.unpack("<Q", content[:8])[0]
    return hashlib.sha256(memoryview(content)[start:]).hexdigest()
