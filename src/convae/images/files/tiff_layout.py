"""The layout of images in a TIFF: pages, planes of a volume, bands on a separate axis."""

import math
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from convae.images.files.image import Pixels
from convae.images.files.tiff_segments import check_plane, check_segments

_MASK = 4  # bit of NewSubfileType: a transparency mask
_REDUCED_OR_MASK = 1 | _MASK  # or a thumbnail


@dataclass(slots=True)
class Block:
    """One series of a TIFF: pages that share a shape.

    Attributes:
        series: tifffile's series.
        lead: the sizes of the axes before the page, with the band axis taken out.
        band_axis: its position among the leading axes, or -1.
        bands: number of pages per image.
        depths: planes inside one page (a volume stored as one).
    """

    series: Any
    lead: tuple[int, ...]
    band_axis: int
    bands: int
    depths: int

    @property
    def count(self) -> int:
        """Return the number of images in this series."""
        return math.prod(self.lead) * self.depths

    @property
    def first(self) -> Any:
        """Return the page whose tags hold for all."""
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
    """Return one page as ``(separate samples, depth, H, W, contiguous samples)``."""
    first = series.keyframe
    if series.is_truncated and flat:
        # One directory stands for a whole volume; its planes follow each other in the file.
        start = series.dataoffset
        if start is None:
            raise ValueError("the planes of this volume do not follow each other")
        start += flat * first.nbytes
        check_plane(tif, series, start, first.nbytes)
        kind = f"{tif.byteorder}{first.dtype.char}"
        pixels = tif.filehandle.read_array(kind, first.size, start)
        return np.asarray(pixels).reshape(first.shaped)
    page = series[flat]
    if page is None:
        raise ValueError("the page is missing")
    check_segments(tif, page)
    return np.asarray(page.asarray(squeeze=False, maxworkers=1)).reshape(first.shaped)


def blocks_of(tif: Any) -> list[Block]:
    """Return the series of a TIFF, without thumbnails, reduced levels and masks."""
    chosen = [s for s in tif.series if not int(s.keyframe.subfiletype or 0) & _REDUCED_OR_MASK]
    return [_block(series) for series in chosen or list(tif.series)[:1]]


def masks_of(tif: Any) -> list[Block]:
    """Return the series that are transparency masks of whole images, not of reduced ones."""
    kinds = [(s, int(s.keyframe.subfiletype or 0) & _REDUCED_OR_MASK) for s in tif.series]
    return [_block(series) for series, kind in kinds if kind == _MASK]


def in_blocks(blocks: list[Block], page: int) -> tuple[Block, int]:
    """Return the series that holds an image, and the image's index in it.

    Raises:
        IndexError: there is no such image.
    """
    for block in blocks:
        if page < block.count:
            return block, page
        page -= block.count
    raise IndexError("no such page")


def _block(series: Any) -> Block:
    first = series.keyframe
    shape, axes = list(series.get_shape(False)), series.get_axes(False)
    # The page's own axes are the last ones: as many as are needed to reach its size.
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


MOST_ENTRIES = 4096  # maximum number of entries of a directory that are read
MOST_BELOW = 100_000  # maximum number of sub-directories
_SIZES = (256, 257, 277, 32997)  # width, length, samples, depth
_SIGNED = {6: "b", 8: "h", 9: "i", 17: "q"}
_SUB_DIRECTORIES, _PLACES = 330, {4: "I", 13: "I", 16: "Q", 18: "Q"}


def count_directories(handle: BinaryIO, most: int) -> tuple[int, bool]:
    """Walk the chain of image directories, reading only the sizes of pictures.

    tifffile counts the pages of a described stack by the size of a picture. If that size is negative, which
    signed types allow, it never stops.

    Args:
        handle: the open file.
        most: the largest number accepted.

    Returns:
        the number of directories, and whether the chain leaves the file (and ends there).

    Raises:
        ValueError: the chain is circular, or is longer than ``most``, or a picture has a negative size.
    """
    handle.seek(0)
    head = handle.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    number, entry, pointer = ("Q", 20, "Q") if big else ("H", 12, "I")
    sizes = _Sizes(handle, order, big=big)
    (at,) = struct.unpack_from(order + pointer, head, 8 if big else 4)
    seen: set[int] = set()
    while at and at not in seen:
        seen.add(at)
        if len(seen) > most:
            raise ValueError(f"more than {most} pages")
        handle.seek(at)
        start = handle.read(struct.calcsize(order + number))
        if len(start) < struct.calcsize(order + number):
            return len(seen) - 1, True
        sizes.check(at)
        handle.seek(at + len(start) + struct.unpack(order + number, start)[0] * entry)
        link = handle.read(struct.calcsize(order + pointer))
        if len(link) < struct.calcsize(order + pointer):
            return len(seen), True
        (at,) = struct.unpack(order + pointer, link)
    if at in seen and at:
        raise ValueError("its pages point at each other in a circle")
    return len(seen), False


class _Sizes:
    """Checks the sizes of pictures in directories and their sub-directories."""

    def __init__(self, handle: BinaryIO, order: str, *, big: bool) -> None:
        self._handle, self._order = handle, order
        self._seen, self._below = set[int](), 0
        self._number, self._entry = ("Q", "HHQ8s") if big else ("H", "HHI4s")
        self._room = 8 if big else 4

    def check(self, at: int) -> None:
        """Check the directory at this position.

        Raises:
            ValueError: a picture has a negative size.
        """
        left = [at]
        while left:
            if (at := left.pop()) in self._seen:
                continue
            self._seen.add(at)
            for tag, kind, count, value in self._entries(at):
                if tag in _SIZES and kind in _SIGNED:
                    if any(size < 0 for size in self._values(_SIGNED[kind], 1, value)):
                        raise ValueError("a picture in it has a negative size")
                elif tag == _SUB_DIRECTORIES and kind in _PLACES:
                    self._below += count
                    if self._below > MOST_BELOW:
                        raise ValueError(f"more than {MOST_BELOW} pictures below others")
                    left += self._values(_PLACES[kind], count, value)

    def _entries(self, at: int) -> list[tuple[int, int, int, bytes]]:
        self._handle.seek(at)
        start = self._handle.read(struct.calcsize(self._order + self._number))
        if len(start) < struct.calcsize(self._order + self._number):
            return []
        count = min(MOST_ENTRIES, struct.unpack(self._order + self._number, start)[0])
        size = struct.calcsize(self._order + self._entry)
        body = self._handle.read(count * size)
        whole = body[: len(body) // size * size]
        return list(struct.iter_unpack(self._order + self._entry, whole))

    def _values(self, code: str, count: int, value: bytes) -> list[int]:
        """Return the values of an entry, which are stored in it or where it points."""
        size = struct.calcsize(self._order + code)
        if count * size > self._room:
            (at,) = struct.unpack(self._order + ("Q" if self._room == 8 else "I"), value)
            self._handle.seek(at)
            value = self._handle.read(count * size)
        whole = value[: min(count, len(value) // size) * size]
        return [number for (number,) in struct.iter_unpack(self._order + code, whole)]
