"""PBM, PGM, PPM and PFM: 1 bit to 16 bit and float, values as stored.

Pillow scales the values to 255 or 65535 and reads 16-bit colour as 8 bit, so these few lines do it.
"""

import re
from typing import BinaryIO

import numpy as np

from convae.images.image import Decoded, Header, Pixels

_SPACE = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])+")
_TOKEN = re.compile(rb"[^\s#]+")
_HEADER_BYTES = 4096


class NetpbmFile:
    """One open netpbm file."""

    pages = 1

    def __init__(self, handle: BinaryIO) -> None:
        """Read the header.

        Args:
            handle: the open file.

        Raises:
            ValueError: the header is not one.
        """
        self._handle = handle
        handle.seek(0)
        head = handle.read(_HEADER_BYTES)
        self._magic = head[:2]
        self._colour = self._magic in (b"P3", b"P6", b"PF")
        self._float = self._magic in (b"Pf", b"PF")
        self._bit = self._magic in (b"P1", b"P4")
        tokens, self._start = _tokens(head, 2 if self._bit else 3)
        self._width, self._height = _size(tokens[0]), _size(tokens[1])
        self._scale = float(tokens[2]) if self._float else 1.0
        self._top = 1 if self._bit or self._float else _size(tokens[2])
        if self._top > 65535:
            raise ValueError("largest value above 65535")

    def header(self, page: int) -> Header:
        """Describe the only image."""
        channels = 3 if self._colour else 1
        depth = self._stored()
        return Header(
            shape=(self._height, self._width, channels),
            depth="uint8" if depth == "bool" else depth,
            pages=1,
            format=self._format(),
            stored=depth,
            mode="RGB" if self._colour else ("1" if self._bit else "L"),
        )

    def decode(self, page: int) -> Decoded:
        """Read the only image."""
        self._handle.seek(self._start)
        shape = (self._height, self._width, 3 if self._colour else 1)
        if self._float:
            pixels = self._floats(shape)
        elif self._magic in (b"P1", b"P2", b"P3"):
            pixels = self._plain(shape)
        else:
            pixels = self._binary(shape)
        if not self._bit and not self._float and pixels.size and int(pixels.max()) > self._top:
            raise ValueError("a value is above the largest that the header allows")
        return Decoded(pixels=pixels, format=self._format(), mode=self.header(0).mode)

    def _format(self) -> str:
        if self._float:
            return "PFM"
        return "PBM" if self._bit else ("PPM" if self._colour else "PGM")

    def _stored(self) -> str:
        if self._float:
            return "float32"
        return "bool" if self._bit else ("uint8" if self._top < 256 else "uint16")

    def _floats(self, shape: tuple[int, int, int]) -> Pixels:
        order = "<" if self._scale < 0 else ">"
        flat = np.frombuffer(self._take(int(np.prod(shape)) * 4), dtype=f"{order}f4")
        return flat.reshape(shape)[::-1].astype(np.float32)

    def _binary(self, shape: tuple[int, int, int]) -> Pixels:
        if self._bit:
            row = -(-self._width // 8)
            packed = np.frombuffer(self._take(row * self._height), dtype=np.uint8)
            bits = np.unpackbits(packed.reshape(self._height, row), axis=1)[:, : self._width]
            return np.equal(bits, 0)[..., None]  # in PBM 1 is ink
        kind = np.dtype(np.uint8) if self._top < 256 else np.dtype(">u2")
        flat = np.frombuffer(self._take(int(np.prod(shape)) * kind.itemsize), dtype=kind)
        return flat.reshape(shape).astype(kind.newbyteorder("="))

    def _plain(self, shape: tuple[int, int, int]) -> Pixels:
        text = _SPACE.sub(b" ", self._handle.read()).strip()
        count = int(np.prod(shape))
        # The digits of a plain PBM may stand without spaces between them.
        words = [bytes([c]) for c in text if c != 32] if self._bit else text.split(b" ")
        if len(words) < count:
            raise ValueError("file is truncated")
        values = np.array([int(word) for word in words[:count]], dtype=np.int64)
        if values.min(initial=0) < 0 or values.max(initial=0) > self._top:
            raise ValueError("a value is outside the range of the header")
        pixels = values.reshape(shape)
        return pixels == 0 if self._bit else pixels.astype(self._stored())

    def _take(self, count: int) -> bytes:
        data = self._handle.read(count)
        if len(data) < count:
            raise ValueError("file is truncated")
        return data


def _tokens(head: bytes, count: int) -> tuple[list[bytes], int]:
    at, found = 2, []
    for _ in range(count):
        space = _SPACE.match(head, at)
        word = _TOKEN.match(head, space.end()) if space else None
        if word is None:
            raise ValueError("the header ends too early")
        found.append(word.group())
        at = word.end()
    return found, at + 1  # exactly one white space before the samples


def _size(token: bytes) -> int:
    if not token.isdigit() or len(token) > 9 or int(token) == 0:
        raise ValueError(f"{token[:20]!r} is not a size")
    return int(token)
