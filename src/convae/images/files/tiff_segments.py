"""Check whether the strips and tiles of a TIFF page, or the planes of a volume, are all in the file.

tifffile fills missing segments with zeros and reads on; this check finds them before memory is allocated.
"""

import importlib.util
import io
import math
import struct
import zlib
from typing import Any

from PIL import Image as PillowImage

_DEFLATE, _LZMA = (8, 32946), 34925
# The largest expansion of a byte. Deflate: 258 bytes for 2 bits; LZW: a string of 4,096 - 258 bytes for a
# code of 12 bits; PackBits: 128 bytes for two.
_LARGEST_RATIO = {8: 1032, 32946: 1032, 5: 2560, 32773: 64}
_HARMLESS = 64 * 2**20
# Segments that are complete files and state their size: JPEG, JPEG 2000, LERC, PNG, WebP.
_FILES_WITHIN = (6, 7, 34892, 33007, 33003, 33004, 33005, 34712, 34887, 34933, 50001)
_LERC = b"Lerc2 "
_HARMLESS_PIXELS = 2**22
_BEFORE_PIXELS = 2**16  # bytes at the start of such a file that contain its size


def check_segments(tif: Any, page: Any) -> None:
    """Refuse a page that lacks strips or tiles, before memory is allocated for them.

    Listed segments of zero bytes (sparse files, as GDAL writes them) are valid: they are empty.

    Raises:
        ValueError: something is missing, or a strip would expand beyond the page.
    """
    offsets, counts, size = page.dataoffsets, page.databytecounts, tif.filehandle.size
    if any(start + count > size for start, count in zip(offsets, counts, strict=False)):
        raise ValueError("file is truncated")
    listed = min(len(offsets), len(counts))
    if not listed:
        raise ValueError("the file does not say where its pixels are")
    key = page.keyframe
    needed, what = math.prod(key.chunked), "tiles" if key.is_tiled else "strips"
    if listed < needed:
        raise ValueError(
            f"file is truncated: {key.imagelength} x {key.imagewidth} pixels take {needed} {what}, it "
            f"lists {listed}"
        )
    if not any(counts):
        raise ValueError(f"it holds no pixels: all of its {what} are empty")
    _check_sizes(key, counts[:needed])
    _check_expansion(tif, page)
    _check_files_within(tif, page)


def _check_sizes(key: Any, counts: Any) -> None:
    """Refuse segments of fewer bytes than the compression of their pixels needs."""
    ratio = 1 if key.compression == 1 else _LARGEST_RATIO.get(int(key.compression))
    if ratio is None or key.dtype is None:
        return
    whole = math.prod(key.chunks) * key.bitspersample // 8
    rows = 1 if key.is_tiled else key.rowsperstrip
    last = key.imagelength % rows or rows  # rows of the last strip of a plane
    across = math.prod(key.chunked[-2:]) if key.is_tiled else math.ceil(key.imagelength / rows)
    for number, count in enumerate(counts):
        is_last = not key.is_tiled and number % max(1, across) == across - 1
        wanted = whole * last // rows if is_last else whole
        if count and count * ratio < wanted:
            raise ValueError("file is truncated: a strip or tile has fewer bytes than pixels")


def _check_expansion(tif: Any, page: Any) -> None:
    """Refuse strips that inflate beyond the page: tifffile's own codecs do not stop at its size.

    imagecodecs does, so this second pass is only made without it, and only over suspicious strips.
    """
    key = page.keyframe
    if importlib.util.find_spec("imagecodecs") or key.compression not in (*_DEFLATE, _LZMA):
        return
    if key.compression == _LZMA:
        raise NotImplementedError("imagecodecs is missing")
    most = math.prod(key.shaped) * key.dtype.itemsize + _HARMLESS
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if count * _LARGEST_RATIO[8] < _HARMLESS:
            continue
        tif.filehandle.seek(start)
        packed, inflater, total = tif.filehandle.read(count), zlib.decompressobj(), 0
        while packed and total <= most:
            total += len(inflater.decompress(packed, 2**20))
            packed = inflater.unconsumed_tail
        if total > most:
            raise ValueError("a strip holds more than the page (decompression bomb)")


def _check_files_within(tif: Any, page: Any) -> None:
    """Refuse strips and tiles whose embedded files have far more pixels than a strip or tile."""
    key = page.keyframe
    if int(key.compression) not in _FILES_WITHIN:
        return
    most = max(_HARMLESS_PIXELS, 4 * math.prod(key.chunks))
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        tif.filehandle.seek(start)
        size = _size_within(tif.filehandle.read(min(count, _BEFORE_PIXELS)))
        if size is not None and math.prod(size) > most:
            raise ValueError("a strip or tile holds more than the page (decompression bomb)")


def _size_within(head: bytes) -> tuple[int, int] | None:
    """Return (width, height) from the header of an embedded file; None if it has none."""
    try:
        if head.startswith(_LERC):  # version, a checksum from version 3 on, height, width
            at = len(_LERC) + (8 if head[len(_LERC)] >= 3 else 4)
            height, width = struct.unpack_from("<2I", head, at)
            return width, height
        with PillowImage.open(
            io.BytesIO(head), formats=("JPEG", "JPEG2000", "WEBP", "PNG")
        ) as image:
            return image.size
    except PillowImage.DecompressionBombError:
        return (2**31, 2**31)
    except Exception:  # whatever Pillow raises: the decoder reports the reason
        return None


def check_plane(tif: Any, series: Any, start: int, nbytes: int) -> None:
    """Refuse a plane of a volume in a single directory if its pixels are not in the file.

    Args:
        start: the offset of its bytes.
        nbytes: the number of its bytes.

    Raises:
        ValueError: the bytes lie beyond the file, or contain directories.
    """
    if start + nbytes > tif.filehandle.size:
        raise ValueError("file is truncated")
    directories = (getattr(page, "offset", 0) for page in (tif.pages.first, *_listed(tif)))
    if any(start <= at < start + nbytes for at in directories):
        raise ValueError("the page is missing: the file's description promises more than it holds")


def _listed(tif: Any) -> list[Any]:
    return list(tif.pages[1:2]) if len(tif.pages) > 1 else []
