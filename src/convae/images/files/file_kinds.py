"""Detect the kind of a file from its first bytes: supported, or refused by name."""

import struct
from dataclasses import dataclass

SNIFF_BYTES = 4096

# JPEG covers MPO; TGA comes last because it has no magic number. Other kinds that Pillow can open are
# disabled: each decoder adds attack surface for a hostile file.
PILLOW_KINDS = (
    "PNG", "JPEG", "BMP", "GIF", "WEBP", "JPEG2000", "AVIF", "ICO", "SGI", "PCX", "TGA",
)  # fmt: skip

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_REFUSED: tuple[tuple[int, bytes, str], ...] = (
    (128, b"DICM", "DICOM is not read; export it as TIFF or PNG"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "EPS"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (0, b"8BPS", "PSD"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"DDS ", "DDS"),
    (0, b"BLP1", "BLP"),
    (0, b"BLP2", "BLP"),
    (0, b"DanM", "MSP"),
    (0, b"LinS", "MSP"),
    (4, b"\x11\xaf", "FLI"),
    (4, b"\x12\xaf", "FLI"),
    (0, b"gimp xcf", "XCF"),
    (0, b"icns", "ICNS"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL \r\n", "JPEG XL"),
    (0, b"\x89HDF\r\n", "HDF5"),
    (0, b"PK\3\4", "ZIP"),
    (0, b"PK\5\6", "ZIP"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"7z\xbc\xaf", "7-Zip"),
    (0, b"Rar!", "RAR"),
    (0, b"\x93NUMPY", "NumPy array; give it as a source of its own"),
    (0, b"qoif", "QOI"),
    (0, b"\xd7\xcd\xc6\x9a", "WMF"),
    (0, b"\0\0\0\0\0\0\0\4", "McIdas"),
    (0, b"\x7fELF", "program"),
    (0, b"RIFF", "RIFF sound or video"),
    (0, b"OggS", "Ogg"),
    (0, b"ID3", "MP3"),
    (0, b"SQLite format", "SQLite"),
)

_MOST = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # most files are JPEG or PNG
_FTYP_REFUSED = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF"}


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of a file by its first bytes.

    Attributes:
        reader: ``"tiff"``, ``"netpbm"``, ``"pillow"``, or ``""`` when the kind is refused.
        reason: why it is refused.
    """

    reader: str
    reason: str = ""


def kind_of(head: bytes) -> Kind:
    """Return the reader for a file with these first bytes.

    Args:
        head: the first 4096 bytes, or the whole file if it is shorter.

    Returns:
        the reader, or the reason why there is none.
    """
    if head.startswith(_MOST):
        return Kind("pillow")
    if head[:4] in _TIFF:
        return Kind("tiff")
    if head[:1] == b"P" and head[1:2] in b"123456fF" and (head[2:3].isspace() or head[2:3] == b"#"):
        return Kind("netpbm")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind("pillow")
    refused = _refused(head)
    return Kind("", refused) if refused else Kind("pillow")


def _refused(head: bytes) -> str:
    for offset, magic, what in _REFUSED:
        if head[offset : offset + len(magic)] == magic:
            return what if " is not read" in what else f"file kind not supported: {what}"
    if head[:4] == b"\0\0\2\0" and head[4:6].strip(b"\0"):
        return "file kind not supported: CUR"  # a TGA may start alike, followed by zeros
    if head[4:8] == b"ftyp" and head[8:12] != b"avif":
        what = _FTYP_REFUSED.get(head[8:12], "" if b"avif" in head[:64] else "video")
        return f"file kind not supported: {what}" if what else ""
    return _text(head)


def _text(head: bytes) -> str:
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start and start[:1] == b"<":
        return "file kind not supported: SVG"
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "not an image: an HTML page"
    if start.startswith(b"<?xml"):
        return "not an image: XML"
    if len(head) >= 4 and all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in head):
        return "not an image: text"
    return ""


def jpeg2000_depth(head: bytes) -> tuple[int, bool, int]:
    """Read bits, sign and number of components from the SIZ marker of a JPEG 2000 file.

    Returns:
        ``(bits, signed, components)`` of the first; ``(8, False, 0)`` when it is not there.
    """
    at = head.find(b"\xff\x4f\xff\x51")
    if at < 0 or len(head) < at + 45:
        return 8, False, 0
    (components,) = struct.unpack_from(">H", head, at + 40)
    precision = head[at + 42]
    return (precision & 127) + 1, bool(precision & 128), components


def avif_depth(head: bytes) -> int:
    """Read the bits per channel from the AV1 configuration of an AVIF file; 8 when unknown."""
    at = head.find(b"av1C")
    if at < 0 or len(head) < at + 8:
        return 8
    flags = head[at + 6]
    return (12 if flags & 32 else 10) if flags & 64 else 8
