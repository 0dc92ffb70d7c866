"""Resolution, axes and georeference in the tags of a TIFF, as far as they hold for a new file.

The texts may be hostile: they are bounded, compared with the contents of the file, and ignored if in doubt.
Sources: OME-TIFF specification (TiffData, DimensionOrder); ImageJ, ``ij.io.TiffDecoder`` and
``ij.io.FileInfo.getDescription``; tifffile, ``shaped_description``.
"""

import json
import math
import re
import sys
from collections import defaultdict
from typing import Any
from xml.etree import ElementTree

from convae.images.files.image import Header
from convae.images.files.metadata import Description, Resolution, Tags, TiffTag, resolution
from convae.images.files.tiff_layout import Block

_MOST_BYTES = 2**20
_DESCRIPTION, _X, _Y, _UNIT = 270, 282, 283, 296
_ASCII, _INCH = 2, 2
_ICC, _MOST_PROFILE = 34675, 2**24
_GDAL_METADATA = 42112
# GeoTIFF: pixel scale, tie points, transformation, keys and their parameters; GDAL: metadata.
_GEO = (33550, 33922, 34264, 34735, 34736, 34737, _GDAL_METADATA)
_STATISTICS = re.compile(rb'<Item name="STATISTICS_[^>]*>[^<]*</Item>\s*')
_UNITS = {1: "", 2: "inch", 3: "cm"}
_SIDEWAYS = range(5, 9)  # orientations that swap rows and columns
_OME_TYPES = {"float32": "float", "float64": "double", "bool": "bit"}


def resolution_of(first: Any, size: tuple[int, int], orientation: int) -> Resolution | None:
    """Read the resolution of a page.

    Args:
        first: tifffile's page.
        size: ``(H, W)`` of the image, upright.
        orientation: how it is stored; 5 to 8 swap rows and columns.
    """
    number = first.tags.valueof(_UNIT, default=_INCH)
    unit = _UNITS.get(number) if isinstance(number, int) else None
    if unit is None:
        return None
    x, y = first.tags.valueof(_X), first.tags.valueof(_Y)
    return resolution(*((y, x) if orientation in _SIDEWAYS else (x, y)), unit, size)


def tags_of(first: Any, shape: tuple[int, int, int], conversions: list[str]) -> Tags | None:
    """Read colour profile and georeference of a page, which its copy must repeat.

    Args:
        first: tifffile's page.
        shape: ``(H, W, C)`` of the image, upright.
        conversions: conversions of its colours; the profile of CMYK is not valid for RGB, for which a
            sentence is added.
    """
    profile = _profile(first)
    if profile is not None and any("converted to RGB" in text for text in conversions):
        conversions.append("its colour profile, which is not one of RGB, is left out")
        profile = None
    geo = tuple(tag for code in _GEO if (tag := _geo_tag(first, code)) is not None)
    extra = tuple(int(code) for code in first.extrasamples)
    known = Tags(size=shape[:2], channels=shape[2], profile=profile, geo=geo, extra_samples=extra)
    return known or None


def _profile(first: Any) -> bytes | None:
    value = first.tags.valueof(_ICC)
    return value if isinstance(value, bytes) and 128 <= len(value) <= _MOST_PROFILE else None


def _geo_tag(first: Any, code: int) -> TiffTag | None:
    tag = first.tags.get(code)
    if tag is None or tag.count > _MOST_BYTES:
        return None
    value = tag.value
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if code == _GDAL_METADATA and isinstance(value, bytes):
        value = _STATISTICS.sub(b"", value)  # statistics of the old pixels
    if isinstance(value, bytes):
        return TiffTag(code=code, dtype=_ASCII, count=len(value) + 1, value=value)
    numbers = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(number, int | float) for number in numbers):
        return None
    return TiffTag(code=code, dtype=int(tag.dtype), count=len(numbers), value=numbers)


def description_of(tif: Any, blocks: list[Block], header: Header) -> Description | None:
    """Read the description of a file whose images can be written back as described.

    Args:
        tif: the open ``tifffile.TiffFile``.
        blocks: all its series.
        header: of its first image.

    Returns:
        the text, adapted to the order in which images are read (channels innermost); None if there is none,
        if it does not match the file, or if the file has a layout that is not written.
    """
    try:
        return _described(tif, blocks, header)
    except Exception:  # any error of a parser on a damaged text: the pixels are valid without it
        return None


def _described(tif: Any, blocks: list[Block], header: Header) -> Description | None:
    block = blocks[0]
    planar = block.first.shaped[0] > 1
    if len(blocks) > 1 or len(tif.series) > 1 or block.depths > 1 or planar:
        return None
    kind = str(block.series.kind).lower()
    if kind not in _KINDS:
        return None
    start, checked = _KINDS[kind]
    raw = _raw(tif, start)
    text = None if raw is None else checked(raw, block, header)
    if text is None:
        return None
    return Description(
        text=text,
        shape=header.shape,
        depth=header.stored,
        images=block.count,
        apart=block.bands > 1,
    )


