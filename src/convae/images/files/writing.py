"""Write pixels to an image file, with the kind, depth and channels of the original file."""

import io
from collections.abc import Iterable, Sized
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image as PillowImage

from convae.errors import InputError, unknown_name
from convae.filesystem.atomic import atomic_write
from convae.images.files.facts import Missing
from convae.images.files.image import ImageInfo, Page, Pixels
from convae.images.files.kept_facts import DOTS, chunks_for, exif_for, holds_opacity, profile_for
from convae.images.files.netpbm_writing import NETPBM
from convae.images.files.png16 import write_png16
from convae.images.files.png_chunks import PNG_HEADER, colour_chunks
from convae.images.files.tiff_writing import flat, write_tiff

# The suffixes of each kind; the first is used for new files.
SUFFIXES = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp", ".dib"),
    "WEBP": (".webp",),
    "TGA": (".tga",),
    "PBM": (".pbm",),
    "PGM": (".pgm",),
    "PPM": (".ppm",),
    "PFM": (".pfm",),
}
# Kinds that are read but written as another kind: lossy, palettes only, or a container.
_OTHER_SUFFIXES = (".gif", ".mpo", ".jp2", ".j2k", ".avif", ".ico", ".pcx", ".sgi", ".pnm")
_ALIASES = {"MPO": "JPEG", "JPG": "JPEG", "TIF": "TIFF", "PNM": "PPM"}
# Depths and channel counts that a kind holds without loss; TIFF holds all.
_HOLDS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "PNG": (("uint8", "uint16"), (1, 2, 3, 4)),
    "JPEG": (("uint8",), (1, 3)),
    "BMP": (("uint8",), (1, 3)),
    "WEBP": (("uint8",), (3, 4)),
    "TGA": (("uint8",), (1, 2, 3, 4)),
    "PBM": (("bool",), (1,)),
    "PGM": (("uint8", "uint16"), (1,)),
    "PPM": (("uint8", "uint16"), (3,)),
    "PFM": (("float32",), (1, 3)),
}
_BILEVEL = ("PNG", "BMP", "PBM")
_MOST_DOTS = 65_535  # JPEG stores 16 bits
_LARGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383, "TGA": 65_535}


def write_image(
    path: str | Path,
    pixels: Pixels,
    *,
    like: ImageInfo | None = None,
    format: str | None = None,
    quality: int = 95,
    holes: Missing | None = None,
) -> Path:
    """Write one image, complete or not at all.

    Args:
        path: where; its suffix is corrected if it does not match the kind of file, and missing folders are
            created.
        pixels: ``(H, W, C)`` or ``(H, W)`` uint8, uint16 or float32, in the range that was read, or
            already in the depth of ``like``.
        like: the info of the image that these pixels belong to. The file keeps its kind and depth, the
            metadata that this kind can hold (:func:`~convae.images.files.kept_facts.what_is_lost`), the
            resolution if the size is the same, and the axes and units of a TIFF that describe one such
            image. Values are rounded and clipped to that depth; NaN becomes the missing value, or 0 if an
            integer depth has none.
        format: another kind of file, ``"PNG"``, ``"JPEG"``, ``"TIFF"``, ...; the default is the
            kind of ``like``, then the suffix of ``path``, then PNG.
        quality: of a JPEG, 1 to 100; everything else is lossless.
        holes: ``(H, W)``, True where a pixel is still missing; a TIFF without a nodata value gets a mask.

    Returns:
        the path written. If a kind cannot hold the depth or the channels, PNG is used, and if that cannot,
        TIFF.
        Two or four channels are written as grey or RGB with opacity only if the original file declares
        opacity; bands go to TIFF.

    Raises:
        InputError: it cannot be written; states the path and what to do.
    """
    plane = _restored(_checked_pixels(pixels, like), like)
    kind = _kind(Path(path), plane, like, format)
    target = _with_suffix(Path(path), kind)
    _make_folder(target)
    with atomic_write(target) as handle:
        _encode(handle, Page(plane, like, holes), kind, quality)
    return target


def encode_image(
    pixels: Pixels,
    *,
    like: ImageInfo | None = None,
    format: str | None = None,
    quality: int = 95,
    holes: Missing | None = None,
) -> tuple[bytes, str]:
    """Return the bytes of the file that :func:`write_image` would write, and its kind.

    Args:
        pixels, like, format, quality, holes: as for :func:`write_image`; pixels are ``(H, W, C)`` or
            ``(H, W)``.

    Returns:
        the bytes, and the kind of file: ``"PNG"``, ``"TIFF"``, ... It differs from ``format`` if that kind
        cannot hold the pixels.

    Raises:
        InputError: the pixels cannot be written, or the kind of file is unknown.
    """
    plane = _restored(_checked_pixels(pixels, like), like)
    kind = _kind(Path("image"), plane, like, format)
    handle = io.BytesIO()
    _encode(handle, Page(plane, like, holes), kind, quality)
    return handle.getvalue(), kind


