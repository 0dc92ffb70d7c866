"""The results of reading: an image, its origin, its header, and the limits for reading."""

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
    """The origin of an image and the changes made while reading it.

    Attributes:
        name: the image as the user knows it: a relative path, ``stack.tif[3]``, ``array[7]``.
        format: the file kind: ``"PNG"``, ``"JPEG"``, ``"TIFF"``, ``"array"``, ...
        depth: the numpy dtype that the file stores: ``"bool"``, ``"uint8"``, ``"int16"``, ...
        mode: the colour model as stored: ``"L"``, ``"P"``, ``"CMYK"``, ``"5 bands"``, ...
        conversions: what reading changed, in the field's words: ``"palette expanded to RGB"``.
        missing: number of pixels without a value: NaN, infinity, or declared missing by the file (a nodata
            value, a mask of its own).
        nodata: the value that the file declares as missing; None if it declares none.
        opacity: the opacity in the last channel, if the file states it; None if no channel is opacity.
        top: the largest sample value that the file states, if that is not the largest of the dtype (the
            maximum of a PGM or PPM, 4095 of a 12-bit picture); None if it states none.
        white_is_zero: whether the file stores white as 0. Unsigned pixels have been inverted; signed and
            float pixels, which have no largest value, are as stored.
        resolution: pixels per inch or centimetre, if the file states it.
        description: axes, spacing and units of all images of a TIFF; only its first image has it.
        tags: colour profile, EXIF, georeference and the like, to be written back.
        clear_colour: whether the file declares one colour transparent (tRNS of a PNG without a palette),
            which the pixels do not show.
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
        stored: ``(H, W, C)`` in the dtype of the file (``info.depth``) if ``pixels`` has another one, for
            values that must be restored exactly; None if ``pixels`` holds them exactly.
        holes: ``(H, W)``, True where the file declares a pixel missing; None if it declares none.
            Float pixels are NaN there as well.
    """

    pixels: Pixels
    info: ImageInfo
    reduced: bool = False
    stored: Pixels | None = None
    holes: NDArray[np.bool_] | None = None

    @property
    def original(self) -> Pixels:
        """Return ``(H, W, C)`` in the dtype of the file (bilevel: bool), every value as the file has it."""
        return self.pixels if self.stored is None else self.stored

    def first_channels(self, count: int) -> "Image":
        """Return the same image with only the first ``count`` channels, opacity removed as well."""
        stored = None if self.stored is None else np.ascontiguousarray(self.stored[..., :count])
        return replace(
            self,
            pixels=np.ascontiguousarray(self.pixels[..., :count]),
            stored=stored,
            info=replace(self.info, opacity=None),
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Pixels to write, and their metadata.

    Attributes:
        pixels: ``(H, W, C)``.
        like: the info of the image that they belong to; None if unknown.
        holes: ``(H, W)``, True where a pixel is still missing; None if none is.
    """

    pixels: Pixels
    like: ImageInfo | None = None
    holes: NDArray[np.bool_] | None = None

    @property
    def masked(self) -> bool:
        """Return whether missing pixels need a mask, because no value represents them."""
        declared = self.like is not None and self.like.nodata is not None
        return self.holes is not None and not declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header of an image, known before it is decoded.

    Attributes:
        shape: ``(H, W, C)`` as :func:`~convae.images.files.reading.read_image` will give it.
        depth: ``"uint8"``, ``"uint16"`` or ``"float32"``: the dtype it will be read as.
        pages: how many images the file holds (frames, pages, planes of a volume).
        format: the file kind.
        stored: the dtype that the file stores.
        mode: the colour model as stored.
        shortfall: what the file promises but does not hold, in words; empty if it holds all.
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
    """Limits for one image; checked on its header, before anything is allocated.

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
        """Return limits for another largest H x W, with the memory that four float32 channels of it take."""
        return cls(max_pixels=max_pixels, max_bytes=max(MOST_BYTES, 16 * max_pixels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to read an image file, in this process or in another.

    Attributes:
        path: the file.
        name: its name in messages.
        page: which page, frame or plane, from 0.
        limits: the limits for the image.
        for_size: (height, width) that it will be resized to; None if it will not.
        most_bytes: maximum size of an image that is read together with its header; None: no maximum.
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
    """The output of a decoder: pixels as stored, and metadata of the file.

    Attributes:
        opacity: ``"straight"`` or ``"premultiplied"`` where the last channel is opacity, else ``""``.
        valid: ``(H, W)``, False where the file's own mask declares a pixel missing; None: no mask.
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
    """An open file of one kind: its header is read, nothing is decoded yet."""

    pages: int

    def header(self, page: int) -> Header:
        """Describe one page."""

    def decode(self, page: int) -> Decoded:
        """Decode one page."""


@cache
def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return ``dtype.name``, cached because NumPy computes it slowly.

    >>> dtype_name(np.dtype(">u2"))
    'uint16'
    """
    return dtype.name


def depth_read(stored: str) -> str:
    """Return the dtype that an image is read as, given the one that its file stores.

    >>> [depth_read(stored) for stored in ("bool", "uint16", "int16")]
    ['uint8', 'uint16', 'float32']
    """
    if stored in ("bool", "uint8"):
        return "uint8"
    return "uint16" if stored == "uint16" else "float32"
