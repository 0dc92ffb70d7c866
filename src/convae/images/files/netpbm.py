"""PBM, PGM, PPM and PFM: 1 bit to 16 bit and float, values as stored, several pictures in one file.

Pillow scales the values to 255 or 65535 and reads 16-bit colour as 8 bit, hence this reader. Source:
the manual pages pbm(5), pgm(5), ppm(5) and pfm(5) of netpbm.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from convae.images.files.image import Decoded, Header, Pixels

_SPACE = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])+")
_TOKEN = re.compile(rb"[^\s#]+")
_MAGIC = re.compile(rb"P[1-6fF][\s#]")
# Allowed between the maximum and the samples instead of a single white space.
_LATE_COMMENT = re.compile(rb"[ \t]*(?:\r?\n)?#[\x20-\x7e\t]*(?:\r\n|\n|\r)")
_HEADER_BYTES, _LONGEST_HEADER = 4096, 1 << 17
_GAP = 64  # bytes of white space allowed between two pictures
_FILES_REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class _Picture:
    """One picture of a file: its header, the position of its samples, and its fault, if any."""

    magic: bytes
    height: int
    width: int
    start: int
    top: int = 1
    scale: float = 1.0
    fault: str = ""

    @property
    def channels(self) -> int:
        return 3 if self.magic in (b"P3", b"P6", b"PF") else 1

    @property
    def is_float(self) -> bool:
        return self.magic in (b"Pf", b"PF")

    @property
    def is_bit(self) -> bool:
        return self.magic in (b"P1", b"P4")

    @property
    def is_plain(self) -> bool:
        return self.magic in (b"P1", b"P2", b"P3")

    @property
    def format(self) -> str:
        if self.is_float:
            return "PFM"
        return "PBM" if self.is_bit else ("PPM" if self.channels == 3 else "PGM")

    @property
    def stored(self) -> str:
        if self.is_float:
            return "float32"
        return "bool" if self.is_bit else ("uint8" if self.top < 256 else "uint16")

    @property
    def sample_bytes(self) -> int:
        """Return the number of bytes of the samples, if they are binary."""
        if self.is_bit:
            return -(-self.width // 8) * self.height
        item = 4 if self.is_float else (1 if self.top < 256 else 2)
        return self.height * self.width * self.channels * item


class NetpbmFile:
    """One open netpbm file."""

    def __init__(self, handle: BinaryIO, max_pages: int = 100_000) -> None:
        """Read the headers of its pictures.

        Args:
            handle: the open file.
            max_pages: the search ends one picture above this number.

        Raises:
            ValueError: the first header is invalid.
        """
        self._handle = handle
        self._pictures = _pictures(handle, max_pages)
        self.pages = len(self._pictures)

    def header(self, page: int) -> Header:
        """Describe one picture.

        Raises:
            ValueError: its header is damaged.
        """
        picture = self._pictures[page]
        if picture.fault:
            raise ValueError(picture.fault)
        depth = picture.stored
        return Header(
            shape=(picture.height, picture.width, picture.channels),
            depth="uint8" if depth == "bool" else depth,
            pages=self.pages,
            format=picture.format,
            stored=depth,
            mode="RGB" if picture.channels == 3 else ("1" if picture.is_bit else "L"),
        )

    def decode(self, page: int) -> Decoded:
        """Read one picture.

        Raises:
            ValueError: the file is truncated, or a value is above the largest that the header allows.
        """
        picture = self._pictures[page]
        self._handle.seek(picture.start)
        shape = (picture.height, picture.width, picture.channels)
        if picture.is_plain:
            pixels = _plain(self._handle.read(), picture, shape)
        else:
            data = self._handle.read(picture.sample_bytes)
            if len(data) < picture.sample_bytes:
                raise ValueError("file is truncated")
            pixels = _binary(data, picture, shape)
        counted = not picture.is_bit and not picture.is_float
        if counted and pixels.size and int(pixels.max()) > picture.top:
            raise ValueError("a value is above the largest that the header allows")
        return Decoded(
            pixels=pixels,
            format=picture.format,
            mode=self.header(page).mode,
            top=float(picture.top) if counted and picture.top not in (255, 65535) else None,
        )


def _pictures(handle: BinaryIO, most: int) -> tuple[_Picture, ...]:
    """Return all pictures of a file; cached, because each of a thousand is opened separately."""
    try:
        status = os.fstat(handle.fileno())
    except OSError:  # bytes in memory
        return tuple(_walked(handle, most))
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, most)
    known = _seen.get(key)
    if known is None:
        known = tuple(_walked(handle, most))
        if len(known) > 1:
            if len(_seen) >= _FILES_REMEMBERED:
                _seen.clear()
            _seen[key] = known
    return known


_seen: dict[tuple[int, ...], tuple[_Picture, ...]] = {}


def _walked(handle: BinaryIO, most: int) -> Iterator[_Picture]:
    """Yield the pictures one by one, separated by optional white space, until there is no valid header."""
    size = handle.seek(0, os.SEEK_END)
    picture = _parsed(handle, 0, size)
    yield picture
    for _ in range(most):
        if picture.is_plain or picture.is_float:
            return  # only the binary kinds of integers may be concatenated
        at = _next_header(handle, picture.start + picture.sample_bytes)
        if at is None:
            return
        try:
            picture = _parsed(handle, at, size)
        except ValueError as fault:  # its position is kept, and reading it reports the reason
            yield replace(picture, fault=str(fault))
            return
        yield picture


def _parsed(handle: BinaryIO, at: int, size: int) -> _Picture:
    """Return the picture whose header begins at ``at`` in a file of ``size`` bytes."""
    handle.seek(at)
    head = handle.read(_HEADER_BYTES)
    tokens, end = _tokens(head)
    if end + 1 >= _HEADER_BYTES or (len(tokens) < _count(head) and len(head) == _HEADER_BYTES):
        handle.seek(at)  # a long comment
        head = handle.read(_LONGEST_HEADER)
        tokens, end = _tokens(head)
    if len(tokens) < _count(head):
        raise ValueError("the header ends too early")
    picture = _Picture(head[:2], _size(tokens[1]), _size(tokens[0]), start=at + end)
    if picture.is_float:
        picture = replace(picture, scale=float(tokens[2]))
    elif not picture.is_bit:
        picture = replace(picture, top=_size(tokens[2]))
    if picture.top > 65535:
        raise ValueError("largest value above 65535")
    if picture.is_plain:
        return picture
    return replace(picture, start=at + _start(handle, head, end, at, picture.sample_bytes, size))


def _count(head: bytes) -> int:
    """Return the number of values in the header: width, height and, except for bits, the maximum."""
    return 2 if head[:2] in (b"P1", b"P4") else 3


def _tokens(head: bytes) -> tuple[list[bytes], int]:
    """Return the values of a header as far as they exist, and where the last of them ends."""
    at, found = 2, list[bytes]()
    while len(found) < _count(head):
        space = _SPACE.match(head, at)
        word = _TOKEN.match(head, space.end()) if space else None
        if word is None:
            break
        found.append(word.group())
        at = word.end()
    return found, at


def _start(handle: BinaryIO, head: bytes, end: int, at: int, need: int, size: int) -> int:
    """Find where the samples begin: after one white space, a CR LF, or a comment by some programs.

    Samples may contain the same bytes. The start is therefore the one after which the file has enough bytes
    for all samples, or after whose samples another picture begins.
    """
    starts = [end + 1]
    if head[end : end + 2] == b"\r\n":
        # Where both line ends are possible, the other lines decide.
        starts.insert(0 if b"\r\n" in head[:end] else 1, end + 2)
    behind = end
    while (comment := _LATE_COMMENT.match(head, behind)) is not None:
        behind = comment.end()
        starts.append(behind)
    if len(starts) == 1:
        return starts[0]
    ends = {start: at + start + need for start in starts}
    for start in starts:
        if ends[start] == size or _next_header(handle, ends[start]) == ends[start]:
            return start
    for start in starts:
        if ends[start] < size and _next_header(handle, ends[start]) is not None:
            return start
    return starts[0]


def _next_header(handle: BinaryIO, at: int) -> int | None:
    """Return where the next picture begins: at ``at`` or after white space; None if there is none."""
    handle.seek(at)
    following = handle.read(_GAP)
    space = len(following) - len(following.lstrip())
    return at + space if _MAGIC.match(following, space) else None


def _size(token: bytes) -> int:
    if not token.isdigit() or len(token) > 9 or int(token) == 0:
        raise ValueError(f"{token[:20]!r} is not a size")
    return int(token)


def _binary(data: bytes, picture: _Picture, shape: tuple[int, int, int]) -> Pixels:
    if picture.is_float:
        order = "<" if picture.scale < 0 else ">"
        return np.frombuffer(data, dtype=f"{order}f4").reshape(shape)[::-1].astype(np.float32)
    if picture.is_bit:
        packed = np.frombuffer(data, dtype=np.uint8).reshape(picture.height, -1)
        bits = np.unpackbits(packed, axis=1)[:, : picture.width]
        return np.equal(bits, 0)[..., None]  # in PBM 1 is ink
    kind = np.dtype(np.uint8) if picture.top < 256 else np.dtype(">u2")
    return np.frombuffer(data, dtype=kind).reshape(shape).astype(kind.newbyteorder("="))


def _plain(data: bytes, picture: _Picture, shape: tuple[int, int, int]) -> Pixels:
    text = _SPACE.sub(b" ", data).strip()
    count = int(np.prod(shape))
    # The digits of a plain PBM may have no spaces between them.
    words = [bytes([c]) for c in text if c != 32] if picture.is_bit else text.split(b" ")
    if len(words) < count:
        raise ValueError("file is truncated")
    values = np.array([int(word) for word in words[:count]], dtype=np.int64)
    if values.min(initial=0) < 0 or values.max(initial=0) > picture.top:
        raise ValueError("a value is outside the range of the header")
    pixels = values.reshape(shape)
    return pixels == 0 if picture.is_bit else pixels.astype(picture.stored)
