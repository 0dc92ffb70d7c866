"""Read any image file to pixels: all conversions are reported, limits hold, only ImageErrors are raised."""

import errno
import io
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from convae.errors import ImageError
from convae.images.files.colour import CLEAR_COLOUR
from convae.images.files.decoder_warnings import quiet
from convae.images.files.facts import Missing, converted, missing_pixels, opacity_of
from convae.images.files.file_kinds import SNIFF_BYTES, kind_of
from convae.images.files.image import (
    Answer,
    Decoded,
    DecoderFile,
    Header,
    Image,
    ImageInfo,
    Pixels,
    ReadLimits,
    Request,
    Size,
    dtype_name,
)
from convae.images.files.metadata import UNUSED
from convae.images.files.netpbm import NetpbmFile
from convae.images.files.pillow import PillowFile
from convae.images.files.tiff import TiffImages

__all__ = ["Header", "Image", "ImageInfo", "ReadLimits", "probe_image", "read_image"]

Source = str | Path | bytes

_DEFAULT = ReadLimits()
_NOT_REGULAR = {
    stat.S_IFDIR: "is a directory",
    stat.S_IFIFO: "is a pipe, not a file",
    stat.S_IFSOCK: "is a socket, not a file",
    stat.S_IFCHR: "is a device, not a file",
    stat.S_IFBLK: "is a device, not a file",
}
_text = cache(str)  # of a dtype, which NumPy computes as slowly as a small image is decoded
_ERRNO = {
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file",
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.ELOOP: "a symbolic link that leads to itself",
    errno.ENAMETOOLONG: "its name is too long",
}


def read_image(
    source: Source,
    *,
    name: str | None = None,
    page: int = 0,
    limits: ReadLimits = _DEFAULT,
    for_size: Size | None = None,
) -> Image:
    """Read one image.

    Args:
        source: a path, or the bytes of a whole file.
        name: its name in messages; the path by default.
        page: which page, frame or plane, from 0; :func:`probe_image` returns their number.
        limits: the limits for the image; raise them for very large images.
        for_size: (height, width) that it will be resized to, if any. A JPEG file is then decoded at a half,
            a quarter or an eighth of its size, several times as fast, as long as that is at least twice
            ``for_size``: after resizing, the result differs by a few grey values at sharp edges, on average
            by less than one.

    Returns:
        ``(H, W, C)`` pixels of dtype uint8, uint16 or float32, and the conversions made. Other depths
        become float32 (bool: uint8 with 0 and 255), values unchanged. A pixel is missing if the file
        declares it so: if all its colours have the nodata value, or the file's own mask excludes it.
        Missing pixels are marked in ``holes`` and counted in ``info.missing``, which also counts NaN and
        infinity; float pixels are NaN there.

    Raises:
        ImageError: with the reason; nothing else is raised, whatever the file holds.
    """
    displayed = _display_name(source, name)
    with _faults(displayed), quiet(), _opened(source) as handle:
        decoder, header = _checked(handle, page, limits)
        _reduced(decoder, for_size)
        return _decoded(decoder, header, page, displayed)


def probe_or_read_image(
    source: Source,
    most_bytes: int | None,
    *,
    name: str | None = None,
    page: int = 0,
    limits: ReadLimits = _DEFAULT,
    for_size: Size | None = None,
) -> tuple[Header, Image | None]:
    """Return :func:`probe_image`, and also :func:`read_image` if the image is small enough in memory.

    ``most_bytes`` is that size; None sets no limit.

    Raises:
        ImageError: with the reason; nothing else is raised.
    """
    displayed = _display_name(source, name)
    with _faults(displayed), quiet(), _opened(source) as handle:
        decoder, header = _checked(handle, page, limits)
        part = _reduced(decoder, for_size)
        if most_bytes is not None and part * _bytes(header) > most_bytes:
            return header, None
        return header, _decoded(decoder, header, page, displayed)


def answer(request: Request) -> Answer:
    """Return the requested header and image of a file, or the error."""
    try:
        return probe_or_read_image(
            request.path,
            request.most_bytes,
            name=request.name,
            page=request.page,
            limits=request.limits,
            for_size=request.for_size,
        )
    except ImageError as error:
        return error


def probe_image(
    source: Source,
    *,
    name: str | None = None,
    page: int = 0,
    limits: ReadLimits = _DEFAULT,
) -> Header:
    """Read the header of one image: shape, depth, number of pages.

    Args:
        source: a path, or the bytes of a whole file.
        name: its name in messages; the path by default.
        page: which page, frame or plane, from 0.
        limits: the limits for the image.

    Returns:
        the header. The pixels are not decoded, so they may still turn out to be damaged.

    Raises:
        ImageError: with the reason; nothing else is raised.
    """
    displayed = _display_name(source, name)
    with _faults(displayed), quiet(), _opened(source) as handle:
        return _checked(handle, page, limits)[1]


