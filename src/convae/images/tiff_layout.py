"""Where the images of a TIFF lie: pages, planes of a volume, bands on an axis of their own."""

import importlib.util
import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from convae.images.image import Pixels

_DEFLATE, _LZMA = (8, 32946), 34925
_LARGEST_RATIO = 1032  # of what deflate can inflate to
_HARMLESS = 64 * 2**20
_REDUCED_OR_MASK = 1 | 4  # bits of NewSubfileType: a thumbnail, a transparency mask


@dataclass(slots=True)
class Block:
    """One series of a TIFF: pages that share a shape.

    Attributes:
        series: tifffile's series.
        lead: the sizes of the axes before the page, with the band axis taken out.
        band_axis: its place among the leading axes, or -1.
        bands: how many pages make one image.
        depths: planes inside one page (a volume stored as one).
    """

    series: Any
    lead: tuple[int, ...]
    band_axis: int
    bands: int
    depths: int

    @property
    def count(self) -> int:
        """How many images this series holds."""
        return math.prod(self.lead) * self.depths

    @property
    def first(self) -> Any:
        """The page whose tags speak for all."""
        return self.series.keyframe

    def stack(self, tif: Any, index: int) -> Pixels:
        """Decode image ``index``: ``(H, W, C)``, values as stored."""
        place, depth = divmod(index, self.depths)
        full = list(self.lead)
        where = [int(i) for i in np.unravel_index(place, self.lead)] if self.lead else []
        if self.band_axis >= 0:
            full.insert(self.band_axis, self.bands)
            where.insert(self.band_axis, 0)
        planes = []
        for band in range(self.bands):
            if self.band_axis >= 0:
                where[self.band_axis] = band
            flat = int(np.ravel_multi_index(where, full)) if full else 0
            planes.append(_plane(tif, self.series, flat)[:, depth])
        # (separate samples, H, W, contiguous samples), one of the two counts is 1
        joined = [np.moveaxis(p, 0, -2).reshape(*p.shape[1:3], -1) for p in planes]
        return joined[0] if len(joined) == 1 else np.concatenate(joined, axis=-1)


def _plane(tif: Any, series: Any, flat: int) -> Pixels:
    """One page as ``(separate samples, depth, H, W, contiguous samples)``."""
    first = series.keyframe
    if series.is_truncated and flat:
        # One directory stands for a whole volume; its planes follow each other in the file.
        start = series.dataoffset
        if start is None:
            raise ValueError("the planes of this volume do not follow each other")
        kind = f"{tif.byteorder}{first.dtype.char}"
        pixels = tif.filehandle.read_array(kind, first.size, start + flat * first.nbytes)
        return np.asarray(pixels).reshape(first.shaped)
    page = series[flat]
    if page is None:
        raise ValueError("the page is missing")
    check_segments(tif, page)
    return np.asarray(page.asarray(squeeze=False, maxworkers=1)).reshape(first.shaped)


def check_segments(tif: Any, page: Any) -> None:
    """Refuse a page whose strips or tiles reach beyond the file, before zeros stand in for them."""
    size = tif.filehandle.size
    ends = zip(page.dataoffsets, page.databytecounts, strict=False)
    if any(start + count > size for start, count in ends):
        raise ValueError("file is truncated")
    if not page.dataoffsets or len(page.databytecounts) < len(page.dataoffsets):
        raise ValueError("the file does not say where its pixels are")
    _check_expansion(tif, page)
    key = page.keyframe
    whole = key.compression == 1 and not key.is_tiled and key.dtype is not None
    if whole and sum(page.databytecounts) < math.prod(key.shaped) * key.bitspersample // 8:
        raise ValueError("file is truncated")


def _check_expansion(tif: Any, page: Any) -> None:
    """Refuse strips that inflate beyond the page: tifffile's own codecs do not stop at its size.

    imagecodecs does, so this second pass is only made without it, and only over strips that could.
    """
    key = page.keyframe
    if importlib.util.find_spec("imagecodecs") or key.compression not in (*_DEFLATE, _LZMA):
        return
    if key.compression == _LZMA:
        raise NotImplementedError("imagecodecs is missing")
    most = math.prod(key.shaped) * key.dtype.itemsize + _HARMLESS
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if count * _LARGEST_RATIO < _HARMLESS:
            continue
        tif.filehandle.seek(start)
        packed, inflater, total = tif.filehandle.read(count), zlib.decompressobj(), 0
        while packed and total <= most:
            total += len(inflater.decompress(packed, 2**20))
            packed = inflater.unconsumed_tail
        if total > most:
            raise ValueError("a strip holds more than the page (decompression bomb)")


def blocks_of(tif: Any) -> list[Block]:
    """List the series of a TIFF, thumbnails, reduced levels and masks left out."""
    chosen = [s for s in tif.series if not int(s.keyframe.subfiletype or 0) & _REDUCED_OR_MASK]
    return [_block(series) for series in chosen or list(tif.series)[:1]]


def _block(series: Any) -> Block:
    first = series.keyframe
    shape, axes = list(series.get_shape(False)), series.get_axes(False)
    # The page's own axes are the last ones: as many as it takes to reach its size.
    own, at = math.prod(first.shaped), len(shape)
    size = 1
    while at > 0 and (size < own or axes[at - 1] in "YX"):
        at -= 1
        size *= shape[at]
    if size != own:
        raise ValueError(f"axes {axes} do not fit the pages")
    lead, names = shape[:at], axes[:at]
    samples = first.shaped[0] * first.shaped[4]
    band = names.find("C") if samples == 1 else -1
    bands = lead.pop(band) if band >= 0 else 1
    return Block(series, tuple(lead), band, bands, first.shaped[1])


def count_directories(handle: BinaryIO, most: int) -> int:
    """Walk the chain of image directories without reading them.

    Args:
        handle: the open file.
        most: the largest number accepted.

    Returns:
        how many there are; a chain that leaves the file ends there.

    Raises:
        ValueError: the chain bites its tail, or is longer than ``most``.
    """
    handle.seek(0)
    head = handle.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    number, entry, pointer = ("Q", 20, "Q") if big else ("H", 12, "I")
    (at,) = struct.unpack_from(order + pointer, head, 8 if big else 4)
    seen: set[int] = set()
    while at and at not in seen:
        seen.add(at)
        if len(seen) > most:
            raise ValueError(f"more than {most} pages")
        handle.seek(at)
        start = handle.read(struct.calcsize(order + number))
        if len(start) < struct.calcsize(order + number):
            seen.discard(at)
            break
        handle.seek(struct.unpack(order + number, start)[0] * entry, 1)
        link = handle.read(struct.calcsize(order + pointer))
        at = struct.unpack(order + pointer, link)[0] if len(link) == struct.calcsize(pointer) else 0
    if at in seen and at:
        raise ValueError("its pages point at each other in a circle")
    return len(seen)
