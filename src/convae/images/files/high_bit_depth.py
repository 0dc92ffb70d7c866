"""Decode more than 8 bits per channel where Pillow reads 8: colour PNG, colour JPEG 2000 and AVIF."""

from typing import Any, BinaryIO

import numpy as np

from convae.errors import needs_package
from convae.images.files.file_kinds import avif_depth, jpeg2000_depth
from convae.images.files.image import Pixels
from convae.images.files.png16 import is_deep, read_png16


def deep_kind(kind: str, head: bytes) -> str:
    """Return ``kind`` if Pillow would lose depth on this file, else an empty text.

    Args:
        kind: Pillow's name of the kind.
        head: the first bytes of the file.
    """
    if kind == "PNG":
        return kind if is_deep(head) else ""
    if kind == "JPEG2000":
        bits, _, components = jpeg2000_depth(head)
        return kind if bits > 8 and components > 1 else ""
    return kind if kind == "AVIF" and avif_depth(head) > 8 else ""


def decode_deep(kind: str, handle: BinaryIO) -> Pixels:
    """Decode at full depth.

    Args:
        kind: the result of :func:`deep_kind`.
        handle: the open file; its declared size has been checked against the limits.

    Returns:
        ``(H, W, C)`` uint16, values as stored.

    Raises:
        ValueError: the file is damaged, or needs the package imagecodecs.
    """
    handle.seek(0)
    data = handle.read()
    codecs = _codecs()
    if kind == "PNG" and (codecs is None or not hasattr(codecs, "png_decode")):
        return read_png16(data)
    if codecs is None:
        raise ValueError(needs_package(f"{kind} of more than 8 bits a channel", "imagecodecs"))
    decode = {
        "PNG": "png_decode",
        "JPEG2000": "jpeg2k_decode",
        "AVIF": "avif_decode",
    }[kind]
    pixels: Pixels = np.asarray(getattr(codecs, decode)(data))
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3:
        raise ValueError(f"{kind} gave an array of {pixels.ndim} axes")
    return pixels


def _codecs() -> Any:
    try:
        import imagecodecs
    except ImportError:
        return None
    return imagecodecs