def _raw(tif: Any, start: bytes) -> bytes | None:
    """Return the bytes of the description with this beginning; tifffile's text has lost the encoding."""
    for tag in tif.pages.first.tags.getall(_DESCRIPTION, default=[]):
        if int(tag.dtype) != _ASCII or tag.count > _MOST_BYTES:
            continue
        tif.filehandle.seek(tag.valueoffset)
        text = bytes(tif.filehandle.read(tag.count)).rstrip(b"\0")
        if text.startswith(start) and b"\0" not in text:
            return text
    return None


def _imagej(text: bytes, block: Block, header: Header) -> bytes | None:
    lines = text.decode("latin-1").split("\n")
    facts = dict(line.split("=", 1) for line in lines if "=" in line)
    pages = block.count * block.bands
    # ImageJ assumes that uncompressed pages are contiguous, and only bilevel is not compressed.
    if header.stored == "bool" or int(facts.get("images", pages)) != pages:
        return None
    return None if _reordered(block) else text


def _reordered(block: Block) -> bool:
    """Return whether the order of pages will change, because the channels were not innermost."""
    inside = block.lead[block.band_axis :]
    return block.bands > 1 and math.prod(inside) > 1


def _shaped(text: bytes, block: Block, header: Header) -> bytes | None:
    facts = json.loads(text)
    shape, axes = list(block.series.get_shape(False)), list(block.series.get_axes(False))
    if block.band_axis >= 0:
        inner = len(block.lead)
        shape.insert(inner, shape.pop(block.band_axis))
        axes.insert(inner, axes.pop(block.band_axis))
    facts.pop("truncated", None)  # one directory for all pages; each will have its own
    facts["shape"] = shape
    if "axes" in facts:
        facts["axes"] = "".join(axes)
    return json.dumps(facts).encode("ascii")


_TIFF_DATA = re.compile(
    rb"<(?P<name>(?:\w+:)?TiffData)\b[^<>]*"
    rb"(?:/>|>\s*(?:<(?:\w+:)?UUID\b[^<>]*>[^<>]*</(?:\w+:)?UUID>\s*)?</(?P=name)>)"
)
_ROOT_UUID = re.compile(rb'(<(?:\w+:)?OME\b[^<>]*?)\sUUID="[^"]*"')
_ORDER = re.compile(rb'\bDimensionOrder="\w+"')
_ENDIAN = re.compile(rb'\bBigEndian="\w+"')


def _ome(text: bytes, block: Block, header: Header) -> bytes | None:
    """Adapt OME-XML to pages in reading order, in a file without the old file's name."""
    axes = str(block.series.get_axes(False))
    lead = axes[: axes.index("Y")]
    if block.band_axis >= 0:
        lead = lead.replace("C", "") + "C"
    if sorted(lead) != ["C", "T", "Z"]:
        return None
    order, pages = f"XY{lead[::-1]}", block.count * block.bands
    big = str(sys.byteorder == "big").lower()
    first = iter((b'<%%s IFD="0" PlaneCount="%d"/>' % pages,))
    text = _TIFF_DATA.sub(lambda found: next(first, b"").replace(b"%s", found["name"]), text)
    text = _ROOT_UUID.sub(rb"\1", text, count=1)
    text = _ORDER.sub(f'DimensionOrder="{order}"'.encode(), text, count=1)
    text = _ENDIAN.sub(f'BigEndian="{big}"'.encode(), text, count=1)
    return text if _ome_fits(text, order, block.count, header) else None


def _ome_fits(text: bytes, order: str, images: int, header: Header) -> bool:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        return False
    root = ElementTree.fromstring(text)
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for element in root.iter():
        found[element.tag.rpartition("}")[2]].append(element.attrib)
    single = all(len(found[name]) == 1 for name in ("Image", "Pixels", "TiffData"))
    if not single or found["UUID"] or found["BinaryOnly"] or "UUID" in root.attrib:
        return False
    pixels = found["Pixels"][0]
    height, width, channels = header.shape
    x, y, z, c, t = (int(pixels[f"Size{axis}"]) for axis in "XYZCT")
    return (
        (x, y, z * c * t) == (width, height, images * channels)
        and pixels["DimensionOrder"] == order
        and pixels["Type"] == _OME_TYPES.get(header.stored, header.stored)
    )


# Series of tifffile: how their description begins, and the function that checks it.
_KINDS = {"imagej": (b"ImageJ=", _imagej), "shaped": (b"{", _shaped), "ome": (b"<", _ome)}
