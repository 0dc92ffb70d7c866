"""Write pixels to TIFF, page by page, with the metadata of their original file."""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any, BinaryIO

import numpy as np

from convae.images.files.colour import inverted
from convae.images.files.image import ImageInfo, Page, Pixels
from convae.images.files.metadata import PREMULTIPLIED, STRAIGHT, UNUSED, Description

_CLASSIC_BYTES = 4 * 10**9
_PAGE_BYTES = 4096
_DESCRIPTION, _UNITS = 270, {"": "NONE", "inch": "INCH", "cm": "CENTIMETER"}
_GDAL_NODATA, _MAX_SAMPLE_VALUE = 42113, 281
_ASCII, _SHORT = 2, 3  # TIFF's data types
_EXTRA = {STRAIGHT: "unassalpha", UNUSED: "unassalpha", PREMULTIPLIED: "assocalpha"}
_EXTRA_SAMPLES = {1: "assocalpha", 2: "unassalpha"}  # TIFF's numbers; 0 is unspecified
_MASK = {"subfiletype": 4, "photometric": "mask", "compression": "zlib", "metadata": None}


def write_tiff(
    handle: BinaryIO, pages: Iterable[Page], *, count: int | None = None, at_most: int | None = None
) -> None:
    """Write pages, with memory for one page only.

    Args:
        handle: open for writing, reading and seeking.
        pages: at least one, each in the depth to store. Metadata of the first page's file on all pages
            together (axes, spacing) is written only with exactly the images that it describes; all other
            metadata is written with the page that it belongs to.
        count: the number of pages, if known.
        at_most: the maximum number of pages, if known.
    """
    import tifffile

    pages = iter(pages)
    first = next(pages)
    shape, dtype = first.pixels.shape, first.pixels.dtype
    described, written, alike = _fitting(first, count), 0, True
    apart = described is not None and described.apart
    text = None if described is None else described.text
    with tifffile.TiffWriter(handle, bigtiff=_is_big(first.pixels, count or at_most)) as writer:
        for page in chain([first], pages):
            plane = _as_stored(page)
            for piece in np.split(plane, plane.shape[2], axis=2) if apart else [plane]:
                writer.write(flat(piece), description=text, **_options(piece, page.like))
                text = None
            if page.masked and page.holes is not None:
                writer.write(~page.holes, **_MASK)
            written += 1
            alike = alike and (page.pixels.shape, page.pixels.dtype) == (shape, dtype)
    if described is not None and (written != described.images or not alike):
        _overwrite(handle, _plain(described, written) if alike else b"")


def flat(plane: Pixels) -> Pixels:
    """Return ``(H, W)`` of one channel, else ``(H, W, C)``; contiguous."""
    return np.ascontiguousarray(plane[..., 0] if plane.shape[2] == 1 else plane)


def _is_big(first: Pixels, most: int | None) -> bool:
    """Return whether 4 GB may not suffice; otherwise BigTIFF is avoided, as not every program reads it."""
    if most is None:
        return True
    # Incompressible pixels grow slightly; each channel's page adds tags.
    page = first.nbytes * 1.01 + first.shape[2] * _PAGE_BYTES
    return bool(most * page > _CLASSIC_BYTES)


def _fitting(first: Page, count: int | None) -> Description | None:
    described = None if first.like is None else first.like.description
    have = first.pixels.shape, str(first.pixels.dtype)
    if described is None or (described.shape, described.depth) != have:
        return None
    return described if count in (None, described.images) else None


def _as_stored(page: Page) -> Pixels:
    """Return pixels with white as 0 if the file had it so."""
    pixels, like = page.pixels, page.like
    if like is None or not _white_is_zero(pixels, like) or pixels.dtype.kind not in "ub":
        return pixels
    return inverted(
        pixels, 2 ** (pixels.dtype.itemsize * 8) - 1 if like.top is None else int(like.top)
    )


