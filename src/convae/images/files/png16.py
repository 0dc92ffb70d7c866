"""PNG with 16 bits per channel, which Pillow reads and writes as 8 bit.

Reads non-interlaced grey, grey with alpha, RGB and RGBA; writes the same. Source: W3C,
Portable Network Graphics (PNG) Specification, sections 5 (chunks) and 9 (filters).
"""

import struct
import zlib
from typing import BinaryIO

import numpy as np

from convae.errors import needs_package
from convae.images.files.image import Pixels
from convae.images.files.png_chunks import SIGNATURE, chunk

_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_METRES_PER_INCH = 0.0254
_COLOUR = {channels: colour for colour, channels in _CHANNELS.items()}


def is_deep(head: bytes) -> bool:
    """Return whether these first bytes belong to a PNG with 16 bits and more than one channel."""
    return head[:8] == SIGNATURE and len(head) > 25 and head[24] == 16 and head[25] in (2, 4, 6)


def read_png16(data: bytes) -> Pixels:
    """Decode a 16-bit PNG.

    Args:
        data: the whole file; its size has been checked against the limits.

    Returns:
        ``(H, W, C)`` uint16.

    Raises:
        ValueError: damaged, truncated, interlaced or not 16 bit.
    """
    header, packed = _chunks(data)
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    if depth != 16 or colour not in _CHANNELS:
        raise ValueError("not a 16-bit PNG")
    if interlace:
        raise ValueError(needs_package("interlaced 16-bit PNG", "imagecodecs"))
    pixel = 2 * _CHANNELS[colour]
    size = height * (1 + width * pixel)
    raw = zlib.decompressobj().decompress(packed, size)
    if len(raw) < size:
        raise ValueError("file is truncated")
    rows = np.frombuffer(raw, dtype=np.uint8).reshape(height, 1 + width * pixel)
    plain = _unfilter(rows[:, 0], rows[:, 1:].reshape(height, width, pixel))
    return np.ascontiguousarray(plain).view(">u2").astype(np.uint16)


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    at, header, packed = 8, b"", []
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        check = data[at + 8 + size : at + 12 + size]
        if len(check) < 4:
            break
        if zlib.crc32(kind + body) != int.from_bytes(check, "big"):
            raise ValueError(f"checksum of chunk {kind!r} is wrong")
        if kind == b"IHDR" and size == 13:
            header = body
        elif kind == b"IDAT":
            packed.append(body)
        elif kind == b"IEND" and header:
            return header, b"".join(packed)
        at += 12 + size
    raise ValueError("file is truncated")


def _unfilter(kinds: Pixels, rows: Pixels) -> Pixels:
    """Undo the five PNG filters for all rows at once.

    A byte needs its left, upper and upper-left neighbours, so all pixels of one anti-diagonal are computed
    together: H + W numpy steps instead of H x W Python ones.
    """
    if kinds.max(initial=0) > 4:
        raise ValueError("unknown PNG filter")
    height, width, pixel = rows.shape
    done = np.zeros((height + 1, width + 1, pixel), dtype=np.int16)
    for step in range(height + width - 1):
        y = np.arange(max(0, step - width + 1), min(height, step + 1))
        x = step - y
        left, up, corner = done[y + 1, x], done[y, x + 1], done[y, x]
        guess = _guess(kinds[y, None], left, up, corner)
        done[y + 1, x + 1] = (rows[y, x] + guess) & 255
    return done[1:, 1:].astype(np.uint8)


def _guess(kind: Pixels, left: Pixels, up: Pixels, corner: Pixels) -> Pixels:
    by_left, by_up = np.abs(up - corner), np.abs(left - corner)
    by_corner = np.abs(left + up - 2 * corner)
    first = (by_left <= by_up) & (by_left <= by_corner)
    paeth = np.where(first, left, np.where(by_up <= by_corner, up, corner))
    zero = np.zeros_like(left)
    return np.select(
        [kind == 0, kind == 1, kind == 2, kind == 3], [zero, left, up, (left + up) >> 1], paeth
    )


def write_png16(
    handle: BinaryIO,
    pixels: Pixels,
    per_inch: tuple[float, float] | None = None,
    facts: bytes = b"",
) -> None:
    """Encode ``(H, W, C)`` uint16 pixels, C from 1 to 4, as a PNG of full depth.

    Args:
        handle: open for writing.
        pixels: values from 0 to 65,535.
        per_inch: pixels to the inch across and down, from 1 to 65,535.
        facts: complete chunks to write after the header.
    """
    height, width, channels = pixels.shape
    raw = np.ascontiguousarray(pixels, dtype=">u2").view(np.uint8).reshape(height, -1)
    above = np.zeros_like(raw)
    above[1:] = raw[:-1]
    rows = np.empty((height, raw.shape[1] + 1), dtype=np.uint8)
    rows[:, 0] = 2  # each row minus the one above: fast, and most of the gain on smooth images
    np.subtract(raw, above, out=rows[:, 1:])
    handle.write(SIGNATURE)
    head = struct.pack(">IIBBBBB", width, height, 16, _COLOUR[channels], 0, 0, 0)
    handle.write(chunk(b"IHDR", head) + facts)
    if per_inch is not None:
        x, y = (round(dots / _METRES_PER_INCH) for dots in per_inch)
        handle.write(chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    handle.write(chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)))
    handle.write(chunk(b"IEND", b""))
