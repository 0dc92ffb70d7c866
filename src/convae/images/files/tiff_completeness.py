"""Check whether a TIFF holds all pages that it promises: its description against its directories."""

import json
import math
import re
from typing import Any
from xml.etree import ElementTree

from convae.images.files.tiff_layout import Block
from convae.images.files.tiff_segments import check_plane

_MOST_TEXT = 2**24


def is_complete(tif: Any, block: Block) -> bool:
    """Return whether every image of a series has its pages, in own directories or after the first one."""
    series, pages = block.series, math.prod(block.lead) * block.bands
    if not series.is_truncated:
        return len(series) == pages and all(series[i] is not None for i in range(pages))
    start = series.dataoffset
    if start is None:
        return False
    try:
        check_plane(tif, series, start, pages * series.keyframe.nbytes)
    except ValueError:
        return False
    return True


def shortfall(tif: Any, planes: int, broken: bool) -> str:
    """Return what a file promises but does not hold, in words; empty if it holds all.

    Args:
        tif: the open ``tifffile.TiffFile``.
        planes: number of pages of its images.
        broken: whether its chain of directories leads out of the file.
    """
    promised = _promised(tif)
    if promised and planes not in promised:
        lacking = max(promised) - planes
        what = f"{lacking} pages are missing: " if lacking > 0 else ""
        return f"{what}its description promises {max(promised)} pages, the file holds {planes}"
    if broken:
        return f"the file is cut: its list of pages leads beyond its end after {planes}"
    return ""


def _promised(tif: Any) -> set[int]:
    """Return the possible page counts by the description; none without a meaningful description."""
    text = tif.pages.first.description or ""
    try:
        if len(text) > _MOST_TEXT:
            return set()
        if text.startswith("ImageJ="):
            return _imagej(text)
        if text.lstrip().startswith("{"):
            return _shaped(tif)
        return _ome(text) if "<OME" in text or ":OME" in text else set()
    except Exception:  # a damaged description promises nothing
        return set()


def _imagej(text: str) -> set[int]:
    facts = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    images, channels, slices, frames = (
        int(facts.get(name, 1)) for name in ("images", "channels", "slices", "frames")
    )
    # The channels of an RGB picture share a page.
    return {images, channels * slices * frames, slices * frames} - {0}


def _shaped(tif: Any) -> set[int]:
    if len(tif.series) > 1:
        return set()  # each file has a description of its own
    first = tif.pages.first
    total = math.prod(json.loads(first.description)["shape"])
    return {max(1, total // max(1, math.prod(first.shape)))}


def _ome(text: str) -> set[int]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return set()
    planes, files = 0, set()
    for element in ElementTree.fromstring(re.sub(r"^<\?xml[^>]*\?>", "", text.strip())).iter():
        name = element.tag.rpartition("}")[2]
        if name == "UUID":
            files.add(element.text)
        if name == "Pixels":
            samples = [
                int(channel.attrib.get("SamplesPerPixel", 1))
                for channel in element
                if channel.tag.endswith("Channel")
            ]
            z, c, t = (int(element.attrib[f"Size{axis}"]) for axis in "ZCT")
            planes += z * t * max(1, c // max(1, *samples, 1))
    # This is one of a set of files, and the description covers all of them.
    return {planes} - {0} if len(files) < 2 else set()