def _white_is_zero(plane: Pixels, like: ImageInfo | None) -> bool:
    """Return whether white is stored as 0, as in the file: for grey pixels, also with opacity."""
    if like is None or not like.white_is_zero:
        return False
    return bool(plane.shape[2] == 1 + (like.opacity is not None))


def _plain(description: Description, written: int) -> bytes:
    """Return the part of the description that holds if images are missing: which pages are channels."""
    if not description.apart:
        return b""
    height, width, channels = description.shape
    return json.dumps({"shape": [written, channels, height, width], "axes": "QCYX"}).encode()


def _overwrite(handle: BinaryIO, text: bytes) -> None:
    import tifffile

    handle.seek(0)
    with tifffile.TiffFile(handle, name="image.tif") as tif:
        tif.pages.first.tags[_DESCRIPTION].overwrite(text)


def _options(plane: Pixels, like: ImageInfo | None) -> dict[str, Any]:
    """Return how tifffile is to store ``(H, W, C)``: as colour if it is colour, else as bands."""
    channels = plane.shape[2]
    opacity = None if like is None or channels not in (2, 4) else like.opacity
    samples = _extra_samples(channels, like)
    colours = channels - (opacity is not None)
    colour = _is_colour(plane, colours, like)
    grey = "miniswhite" if _white_is_zero(plane, like) else "minisblack"
    options: dict[str, Any] = {
        "photometric": "rgb" if colour else grey,
        "metadata": None,
        "compression": "zlib" if plane.dtype != np.bool_ else None,
        "extratags": _extra_tags(plane, like),
        "iccprofile": _profile(plane, like),
        **_resolution(plane, like),
    }
    if channels == 1:
        return options
    options["planarconfig"] = "contig"
    extra = channels - (3 if colour else 1)
    if extra:
        last = "unspecified" if opacity is None else _EXTRA[opacity.kind]
        options["extrasamples"] = (
            samples if len(samples) == extra else [*["unspecified"] * (extra - 1), last]
        )
    return options


def _extra_samples(channels: int, like: ImageInfo | None) -> list[str]:
    """Return the file's extra samples, if the image still has all of its channels."""
    tags = None if like is None else like.tags
    if tags is None or tags.channels != channels:
        return []
    return [_EXTRA_SAMPLES.get(code, "unspecified") for code in tags.extra_samples]


def _is_colour(plane: Pixels, colours: int, like: ImageInfo | None) -> bool:
    """Return whether the first three channels are RGB: by the file, else by their number and dtype."""
    if like is None or like.format == "array":
        return colours == 3 and plane.dtype.kind == "u"
    return plane.shape[2] >= 3 and "bands" not in like.mode


def _profile(plane: Pixels, like: ImageInfo | None) -> bytes | None:
    tags = None if like is None else like.tags
    return tags.profile if tags is not None and tags.channels == plane.shape[2] else None


def _extra_tags(plane: Pixels, like: ImageInfo | None) -> list[tuple[Any, ...]]:
    """Return the tags for georeference (at unchanged size), missing value, and largest value in use."""
    if like is None:
        return []
    found: list[tuple[Any, ...]] = []
    if like.tags is not None and like.tags.size == plane.shape[:2]:
        found += [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in like.tags.geo]
    if like.nodata is not None:
        text = f"{like.nodata:.17g}"
        found.append((_GDAL_NODATA, _ASCII, len(text) + 1, text, True))
    if like.top is not None and plane.dtype == np.uint16:
        found.append((_MAX_SAMPLE_VALUE, _SHORT, 1, int(like.top), True))
    return found


def _resolution(plane: Pixels, like: ImageInfo | None) -> dict[str, Any]:
    resolution = None if like is None else like.resolution
    if resolution is None or resolution.size != plane.shape[:2]:
        return {}
    return {
        "resolution": (resolution.x.as_integer_ratio(), resolution.y.as_integer_ratio()),
        "resolutionunit": _UNITS[resolution.unit],
    }
