"""IDX, the format of MNIST: a short header, then one big-endian array; often gzipped.

Layout (http://yann.lecun.com/exdb/mnist): two zero bytes, a type byte, the number of axes, the length
of each axis as big-endian uint32, the values.
"""

import gzip
import math
import os
import re
import struct
from pathlib import Path
from typing import IO

import numpy as np

from convae.errors import InputError, damage

# A deflate stream cannot expand by more than this, so a header that claims more is false, and can
# be refused before any memory is allocated. (zlib's own bound, https://zlib.net/zlib_tech.html)
_MAX_DEFLATE_RATIO = 1032
_TYPES = {
    0x08: "u1",
    0x09: "i1",
    0x0B: ">i2",
    0x0C: ">i4",
    0x0D: ">f4",
    0x0E: ">f8",
}


def is_idx(path: Path) -> bool:
    """Return whether the file begins like IDX (or like gzipped IDX) with one to four axes."""
    try:
        with _open(path) as file:
            head = file.read(4)
    except Exception:  # of a damaged gzip file, see convae.errors.damage
        return False
    return len(head) == 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= 4


def read_idx(path: Path) -> np.ndarray:
    """Open the array in an IDX file, memory-mapped when it is not gzipped.

    Returns:
        The array (n, ...) with the shape, dtype and byte order that the file states: (n, h, w) for images,
        (n,) for labels.

    Raises:
        InputError: the file is damaged or not IDX.
    """
    with damage(path, "an IDX file"):
        return _read(path)


def labels_file(path: Path) -> Path | None:
    """Return the file of labels next to a file of images, when both have MNIST's names."""
    name = re.sub("images", "labels", path.name).replace("idx3", "idx1").replace("idx4", "idx1")
    if name == path.name:
        return None
    stem = name.removesuffix(".gz")
    found = (path.with_name(other) for other in (name, stem, stem + ".gz"))
    return next((other for other in found if other.is_file()), None)


def _read(path: Path) -> np.ndarray:
    packed = _is_gzip(path)
    with _open(path) as file:
        dtype, shape = _read_header(path, file)
        expected = math.prod(shape) * dtype.itemsize
        offset = 4 + 4 * len(shape)
        on_disk = path.stat().st_size
        if not packed:
            if on_disk < offset + expected:
                raise InputError(
                    f"{path}: truncated IDX file: {shape} needs {offset + expected} bytes, "
                    f"it has {on_disk}"
                )
            if expected == 0:
                return np.zeros(shape, dtype)
            return np.memmap(path, dtype, mode="r", offset=offset, shape=shape)
        if expected > on_disk * _MAX_DEFLATE_RATIO:
            raise InputError(f"{path}: damaged IDX file: its header claims {expected} bytes")
        return _inflate(path, file, dtype, shape)


def _inflate(
    path: Path, file: IO[bytes], dtype: np.dtype[np.generic], shape: tuple[int, ...]
) -> np.ndarray:
    array = np.empty(shape, dtype)
    view = array.reshape(-1).view(np.uint8)
    filled = 0
    while filled < len(view):
        block = file.read(min(1 << 20, len(view) - filled))
        if not block:
            raise InputError(
                f"{path}: truncated IDX file: {shape} needs {len(view)} bytes, it has {filled}"
            )
        view[filled : filled + len(block)] = np.frombuffer(block, np.uint8)
        filled += len(block)
    file.read(1)  # reaches the end of the stream, where gzip checks its CRC
    return array


def _read_header(path: Path, file: IO[bytes]) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not 1 <= head[3] <= 4:
        raise InputError(f"{path}: not an IDX file")
    return np.dtype(_TYPES[head[2]]), struct.unpack(f">{head[3]}I", file.read(4 * head[3]))


def _is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _open(path: Path) -> IO[bytes]:
    if _is_gzip(path):
        return gzip.open(path)  # type: ignore[return-value]
    return open(os.fspath(path), "rb")