def target_of(
    path: str | Path,
    pixels: Pixels,
    *,
    like: ImageInfo | None = None,
    format: str | None = None,
) -> Path:
    """Return the path that :func:`write_image` would write.

    Args:
        path: where; its suffix is corrected if it does not match the kind of file.
        pixels: ``(H, W, C)`` or ``(H, W)``, as for :func:`write_image`.
        like: the info of the image that these pixels belong to.
        format: another kind of file, as for :func:`write_image`.

    Raises:
        InputError: the pixels cannot be written, or the kind of file is unknown.
    """
    plane = _restored(_checked_pixels(pixels, like), like)
    return _with_suffix(Path(path), _kind(Path(path), plane, like, format))


def write_stack(
    path: str | Path,
    stack: Iterable[Pixels | Page],
    *,
    like: ImageInfo | None = None,
    at_most: int | None = None,
) -> Path:
    """Write a multi-page TIFF page by page, with memory for one page; each page keeps its own depth.

    Args:
        path: where; the suffix becomes ``.tif`` if it is not one of TIFF's.
        stack: the pages, each ``(H, W, C)`` or ``(H, W)``, or with the info of its own page; an array or
            any iterator.
        like: the info of pages that come without their own, as in :func:`write_image`. A description of
            axes, spacing and units is written if all of its pages are written.
        at_most: maximum number of pages of an iterator; if unknown, the file is a BigTIFF, which ImageJ, for
            example, cannot read.

    Returns:
        the path written. Channels that were separate pages stay so, if the description that states it is
        written.

    Raises:
        InputError: there is no page, or it cannot be written.
    """
    pages = (_page(one, like) for one in stack)
    first = next(pages, None)
    if first is None:
        raise InputError(f"{path}: there is no page to write")
    target = _with_suffix(Path(path), "TIFF")
    _make_folder(target)
    count = len(stack) if isinstance(stack, Sized) else None
    with atomic_write(target) as handle:
        write_tiff(handle, chain([first], pages), count=count, at_most=at_most)
    return target


def holds(kind: str, depth: str, channels: int) -> bool:
    """Return whether a file kind keeps this depth and number of channels.

    >>> holds("JPEG", "uint16", 1), holds("PNG", "uint16", 3), holds("TIFF", "float32", 13)
    (False, True, True)
    """
    if kind == "TIFF":
        return True
    if depth == "bool" and kind in _BILEVEL:
        return channels == 1
    depths, counts = _HOLDS[kind]
    return depth in depths and channels in counts


def restore_depth(
    pixels: Pixels, depth: str, *, nodata: float | None = None, top: float | None = None
) -> Pixels:
    """Convert pixels to the depth of a file: rounded and clipped, NaN replaced.

    Args:
        pixels: (H, W, C) or (H, W) uint8, uint16 or float32, or already in that depth.
        depth: a numpy dtype; for ``"bool"`` the upper half, 128 to 255, becomes True.
        nodata: the value for NaN; None: 0 in integers, NaN in floats.
        top: the largest value that the file may hold; None: that of the dtype.

    Returns:
        Pixels of the same shape, with the dtype ``depth``.
    """
    kind = np.dtype(depth)
    if nodata is not None and pixels.dtype.kind == "f" and np.isfinite(nodata):
        with np.errstate(over="ignore"):
            pixels = np.where(np.isnan(pixels), pixels.dtype.type(nodata), pixels)
    if top is not None and pixels.dtype.kind != "b":
        pixels = np.where(pixels == nodata, pixels, np.minimum(pixels, pixels.dtype.type(top)))
    if kind == pixels.dtype:
        return pixels
    if kind == np.bool_:
        return np.asarray(pixels >= 128)
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            return pixels.astype(kind)
    info = np.iinfo(kind)
    if pixels.dtype.kind == "f":
        pixels = np.rint(
            np.nan_to_num(pixels.astype(np.float64), posinf=2.0**64, neginf=-(2.0**64))
        )
    # A float64 cannot hold the largest 64-bit values, and casts beyond them are undefined.
    high = np.nextafter(float(info.max), 0) if kind.itemsize == 8 else info.max
    return np.clip(pixels, info.min, high).astype(kind)


def _page(one: Pixels | Page, like: ImageInfo | None) -> Page:
    page = one if isinstance(one, Page) else Page(one, like)
    return replace(page, pixels=_restored(_checked_pixels(page.pixels, page.like), page.like))


def _restored(pixels: Pixels, like: ImageInfo | None) -> Pixels:
    if like is None:
        return pixels
    try:
        kind = np.dtype(like.depth)
    except TypeError:
        raise InputError(f"unknown depth {like.depth!r} of {like.name}") from None
    if kind.kind not in "buif":
        raise InputError(f"depth {like.depth!r} of {like.name} cannot be written")
    if kind == np.bool_ and pixels.shape[2] > 1:
        return pixels  # no file kind holds several bilevel channels
    return restore_depth(pixels, like.depth, nodata=like.nodata, top=like.top)


