"""The chunks of a PNG: its colour and orientation metadata, and a view of the file without them.

Pillow processes chunks in order: it refuses long texts, and reads those after the pixels too late. Therefore
the table of chunks is read here, and Pillow gets the pixels alone. Source: W3C, Portable Network
Graphics (PNG) Specification (Third Edition), section 11.
"""

import io
import os
import re
import struct
import zlib
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple, cast

from convae.images.files.exif import orientation_of

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER = 33  # bytes of the signature and of IHDR
COLOUR = ("cICP", "sRGB", "gAMA", "cHRM", "sBIT", "mDCV", "cLLI")  # small, and kept byte for byte
_PIXELS = frozenset(
    (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"pHYs")
)
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
_XMP = b"XML:com.adobe.xmp"
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)\s*([1-8])")
_MOST_CHUNKS = 1 << 20
_LONGEST_COLOUR = 64
_LONGEST_KEYWORD = 79
_MOST_BYTES = 16 * 2**20  # maximum size of a chunk that is used, and of its inflated content


class Chunk(NamedTuple):
    """The position of a chunk; ``at`` is the offset of its length field."""

    kind: bytes
    at: int
    size: int


@dataclass(slots=True)
class PngFacts:
    """The metadata in the chunks of a PNG.

    Attributes:
        profile: the ICC profile.
        exif: the EXIF structure as the file has it.
        chunks: colour chunks, as in :class:`~convae.images.files.metadata.Tags`.
        notes: what is damaged and not used.
    """

    profile: bytes | None = None
    exif: bytes | None = None
    chunks: list[tuple[str, bytes]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class PngChunks:
    """The table of chunks of one open PNG, wherever they are in the file."""

    def __init__(self, handle: BinaryIO) -> None:
        """Walk from chunk to chunk without reading them.

        Args:
            handle: the open file.
        """
        self._handle = handle
        self._table = list(_walked(handle))
        self._others = [chunk for chunk in self._table if chunk.kind not in _PIXELS]

    def pixels_only(self) -> BinaryIO:
        """Return the file without the chunks that are not pixels; the file itself if it has no others."""
        if not self._others:
            return self._handle
        parts = [(0, len(SIGNATURE))]
        parts += [(c.at, c.size + 12) for c in self._table if c.kind in _PIXELS]
        return cast(BinaryIO, io.BufferedReader(_Parts(self._handle, parts), 1 << 16))

    def orientation(self) -> tuple[int, str]:
        """Return the EXIF orientation, 1 to 8, and a note if it is damaged."""
        note = ""
        if not self._others:
            return 1, note
        exif = self._exif()
        if exif is not None:
            try:
                if (value := orientation_of(exif)) > 1:
                    return value, ""
            except ValueError:
                note = "damaged EXIF data not used"
        text = self._text((_XMP,))
        found = None if text is None else _XMP_ORIENTATION.search(text)
        return (1 if found is None else int(found[1])), note

    def facts(self) -> PngFacts:
        """Return the metadata to write back with these pixels."""
        if not self._others:
            return PngFacts()
        facts = PngFacts(exif=self._exif())
        for name in COLOUR:
            body = self._body(name.encode(), _LONGEST_COLOUR)
            if body is not None:
                facts.chunks.append((name, body))
        if any(chunk.kind == b"iCCP" for chunk in self._others):
            packed = self._body(b"iCCP", _MOST_BYTES)
            profile = None if packed is None else _inflated(packed.partition(b"\0")[2][1:])
            facts.profile = profile
            if profile is None:
                facts.notes.append("damaged colour profile not used")
        return facts

    def _exif(self) -> bytes | None:
        body = self._body(b"eXIf", _MOST_BYTES)
        if body is not None:
            return body
        text = self._text(_RAW_EXIF)
        if text is None:
            return None
        try:  # a line break, the name, the number of bytes, and the bytes in hexadecimal
            return bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
        except ValueError:
            return b""  # damaged

    def _text(self, keywords: tuple[bytes, ...]) -> bytes | None:
        """Return the text that has one of these keywords."""
        for chunk in self._others:
            if chunk.kind in _TEXTS and self._keyword(chunk) in keywords:
                body = self._checked(chunk, _MOST_BYTES)
                if body is not None:
                    return _text_of(chunk.kind, body.partition(b"\0")[2])
        return None

    def _keyword(self, chunk: Chunk) -> bytes:
        self._handle.seek(chunk.at + 8)
        return self._handle.read(min(chunk.size, _LONGEST_KEYWORD + 1)).partition(b"\0")[0]

    def _body(self, kind: bytes, longest: int) -> bytes | None:
        """Return the content of the first undamaged chunk of a kind."""
        for chunk in self._others:
            if chunk.kind == kind and (body := self._checked(chunk, longest)) is not None:
                return body
        return None

    def _checked(self, chunk: Chunk, longest: int) -> bytes | None:
        if chunk.size > longest:
            return None
        self._handle.seek(chunk.at + 4)
        data = self._handle.read(chunk.size + 8)
        body, check = data[:-4], data[-4:]
        whole = len(data) == chunk.size + 8 and zlib.crc32(body) == int.from_bytes(check, "big")
        return body[4:] if whole else None


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk as it is stored in a file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def colour_chunks(
    chunks: tuple[tuple[str, bytes], ...], profile: bytes | None, exif: bytes | None
) -> bytes:
    """Return all chunks to write directly after the header of a PNG: colours, profile, EXIF.

    Args:
        chunks: as in :class:`~convae.images.files.metadata.Tags`.
        profile: an ICC profile.
        exif: an EXIF structure.
    """
    parts = [chunk(name.encode(), body) for name, body in chunks]
    if profile is not None:
        parts.append(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    if exif is not None:
        parts.append(chunk(b"eXIf", exif))
    return b"".join(parts)


def _walked(handle: BinaryIO) -> "list[Chunk]":
    found, at = list[Chunk](), len(SIGNATURE)
    while len(found) < _MOST_CHUNKS:
        handle.seek(at)
        start = handle.read(8)
        if len(start) < 8:
            break
        found.append(Chunk(start[4:], at, int.from_bytes(start[:4], "big")))
        if start[4:] == b"IEND":
            break
        at += 12 + found[-1].size
    return found


def _inflated(packed: bytes) -> bytes | None:
    """Inflate packed content; nothing if it is damaged or too large."""
    unpacking = zlib.decompressobj()
    try:
        body = unpacking.decompress(packed, _MOST_BYTES)
    except zlib.error:
        return None
    return body if unpacking.eof and body else None


def _text_of(kind: bytes, body: bytes) -> bytes | None:
    """Return the text after the keyword, by the kind of chunk."""
    if kind == b"tEXt":
        return body
    if kind == b"zTXt":
        return _inflated(body[1:])
    packed, rest = body[:1] == b"\1", body[2:].split(b"\0", 2)  # language and translated keyword
    if len(rest) < 3:
        return None
    return _inflated(rest[2]) if packed else rest[2]


class _Parts(io.RawIOBase):
    """Several parts of a file as one file."""

    def __init__(self, handle: BinaryIO, parts: list[tuple[int, int]]) -> None:
        self._handle, self._at = handle, 0
        self._from = [start for start, _ in parts]
        self._begins = [0]  # of each part in this file, and the end of the last
        for _, size in parts:
            self._begins.append(self._begins[-1] + size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._begins[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        part = bisect_right(self._begins, self._at) - 1
        if part >= len(self._from):
            return 0
        inside = self._at - self._begins[part]
        size = min(len(buffer), self._begins[part + 1] - self._at)
        self._handle.seek(self._from[part] + inside)
        data = self._handle.read(size)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
