"""The metadata that each kind of file can hold, and what is lost in another kind."""

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
)  # kinds other than TIFF that state pixels per inch
_MOST_EXIF = 65_527  # JPEG: one segment, with its length and "Exif" in front


def what_is_lost(like: ImageInfo, kind: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return the metadata of an image's file that a file of this kind cannot hold.

    Args:
        like: the image as it was read.
        kind: the kind of the file to write: ``"PNG"``, ``"TIFF"``, ...
        shape: ``(H, W, C)`` of the pixels to write.

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
    """Return the colour model before a conversion: ``CMYK``."""
    return re.findall(r"^(\S+) converted to RGB$", text)


def profile_for(like: ImageInfo, kind: str, shape: tuple[int, ...]) -> bytes | None:
    """Return the ICC profile for a file of this kind; None if there is none or it does not fit.

    A profile is for grey or for colour, so it is valid for the number of colours that the image had.
    """
    tags = like.tags
    if tags is None or tags.profile is None or kind not in _PROFILES:
        return None
    return tags.profile if _colours(tags.channels) == _colours(shape[2]) else None


def exif_for(like: ImageInfo, kind: str) -> bytes | None:
    """Return the EXIF structure for a file of this kind; None if there is none."""
    tags = like.tags
    if tags is None or tags.exif is None or kind not in _EXIF:
        return None
    return None if kind == "JPEG" and len(tags.exif) > _MOST_EXIF else tags.exif


def chunks_for(tags: Tags | None, channels: int) -> tuple[tuple[str, bytes], ...]:
    """Return the colour chunks for a PNG with this number of channels."""
    found = () if tags is None else tags.chunks
    return tuple(
        (name, body if name != "sBIT" else _significant_bits(body, channels))
        for name, body in found
        if name != "sBIT" or _significant_bits(body, channels)
    )


def holds_opacity(kind: str, pixels: Pixels, like: ImageInfo | None) -> bool:
    """Return whether a kind of file can hold these pixels without misrepresenting their last channel.

    In every kind but TIFF, two or four channels are grey or RGB with opacity: straight colours, opaque at the
    largest value of the dtype. Neither bands nor 12-bit samples with 4095 for opaque satisfy that.

    Args:
        kind: the kind of the file to write.
        pixels: ``(H, W, C)`` in the depth to store.
        like: the image as it was read; None: a caller's own pixels, interpreted by the kind of file.
    """
    if kind == _TIFF or pixels.shape[2] not in (2, 4) or like is None:
        return True
    if like.opacity is None or like.opacity.kind == PREMULTIPLIED:
        return False
    largest = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    return like.opacity.kind == UNUSED or like.opacity.opaque == largest


def _significant_bits(body: bytes, channels: int) -> bytes:
    """Return the content of sBIT for this number of channels; empty if it cannot be determined."""
    if len(body) == channels:
        return body
    if len(body) == 3 and channels == 4:
        return body + b"\x08"  # a palette with opacity, of which PNG has no figure
    return b""


def _colours(channels: int) -> int:
    """Return the number of colours among the channels, without opacity."""
    return {2: 1, 4: 3}.get(channels, channels)


def _loses_resolution(like: ImageInfo, kind: str, size: tuple[int, int]) -> bool:
    known = like.resolution
    if known is None or known.size != size or kind == _TIFF:
        return False
    return kind not in DOTS or known.per_inch() is None
