"""What reading gives: an image, its story, its header, and the limits it was read under."""

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convae.errors import ImageError
from convae.images.files.metadata import Description, Opacity, Resolution, Tags

Pixels = NDArray[Any]
Size = tuple[int, int]  # (height, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """Where an image came from and what was changed while reading it.

    Attributes:
        name: the image as the user knows it: a relative path, ``stack.tif[3]``, ``array[7]``.
        format: the file kind: ``"PNG"``, ``"JPEG"``, ``"TIFF"``, ``"array"``, ...
        depth: the numpy dtype that the file stores: ``"bool"``, ``"uint8"``, ``"int16"``, ...
        mode: the colour model as stored: ``"L"``, ``"P"``, ``"CMYK"``, ``"5 bands"``, ...
        conversions: what reading changed, in the field's words: ``"palette expanded to RGB"``.
        missing: how many pixels have no value: NaN, infinity, or what the file declares as missing (a
            nodata value, a mask of its own).
        nodata: the value that the file declares as missing; None: it declares none.
        opacity: what the file says of its last channel, if that is opacity; None: no channel is.
        top: the largest value that the file says its samples may have, where that is not the largest of
            the dtype (the maximum of a PGM or PPM, 4095 of a 12-bit picture); None: it does not say.
        white_is_zero: whether the file stores white as 0. Unsigned pixels have been inverted; signed ones and
            floats, which have no largest value, are as stored.
        resolution: pixels per inch or centimetre, if the file says so.
        description: axes, spacing and units of all images of a TIFF; only its first image has it.
        tags: colour profile, EXIF, georeference and the like, to be written back.
        clear_colour: whether the file calls one colour transparent (tRNS of a PNG that is no palette), which
            the pixels do not show.
    """

    name: str
    format: str = "array"
    depth: str = "uint8"
    mode: str = "L"
    conversions: tuple[str, ...] = ()
    missing: int = 0
    nodata: float | None = None
    opacity: Opacity | None = None
    top: float | None = None
    white_is_zero: bool = False
    resolution: Resolution | None = None
    description: Description | None = None
    tags: Tags | None = None
    clear_colour: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """One decoded image.

    Attributes:
        pixels: ``(H, W, C)``, C-contiguous; uint8, uint16 or float32, values as stored.
        info: where it came from and what was changed.
        reduced: whether the file holds more pixels than were decoded.
        stored: ``(H, W, C)`` in the dtype of the file (``info.depth``) where ``pixels`` has another, so that
            values which must come back unchanged can; None where ``pixels`` holds them exactly.
        holes: ``(H, W)``, True where the file declares a pixel missing; None where it declares none so.
            Float pixels are NaN there as well.
    """

    pixels: Pixels
    info: ImageInfo
    reduced: bool = False
    stored: Pixels | None = None
    holes: NDArray[np.bool_] | None = None

    @property
    def original(self) -> Pixels:
        """``(H, W, C)`` in the dtype of the file (bilevel: bool), every value as the file has it."""
        return self.pixels if self.stored is None else self.stored

    def first_channels(self, count: int) -> "Image":
        """The same image without the channels behind the first ``count``, opacity among them."""
        stored = None if self.stored is None else np.ascontiguousarray(self.stored[..., :count])
        return replace(
            self,
            pixels=np.ascontiguousarray(self.pixels[..., :count]),
            stored=stored,
            info=replace(self.info, opacity=None),
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Pixels to be written, and what is to be said of them.

    Attributes:
        pixels: ``(H, W, C)``.
        like: the info of the image that they belong to; None: nothing is known of them.
        holes: ``(H, W)``, True where a pixel is still missing; None: none is.
    """

    pixels: Pixels
    like: ImageInfo | None = None
    holes: NDArray[np.bool_] | None = None

    @property
    def masked(self) -> bool:
        """Whether missing pixels need a mask, because no value stands for them."""
        declared = self.like is not None and self.like.nodata is not None
        return self.holes is not None and not declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of an image before it is decoded.

    Attributes:
        shape: ``(H, W, C)`` as :func:`~convae.images.files.reading.read_image` will give it.
        depth: ``"uint8"``, ``"uint16"`` or ``"float32"``: the dtype it will be read as.
        pages: how many images the file holds (frames, pages, planes of a volume).
        format: the file kind.
        stored: the dtype that the file stores.
        mode: the colour model as stored.
        shortfall: what the file promises and does not hold, in words; empty where it holds all.
    """

    shape: tuple[int, int, int]
    depth: str
    pages: int
    format: str
    stored: str
    mode: str
    shortfall: str = ""


MOST_BYTES = 768 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """What one image may cost; checked on its header, before anything is allocated.

    Attributes:
        max_pixels: the largest H x W.
        max_bytes: the largest decoded image in bytes, all channels.
        max_pages: the largest number of pages, frames or planes in one file.
    """

    max_pixels: int = 100_000_000
    max_bytes: int = MOST_BYTES
    max_pages: int = 100_000

    @classmethod
    def for_pixels(cls, max_pixels: int) -> "ReadLimits":
        """Limits of another largest H x W, and of the memory that four float32 channels of it take."""
        return cls(max_pixels=max_pixels, max_bytes=max(MOST_BYTES, 16 * max_pixels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """All it takes to read an image file, in this process or in another.

    Attributes:
        path: the file.
        name: how messages call it.
        page: which page, frame or plane, from 0.
        limits: what it may cost.
        for_size: (height, width) that it is to be resized to, if it is.
        most_bytes: how large the image may be to be read together with its header; None reads it anyway.
    """

    path: str
    name: str
    page: int
    limits: ReadLimits
    for_size: Size | None
    most_bytes: int | None


Answer = tuple[Header | None, Image | None] | ImageError


@dataclass(slots=True, kw_only=True)
class Decoded:
    """What a decoder hands over: pixels as stored, and what the file says of them.

    Attributes:
        opacity: ``"straight"`` or ``"premultiplied"`` where the last channel is opacity, else ``""``.
        valid: ``(H, W)``, False where the file's own mask says that a pixel is missing; None: no mask.
        others: the attributes of :class:`ImageInfo` of the same names.
    """

    pixels: Pixels
    format: str
    mode: str
    depth: str = ""
    conversions: list[str] = field(default_factory=list)
    nodata: float | None = None
    opacity: str = ""
    top: float | None = None
    white_is_zero: bool = False
    valid: NDArray[np.bool_] | None = None
    resolution: Resolution | None = None
    description: Description | None = None
    tags: Tags | None = None


class DecoderFile(Protocol):
    """An open file of one kind: its header is known, nothing is decoded yet."""

    pages: int

    def header(self, page: int) -> Header:
        """Describe one page."""

    def decode(self, page: int) -> Decoded:
        """Decode one page."""


@cache
def dtype_name(dtype: np.dtype[Any]) -> str:
    """``dtype.name``, which takes NumPy longer to put together than an image to be looked at.

    >>> dtype_name(np.dtype(">u2"))
    'uint16'
    """
    return dtype.name


def depth_read(stored: str) -> str:
    """The dtype that an image is read as, by the one that its file stores.

    >>> [depth_read(stored) for stored in ("bool", "uint16", "int16")]
    ['uint8', 'uint16', 'float32']
    """
    if stored in ("bool", "uint8"):
        return "uint8"
    return "uint16" if stored == "uint16" else "float32"
