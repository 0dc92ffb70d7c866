"""Which facts of a file each kind of file can hold, and which of them are lost in another."""

import re

import numpy as np

from convae.images.files.image import ImageInfo, Pixels
from convae.images.files.metadata import PREMULTIPLIED, UNUSED, Tags

_TIFF = "TIFF"
_PROFILES = ("PNG", "JPEG", "WEBP", _TIFF)
_EXIF = ("PNG", "JPEG", "WEBP", _TIFF)
_MAXIMA = ("PGM", "PPM", _TIFF)
DOTS = (
    "PNG",
    "JPEG",
    "BMP",
)  # kinds other than TIFF that say how many pixels there are to the inch
_MOST_EXIF = 65_527  # JPEG: one segment, with its length and "Exif" in front


def what_is_lost(like: ImageInfo, kind: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """What the file of an image says and a file of this kind would not say.

    Args:
        like: the image as it was read.
        kind: of the file that is written: ``"PNG"``, ``"TIFF"``, ...
        shape: ``(H, W, C)`` of what is written.

    Returns:
        plain phrases: ``"colour profile"``, ``"EXIF"``, ``"maximum of 4095"``, ``"georeference"``, ...

    >>> what_is_lost(ImageInfo(name="x", format="PGM", depth="uint16", top=4095), "PNG", (4, 4, 1))
    ('maximum of 4095',)
    """
    tags, size = like.tags, (shape[0], shape[1])
    found = {
        "colour profile": tags is not None
        and tags.profile
        and profile_for(like, kind, shape) is None,
        "colour chunks of PNG": tags is not None and tags.chunks and kind != "PNG",
        "EXIF": tags is not None and tags.exif and exif_for(like, kind) is None,
        f"maximum of {like.top or 0:g}": like.top is not None and kind not in _MAXIMA,
        "georeference": tags is not None and tags.geo and (kind != _TIFF or tags.size != size),
        "nodata value": like.nodata is not None and kind != _TIFF,
        "opacity": like.opacity is not None and shape[2] in (1, 3),
        "transparent colour": like.clear_colour,
        "resolution": _loses_resolution(like, kind, size),
        "axes and units": like.description is not None and kind != _TIFF,
        "palette": any(text.startswith("palette expanded") for text in like.conversions),
        **{f"{model} colours": True for text in like.conversions for model in _converted(text)},
    }
    return tuple(phrase for phrase, lost in found.items() if lost)


def _converted(text: str) -> list[str]:
    """The colour model that a conversion left: ``CMYK``."""
    return re.findall(r"^(\S+) converted to RGB$", text)


def profile_for(like: ImageInfo, kind: str, shape: tuple[int, ...]) -> bytes | None:
    """The ICC profile to be written in a file of this kind; None where there is none or it does not fit.

    A profile is one of grey or of colour, so it is true of as many colours as the image had.
    """
    tags = like.tags
    if tags is None or tags.profile is None or kind not in _PROFILES:
        return None
    return tags.profile if _colours(tags.channels) == _colours(shape[2]) else None


def exif_for(like: ImageInfo, kind: str) -> bytes | None:
    """The EXIF structure to be written in a file of this kind; None where there is none."""
    tags = like.tags
    if tags is None or tags.exif is None or kind not in _EXIF:
        return None
    return None if kind == "JPEG" and len(tags.exif) > _MOST_EXIF else tags.exif


def chunks_for(tags: Tags | None, channels: int) -> tuple[tuple[str, bytes], ...]:
    """The chunks on colour to be written in a PNG of so many channels."""
    found = () if tags is None else tags.chunks
    return tuple(
        (name, body if name != "sBIT" else _significant_bits(body, channels))
        for name, body in found
        if name != "sBIT" or _significant_bits(body, channels)
    )


def holds_opacity(kind: str, pixels: Pixels, like: ImageInfo | None) -> bool:
    """Whether a kind of file may take these pixels without saying what is not so of their last channel.

    Two or four channels are grey or RGB with opacity in every kind but TIFF: colours not multiplied by it,
    opaque at the largest value of the dtype. Bands are not that, nor 12-bit samples with 4095 for opaque.

    Args:
        kind: of the file that is written.
        pixels: ``(H, W, C)`` in the depth to store.
        like: the image as it was read; None: a caller's own pixels, whose kind of file says what they are.
    """
    if kind == _TIFF or pixels.shape[2] not in (2, 4) or like is None:
        return True
    if like.opacity is None or like.opacity.kind == PREMULTIPLIED:
        return False
    largest = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    return like.opacity.kind == UNUSED or like.opacity.opaque == largest


def _significant_bits(body: bytes, channels: int) -> bytes:
    """What sBIT says of as many channels; nothing where it cannot be told."""
    if len(body) == channels:
        return body
    if len(body) == 3 and channels == 4:
        return body + b"\x08"  # a palette with opacity, of which PNG has no figure
    return b""


def _colours(channels: int) -> int:
    """How many colours so many channels are, opacity aside."""
    return {2: 1, 4: 3}.get(channels, channels)


def _loses_resolution(like: ImageInfo, kind: str, size: tuple[int, int]) -> bool:
    known = like.resolution
    if known is None or known.size != size or kind == _TIFF:
        return False
    return kind not in DOTS or known.per_inch() is None
