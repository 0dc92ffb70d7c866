"""Pixels to TIFF, page by page, with the resolution and the axes of the file they came from."""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any, BinaryIO

import numpy as np

from convae.images.besides import Description
from convae.images.image import ImageInfo, Pixels

_CLASSIC_BYTES = 4 * 10**9
_PAGE_BYTES = 4096
_DESCRIPTION, _UNITS = 270, {"": "NONE", "inch": "INCH", "cm": "CENTIMETER"}


def write_tiff(
    handle: BinaryIO,
    pages: Iterable[Pixels],
    like: ImageInfo | None = None,
    *,
    count: int | None = None,
    at_most: int | None = None,
) -> None:
    """Write pages in the memory of one.

    Args:
        handle: open for writing, reading and seeking.
        pages: each ``(H, W, C)``, in the depth to store; at least one.
        like: the first image of the file that they belong to. Its resolution is written with pages of its
            size, its description with exactly the images that it speaks of.
        count: how many pages there are, if that is known.
        at_most: how many there can be, if that is known.
    """
    import tifffile

    pages = iter(pages)
    first = next(pages)
    said, written, alike = _fitting(like, first, count), 0, True
    apart = said is not None and said.apart
    text = None if said is None else said.text
    with tifffile.TiffWriter(handle, bigtiff=_is_big(first, count or at_most)) as writer:
        for plane in chain([first], pages):
            for piece in np.split(plane, plane.shape[2], axis=2) if apart else [plane]:
                writer.write(flat(piece), description=text, **_options(piece, like))
                text = None
            written += 1
            alike = alike and plane.shape == first.shape
    if said is not None and (written != said.images or not alike):
        _overwrite(handle, _plain(said, written) if alike else b"")


def flat(plane: Pixels) -> Pixels:
    """``(H, W)`` of one channel, else ``(H, W, C)``; contiguous."""
    return np.ascontiguousarray(plane[..., 0] if plane.shape[2] == 1 else plane)


def _is_big(first: Pixels, most: int | None) -> bool:
    """Whether 4 GB may not be enough; else BigTIFF is avoided, as not every program reads it."""
    if most is None:
        return True
    # Pixels that cannot be compressed grow a little; the tags of every channel's page come on top.
    page = first.nbytes * 1.01 + first.shape[2] * _PAGE_BYTES
    return bool(most * page > _CLASSIC_BYTES)


def _fitting(like: ImageInfo | None, first: Pixels, count: int | None) -> Description | None:
    said = None if like is None else like.description
    if said is None or (said.shape, said.depth) != (first.shape, str(first.dtype)):
        return None
    return said if count in (None, said.images) else None


def _plain(said: Description, written: int) -> bytes:
    """What is still true when images are missing: which pages are the channels of one image."""
    if not said.apart:
        return b""
    height, width, channels = said.shape
    return json.dumps({"shape": [written, channels, height, width], "axes": "QCYX"}).encode()


def _overwrite(handle: BinaryIO, text: bytes) -> None:
    import tifffile

    handle.seek(0)
    with tifffile.TiffFile(handle, name="image.tif") as tif:
        tif.pages.first.tags[_DESCRIPTION].overwrite(text)


def _options(plane: Pixels, like: ImageInfo | None) -> dict[str, Any]:
    """How tifffile is to store ``(H, W, C)``: colour only where it is colour, else bands."""
    channels = plane.shape[2]
    stored = "" if like is None else like.mode
    bands = "bands" in stored
    colour = channels in (3, 4) and plane.dtype.kind == "u" and not bands
    options: dict[str, Any] = {
        "photometric": "rgb" if colour else "minisblack",
        "metadata": None,
        "compression": "zlib" if plane.dtype != np.bool_ else None,
        **_resolution(plane, like),
    }
    if channels == 1:
        return options
    options["planarconfig"] = "contig"
    alpha = channels in (2, 4) and not bands
    extra = channels - (3 if colour else 1)
    if extra:
        options["extrasamples"] = ["unassalpha" if alpha else "unspecified"] * extra
    return options


def _resolution(plane: Pixels, like: ImageInfo | None) -> dict[str, Any]:
    told = None if like is None else like.resolution
    if told is None or told.size != plane.shape[:2]:
        return {}
    return {
        "resolution": (told.x.as_integer_ratio(), told.y.as_integer_ratio()),
        "resolutionunit": _UNITS[told.unit],
    }