def _checked_pixels(pixels: Pixels, like: ImageInfo | None) -> Pixels:
    plane = np.asarray(pixels)
    plane = plane[..., None] if plane.ndim == 2 else plane
    if plane.ndim != 3 or 0 in plane.shape:
        raise InputError(f"pixels must be (H, W, C) and not empty, got {np.shape(pixels)}")
    depths = ("uint8", "uint16", "float32", "" if like is None else like.depth)
    if str(plane.dtype) not in depths:
        raise InputError(f"pixels must be uint8, uint16 or float32, got {plane.dtype}")
    return plane


def _kind(path: Path, plane: Pixels, like: ImageInfo | None, format: str | None) -> str:
    if format is not None:
        kind = format.upper().lstrip(".")
        kind = canonical(kind)
        if kind not in SUFFIXES:
            raise unknown_name("image format", format, SUFFIXES)
    else:
        stored = "" if like is None else like.format
        kind = canonical(stored)
        if stored in ("", "array"):
            kind = kind_of_suffix(path.suffix)
    depth, channels = str(plane.dtype), plane.shape[2]
    for choice in (kind, "PNG"):
        fits = max(plane.shape[:2]) <= _LARGEST_SIDE.get(choice, 2**31 - 1)
        fits = fits and holds_opacity(choice, plane, like)
        if choice in SUFFIXES and fits and holds(choice, depth, channels):
            return choice
    return "TIFF"


def canonical(kind: str) -> str:
    """Return the canonical name of a kind of file.

    >>> canonical("MPO"), canonical("PNG")
    ('JPEG', 'PNG')
    """
    return _ALIASES.get(kind, kind)


def kind_of_suffix(suffix: str) -> str:
    """Return the kind of file that a suffix names; empty if unknown.

    >>> kind_of_suffix(".JPG"), kind_of_suffix(".txt")
    ('JPEG', '')
    """
    small = suffix.lower()
    return next((kind for kind, known in SUFFIXES.items() if small in known), "")


def _with_suffix(path: Path, kind: str) -> Path:
    small = path.suffix.lower()
    if small in SUFFIXES[kind]:
        return path
    known = small in _OTHER_SUFFIXES or bool(kind_of_suffix(small))
    stem = path.name[: -len(path.suffix)] if known else path.name  # "cell.3" is not a suffix
    return path.with_name(stem + SUFFIXES[kind][0])


def _make_folder(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        why = fault.strerror or str(fault)
        raise InputError(
            f"{target.parent}: the folder cannot be made ({why}); choose another"
        ) from fault


def _encode(handle: BinaryIO, page: Page, kind: str, quality: int) -> None:
    plane, like = page.pixels, page.like
    if kind == "TIFF":
        write_tiff(handle, [page], count=1)
    elif kind == "PNG" and plane.dtype == np.uint16:
        write_png16(handle, plane, _dots(plane, like), _png_facts(plane, like))
    elif kind in NETPBM:
        NETPBM[kind](handle, plane, None if like is None else like.top)
    else:
        options = _options(plane, kind, quality, like)
        facts = _png_facts(plane, like) if kind == "PNG" else b""
        if not facts:
            PillowImage.fromarray(flat(plane)).save(handle, format=kind, **options)
        else:
            to = io.BytesIO()
            PillowImage.fromarray(flat(plane)).save(to, format=kind, **options)
            data = to.getvalue()
            handle.write(data[:PNG_HEADER] + facts + data[PNG_HEADER:])


def _options(plane: Pixels, kind: str, quality: int, like: ImageInfo | None) -> dict[str, Any]:
    """Return Pillow's options for writing a kind of file, with its metadata."""
    options: dict[str, Any] = {}
    if kind == "JPEG":
        options = {"quality": quality, "subsampling": 0}
    elif kind == "WEBP":
        options = {"lossless": True, "exact": True}
    dots = _dots(plane, like)
    if dots is not None and kind in DOTS:
        options["dpi"] = dots
    if like is not None and kind in ("JPEG", "WEBP"):
        if (profile := profile_for(like, kind, plane.shape)) is not None:
            options["icc_profile"] = profile
        if (exif := exif_for(like, kind)) is not None:
            options["exif"] = b"Exif\0\0" + exif
    return options


def _png_facts(plane: Pixels, like: ImageInfo | None) -> bytes:
    """Return the chunks for a PNG of these pixels, to follow the header."""
    if like is None or like.tags is None:
        return b""
    return colour_chunks(
        chunks_for(like.tags, plane.shape[2]),
        profile_for(like, "PNG", plane.shape),
        exif_for(like, "PNG"),
    )


def _dots(plane: Pixels, like: ImageInfo | None) -> tuple[float, float] | None:
    """Return pixels per inch, if they are known and every kind in DOTS can store them."""
    resolution = None if like is None else like.resolution
    if resolution is None or resolution.size != plane.shape[:2]:
        return None
    dots = resolution.per_inch()
    return dots if dots is not None and 1 <= min(dots) <= max(dots) <= _MOST_DOTS else None
