"""Prepare EXIF for a copy of an image: upright, and without the thumbnail of the original.

EXIF has the structure of a TIFF: directories of tags, the second of them for a thumbnail. Camera makers keep
previews in their maker notes. Source: CIPA DC-008, Exchangeable image file format for digital still cameras
(Exif 2.32).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PREFIX = b"Exif\0\0"
_ORIENTATION, _EXIF_DIRECTORY, _WIDTH, _HEIGHT = 274, 0x8769, 0xA002, 0xA003
_STARTS, _SIZES = (273, 0x201), (279, 0x202)  # of the thumbnail: strips, and a JPEG
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_MOST_ENTRIES = 1000
_LARGEST = 16 * 2**20
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One tag: its number and type, the count of its values, and their position."""

    code: int
    kind: int
    count: int
    at: int


def upright_exif(data: bytes, size: tuple[int, int]) -> bytes:
    """Return the EXIF of an image that has been rotated upright, without its thumbnail.

    Args:
        data: the structure as the file has it, with or without the leading ``Exif``.
        size: ``(height, width)`` of the upright image.

    Returns:
        the structure without the leading ``Exif``, as long as it was: the orientation is 1, the size that
        of the image, the directory of the thumbnail is gone, and the bytes of the thumbnail and of all
        previews are zero.

    Raises:
        ValueError: it is damaged.
    """
    work = bytearray(data.removeprefix(_PREFIX))
    if len(work) > _LARGEST:
        raise ValueError("EXIF of more than 16 MB")
    order = _order(work)
    main = _number(work, 4, "I", order)
    entries, next_at = _directory(work, main, order)
    for entry in entries:
        if entry.code == _ORIENTATION:
            _set(work, entry, 1, order)
        if entry.code == _EXIF_DIRECTORY:
            inner, _ = _directory(work, _value(work, entry, order), order)
            for item in inner:
                if item.code in (_WIDTH, _HEIGHT):
                    _set(work, item, size[item.code == _WIDTH], order)
    _without_thumbnail(work, next_at, order)
    _without_previews(work)
    return bytes(work)


def orientation_of(data: bytes) -> int:
    """Return the orientation in EXIF, 1 to 8; 1 if it has none.

    Raises:
        ValueError: it is damaged.
    """
    work = bytearray(data.removeprefix(_PREFIX))
    order = _order(work)
    for entry in _directory(work, _number(work, 4, "I", order), order)[0]:
        if entry.code == _ORIENTATION:
            value = _value(work, entry, order)
            return value if 1 <= value <= 8 else 1
    return 1


def _order(work: bytearray) -> str:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(work[:4]))
    if order is None:
        raise ValueError("EXIF without its first bytes")
    return order


def _number(work: bytearray, at: int, form: str, order: str) -> int:
    try:
        (number,) = struct.unpack_from(order + form, work, at)
    except struct.error as fault:
        raise ValueError("EXIF ends too early") from fault
    return int(number)


def _directory(work: bytearray, at: int, order: str) -> tuple[list[_Entry], int]:
    """Return the tags of a directory, and the position of the offset of the next one."""
    count = _number(work, at, "H", order)
    if count > _MOST_ENTRIES:
        raise ValueError("EXIF with too many tags")
    entries = [_entry(work, at + 2 + 12 * number, order) for number in range(count)]
    return entries, at + 2 + 12 * count


def _entry(work: bytearray, at: int, order: str) -> _Entry:
    code, kind = _number(work, at, "H", order), _number(work, at + 2, "H", order)
    count, where = _number(work, at + 4, "I", order), _number(work, at + 8, "I", order)
    fits = _BYTES.get(kind, 1) * count <= 4
    return _Entry(code, kind, count, at + 8 if fits else where)


def _values(work: bytearray, entry: _Entry, order: str) -> Iterator[int]:
    form = {1: "B", 3: "H", 4: "I", 13: "I"}.get(entry.kind)
    if form is None or entry.count > _MOST_ENTRIES:
        raise ValueError("an EXIF tag of a wrong type")
    width = _BYTES[entry.kind]
    for number in range(entry.count):
        yield _number(work, entry.at + width * number, form, order)


def _value(work: bytearray, entry: _Entry, order: str) -> int:
    for value in _values(work, entry, order):
        return value
    raise ValueError("an EXIF tag without a value")


def _set(work: bytearray, entry: _Entry, value: int, order: str) -> None:
    """Replace a tag's value; a tag whose type cannot hold it is unchanged."""
    form, most = {1: ("B", 255), 3: ("H", 65_535), 4: ("I", 2**32 - 1)}.get(entry.kind, ("", 0))
    if entry.count == 1 and value <= most:
        struct.pack_into(order + form, work, entry.at, value)


def _without_thumbnail(work: bytearray, next_at: int, order: str) -> None:
    """Unlink the directories after the first, and erase them and the data they point to."""
    at = _number(work, next_at, "I", order)
    struct.pack_into(order + "I", work, next_at, 0)
    if not at:
        return
    entries, end = _directory(work, at, order)
    starts = [v for e in entries if e.code in _STARTS for v in _values(work, e, order)]
    sizes = [v for e in entries if e.code in _SIZES for v in _values(work, e, order)]
    for start, size in zip(starts, sizes, strict=False):
        _wipe(work, start, start + size)
    _wipe(work, at, end + 4)


def _without_previews(work: bytearray) -> None:
    """Erase all embedded JPEG data."""
    at = work.find(_JPEG_START)
    while at >= 0:
        end = work.rfind(_JPEG_END, at)
        _wipe(work, at, len(work) if end < 0 else end + 2)
        at = work.find(_JPEG_START, at + 1)


def _wipe(work: bytearray, start: int, end: int) -> None:
    end = min(end, len(work))
    if start < end:
        work[start:end] = bytes(end - start)