def _display_name(source: Source, name: str | None) -> str:
    if name is not None:
        return name
    return "image" if isinstance(source, bytes) else os.fspath(source)


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    """Open the file as a stream; refuse anything but a regular file without opening it."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    _regular(os.stat(source).st_mode)
    descriptor = os.open(
        source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    with open(descriptor, "rb") as handle:
        _regular(os.fstat(descriptor).st_mode)  # it may have been replaced in the meantime
        yield handle


def _regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise ValueError(_NOT_REGULAR.get(stat.S_IFMT(mode), "is not a regular file"))


def _checked(handle: BinaryIO, page: int, limits: ReadLimits) -> tuple[DecoderFile, Header]:
    """Open the decoder, and check the header of the page against the limits."""
    head = handle.read(SNIFF_BYTES)
    if not head:
        raise ValueError("empty file")
    kind = kind_of(head)
    if kind.reason:
        raise ValueError(kind.reason)
    decoder = _decoder(kind.reader, handle, head, limits)
    if decoder.pages > limits.max_pages:
        raise ValueError(f"{decoder.pages} pages, more than the limit of {limits.max_pages}")
    if not 0 <= page < decoder.pages:
        raise ValueError(f"no page {page}: it has {decoder.pages}, counted from 0")
    header = decoder.header(page)
    _within(header, limits)
    return decoder, header


def _decoder(reader: str, handle: BinaryIO, head: bytes, limits: ReadLimits) -> DecoderFile:
    if reader == "tiff":
        return TiffImages(handle, limits)
    if reader == "netpbm":
        return NetpbmFile(handle)
    return PillowFile(handle, head)


def _within(header: Header, limits: ReadLimits) -> None:
    height, width, channels = header.shape
    if min(header.shape) < 1:
        raise ValueError(f"its size is {height} x {width} x {channels}")
    if height * width > limits.max_pixels:
        raise ValueError(
            f"{height} x {width} pixels, more than the limit of {limits.max_pixels:,}; raise it with "
            "ReadLimits(max_pixels=...), --max-pixels on the command line"
        )
    if _bytes(header) > limits.max_bytes:
        raise ValueError(
            f"{height} x {width} x {channels} {header.stored} need more than the limit of "
            f"{limits.max_bytes:,} bytes; raise it with ReadLimits(max_bytes=...), --max-pixels on the "
            "command line"
        )


def _bytes(header: Header) -> int:
    """Return the bytes of the decoded image in memory."""
    item = max(np.dtype(header.stored).itemsize, np.dtype(header.depth).itemsize)
    return math.prod(header.shape) * item


def _reduced(decoder: DecoderFile, for_size: Size | None) -> float:
    """Let a file be decoded at reduced size if that suffices; return the fraction of pixels that remains."""
    if for_size is None or not isinstance(decoder, PillowFile):
        return 1.0
    return decoder.reduce(for_size)


def _decoded(decoder: DecoderFile, header: Header, page: int, displayed: str) -> Image:
    image = _finished(decoder.decode(page), displayed)
    return replace(image, reduced=True) if image.pixels.shape[:2] < header.shape[:2] else image


def _finished(decoded: Decoded, displayed: str) -> Image:
    """Convert the pixels to one of the three depths, find missing pixels, and record the conversions."""
    notes = list(decoded.conversions)
    original = decoded.pixels
    stored = decoded.depth or _text(original.dtype)
    opacity = opacity_of(original, decoded.opacity, exact=decoded.format != "TIFF")
    if opacity is not None and opacity.kind == UNUSED:
        notes.append("its opacity is 0 everywhere and is not used")
    holes, values = missing_pixels(original, decoded.nodata, decoded.valid, decoded.opacity != "")
    pixels, note = converted(original, stored)
    notes.extend(note)
    if pixels.dtype.kind == "f":
        pixels, holes = _with_nan(pixels, holes, values)
    info = ImageInfo(
        name=displayed,
        format=decoded.format,
        depth=stored,
        mode=decoded.mode,
        conversions=tuple(notes),
        missing=0 if holes is None else int(holes.sum()),
        nodata=decoded.nodata,
        opacity=opacity,
        top=decoded.top,
        white_is_zero=decoded.white_is_zero,
        resolution=decoded.resolution,
        description=decoded.description,
        tags=decoded.tags or None,
        clear_colour=CLEAR_COLOUR in notes,
    )
    same = _text(pixels.dtype) == dtype_name(original.dtype) and not (
        pixels.dtype.kind == "f" and pixels is not original  # NaN marks missing values
    )
    declared = None if decoded.nodata is None and decoded.valid is None else holes
    return Image(
        np.ascontiguousarray(pixels),
        info,
        stored=None if same else np.ascontiguousarray(original),
        holes=declared if declared is not None and declared.any() else None,
    )


def _with_nan(
    pixels: Pixels, holes: Missing | None, values: Missing | None
) -> tuple[Pixels, Missing | None]:
    """Return float pixels with NaN for missing values, and ``(H, W)``, True if any channel is missing."""
    bad = ~np.isfinite(pixels)
    if values is not None:
        bad |= values
    if holes is not None:
        bad |= holes[..., None]
    if not bad.any():
        return pixels, holes
    return np.where(bad, np.float32(np.nan), pixels), np.asarray(bad.any(axis=2))


@contextmanager
def _faults(displayed: str) -> Iterator[None]:
    """Convert all errors of decoders into one ImageError."""
    try:
        yield
    except ImageError:
        raise
    except Exception as fault:
        raise ImageError(displayed, reason_of(fault)) from fault


def reason_of(fault: Exception) -> str:
    """Return in a few words why an image could not be read.

    >>> reason_of(MemoryError())
    'not enough memory to decode it'
    """
    if isinstance(fault, MemoryError):
        return "not enough memory to decode it"
    if isinstance(fault, PillowImage.DecompressionBombError):
        return "declares more pixels than the limit (decompression bomb)"
    if isinstance(fault, UnidentifiedImageError):
        return "not an image, or of a kind that is not supported"
    if isinstance(fault, OSError) and fault.errno in _ERRNO:
        return _ERRNO[fault.errno]
    text = " ".join(str(fault).split())
    if re.search(r"truncated|premature end|failed to read \d+ bytes", text, re.IGNORECASE):
        return "file is truncated"
    text = text if len(text) <= 160 else text[:157] + "..."
    if type(fault) is ValueError and text:
        return text
    return f"damaged: {text}" if text else f"damaged ({type(fault).__name__})"
