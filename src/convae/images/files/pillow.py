"""The kinds that Pillow decodes: PNG, JPEG, MPO, BMP, GIF, WebP, JPEG 2000, AVIF and a few more.

Pillow does the decoding, except where it would reduce the depth to 8 bit: other decoders read those files.
"""

import math
import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from convae.images.files.colour import CLEAR_COLOUR, ORIENTED, is_grey, upright, upright_shape
from convae.images.files.exif import upright_exif
from convae.images.files.file_kinds import PILLOW_KINDS, jpeg2000_depth
from convae.images.files.gif import GifFacts, gif_facts
from convae.images.files.high_bit_depth import decode_deep, deep_kind
from convae.images.files.image import Decoded, Header, Pixels, Size, depth_read
from convae.images.files.metadata import STRAIGHT, Resolution, Tags, resolution
from convae.images.files.png_chunks import SIGNATURE, PngChunks

PillowImage.init()

_GREY_ALPHA = 4  # the colour type in the header of a PNG
_WEBP_SIDE = 16_383  # 14 bits; the canvas of an animation has 24, and a few bytes may claim them
ENOUGH = 2  # factor per side above the wanted size; resizing averages these pixels well

# Pillow's mode: stored dtype, number of channels.
_AS_IT_IS = {
    "1": ("bool", 1),
    "L": ("uint8", 1),
    "LA": ("uint8", 2),
    "RGB": ("uint8", 3),
    "RGBA": ("uint8", 4),
    "I;16": ("uint16", 1),
    "I;16L": ("uint16", 1),
    "I;16B": ("uint16", 1),
    "I;16N": ("uint16", 1),
    "I": ("int32", 1),
    "F": ("float32", 1),
}
_CONVERTED = {
    "CMYK": ("RGB", "CMYK converted to RGB"),
    "YCbCr": ("RGB", "YCbCr converted to RGB"),
    "HSV": ("RGB", "HSV converted to RGB"),
    "RGBX": ("RGB", "padding channel dropped"),
    "La": ("LA", "premultiplied alpha divided out"),
    "RGBa": ("RGBA", "premultiplied alpha divided out"),
    "PA": ("RGBA", "palette expanded to RGBA"),
}


@dataclass(slots=True)
class _Plan:
    """How one frame is converted to an array."""

    stored: str
    channels: int
    target: str = ""
    take: tuple[int, ...] = ()
    notes: list[str] = field(default_factory=list)


class PillowFile:
    """One open file of a kind that Pillow decodes."""

    def __init__(
        self, handle: BinaryIO, head: bytes, *, kinds: tuple[str, ...] = PILLOW_KINDS
    ) -> None:
        """Read the header.

        Args:
            handle: the open file.
            head: its first bytes.
            kinds: the plugins that may take it.

        Raises:
            ValueError: the depth of this file would be lost.
            Exception: whatever Pillow raises.
        """
        self._handle = handle
        self._head = head
        self._gif: GifFacts | None = None
        self._whole: Size | None = None  # the size in the file, if it is decoded at a smaller size
        self._chunks = PngChunks(handle) if head[:8] == SIGNATURE else None
        self._pixels_at = handle if self._chunks is None else self._chunks.pixels_only()
        self._image = open_allowed(self._pixels_at, kinds)
        self.format = str(self._image.format)
        self._deep = deep_kind(self.format, head)
        self._primary_only = self.format == "MPO" or bool(self._deep)
        self.frames = int(getattr(self._image, "n_frames", 1))
        self.pages = 1 if self._primary_only else self.frames
        if self.format == "SGI" and head[3:4] == b"\2":
            raise ValueError("16-bit SGI is not read at its full depth; save it as TIFF or PNG")
        if self.format == "WEBP" and max(self.size) > _WEBP_SIDE:
            raise ValueError(f"damaged: {max(self.size)} pixels a side, WebP holds {_WEBP_SIDE}")

    @property
    def size(self) -> tuple[int, int]:
        """Return height and width that the file declares."""
        return self._image.size[1], self._image.size[0]

    def header(self, page: int) -> Header:
        """Describe one frame."""
        if page:
            self._image.seek(page)
        plan = self._plan()
        shape = upright_shape((*self.size, plan.channels), self._orientation()[0])
        return Header(
            shape=shape,
            depth=depth_read(plan.stored),
            pages=self.pages,
            format=self.format,
            stored=plan.stored,
            mode=self._mode(plan),
        )

    def reduce(self, size: Size) -> float:
        """Decode a JPEG at a half, a quarter or an eighth if that is still at least twice ``size``.

        Half of the frequencies of each block make an image of half the size, without the other frequencies.

        Args:
            size: (height, width) of the image when it is upright.

        Returns:
            the fraction of pixels that remains.
        """
        if self.format not in ("JPEG", "MPO"):
            return 1.0
        sideways = self._orientation()[0] > 4
        height, width = reversed(size) if sideways else size
        self._whole = self.size
        self._image.draft(None, (ENOUGH * width, ENOUGH * height))
        return math.prod(self.size) / max(1, math.prod(self._whole))

    def decode(self, page: int) -> Decoded:
        """Decode one frame."""
        if page:
            self._image.seek(page)
        plan = self._plan()
        notes = list(plan.notes)
        if self._whole and self._whole != self.size:
            notes.append("JPEG decoded at a part of its size, twice the size wanted or more")
        if self._primary_only and self.frames > 1:
            notes.append(f"first of {self.frames} frames")
        sizes = self._image.info.get("sizes", ()) if self.format == "ICO" else ()
        if len(sizes) > 1:
            notes.append(f"largest of {len(sizes)} pictures")
        mode = self._mode(plan)
        pixels = self._pixels(plan, notes)
        orientation, note = self._orientation()
        notes.extend([note] if note else [])
        pixels = upright(pixels, orientation)
        height, width = self._whole or self.size
        size = (width, height) if orientation > 4 else (height, width)
        return Decoded(
            pixels=pixels,
            format=self.format,
            mode=mode,
            depth=plan.stored,
            conversions=notes,
            # Pillow names its modes so. In all kinds that it reads, two or four channels are grey or RGB with
            # opacity, and are converted to straight values.
            opacity=STRAIGHT if pixels.shape[2] in (2, 4) else "",
            resolution=self._resolution(sideways=orientation > 4),
            tags=self._tags(size, pixels.shape[2], notes),
        )

    def _tags(self, size: Size, channels: int, notes: list[str]) -> Tags | None:
        """Return the metadata to write back with the pixels; ``notes`` collects what is lost."""
        profile, exif = (self._image.info.get(key) for key in ("icc_profile", "exif"))
        chunks: tuple[tuple[str, bytes], ...] = ()
        if self._chunks is not None:
            facts = self._chunks.facts()
            profile, exif, chunks = facts.profile, facts.exif, tuple(facts.chunks)
            notes.extend(facts.notes)
        if not (profile or exif or chunks):
            return None
        if profile and not _fits(profile, channels):
            notes.append("colour profile of another colour model not kept")
            profile = None
        if exif:
            try:
                exif = upright_exif(exif, size)
            except ValueError:
                notes.append("damaged EXIF data not kept")
                exif = None
        return Tags(
            size=size, channels=channels, profile=profile or None, exif=exif or None, chunks=chunks
        )

    def _resolution(self, *, sideways: bool) -> Resolution | None:
        dots = self._image.info.get("dpi")
        if not isinstance(dots, tuple) or len(dots) != 2:
            return None
        x, y = reversed(dots) if sideways else dots
        height, width = self._whole or self.size
        return resolution(x, y, "inch", (width, height) if sideways else (height, width))

    def _mode(self, plan: _Plan) -> str:
        if self._deep and plan.channels > 1:
            return ("LA" if plan.channels == 2 else self._image.mode) + ";16"
        return str(self._image.mode)

    def _deep_channels(self) -> int:
        # Pillow reads 16-bit grey with opacity as RGBA.
        is_grey_alpha = self.format == "PNG" and self._head[25] == _GREY_ALPHA
        return 2 if is_grey_alpha else len(self._image.getbands())

    def _pixels(self, plan: _Plan, notes: list[str]) -> Pixels:
        if self._deep:
            return decode_deep(self._deep, self._pixels_at)
        image = self._image.convert(plan.target) if plan.target else self._image
        pixels: Pixels = np.asarray(image)
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        if plan.take:
            pixels = pixels[..., list(plan.take)]
        if self.format == "JPEG2000":
            pixels = self._unshifted(pixels, notes)
        return pixels

    def _unshifted(self, pixels: Pixels, notes: list[str]) -> Pixels:
        bits, signed, _ = jpeg2000_depth(self._head)
        if signed:
            notes.append("signed values shifted to start at 0")
        if pixels.dtype != np.uint8 and bits < 16:
            return pixels >> (16 - bits)  # Pillow has scaled them to 16 bits
        if bits < 8:
            notes.append(f"{bits}-bit values spread over 0..255")
        return pixels

    def _plan(self) -> _Plan:
        image = self._image
        mode = image.mode
        if self._deep:
            plan = _Plan("uint16", self._deep_channels())
        elif self.format == "GIF" and self.frames > 1:
            return self._animated_plan()
        elif mode in _AS_IT_IS:
            plan = _Plan(*_AS_IT_IS[mode])
        elif mode in _CONVERTED:
            target, note = _CONVERTED[mode]
            plan = _Plan("uint8", len(target), target, notes=[note])
        elif mode == "P":
            return self._palette_plan()
        else:
            raise ValueError(f"colour mode {mode} is not supported")
        if "transparency" in image.info and mode in ("1", "L", "I;16", "I;16B", "RGB"):
            plan.notes.append(CLEAR_COLOUR)
        return plan

    def _palette_plan(self) -> _Plan:
        image = self._image
        clear = image.has_transparency_data
        # The later frames of an animation may be RGB, so the first is not converted to grey.
        return _expanded(grey=self.frames == 1 and is_grey(_palette(image)), clear=clear)

    def _animated_plan(self) -> _Plan:
        """Return one plan for all pictures of a GIF: the first has a palette, the others have none."""
        if self._gif is None:
            here = self._handle.tell()
            self._gif = gif_facts(self._handle)
            self._handle.seek(here)
        return _expanded(grey=self._gif.grey, clear=self._gif.clear)

    def _orientation(self) -> tuple[int, str]:
        """Return the EXIF orientation of this frame, and a note on damage."""
        if self._chunks is not None:
            value, note = self._chunks.orientation()
            return value, note or (ORIENTED if value > 1 else "")
        try:
            value = self._image.getexif().get(274, 1)
        except Exception:
            return 1, "damaged EXIF data not used"
        value = value if isinstance(value, int) and 1 <= value <= 8 else 1
        return value, ORIENTED if value > 1 else ""


def _fits(profile: bytes, channels: int) -> bool:
    """Return whether a profile is for this number of channels, as far as it states its colour space."""
    colours = {b"GRAY": (1, 2), b"RGB ": (3, 4), b"CMYK": ()}.get(profile[16:20])
    return colours is None or channels in colours


def _expanded(*, grey: bool, clear: bool) -> _Plan:
    """Plan a palette image by the colours of its palette."""
    target = "RGBA" if clear else "RGB"
    if not grey:
        return _Plan("uint8", len(target), target, notes=[f"palette expanded to {target}"])
    take = (0, 3) if clear else (0,)
    what = "grey with alpha" if clear else "grey"
    return _Plan("uint8", len(take), target, take, [f"palette expanded to {what}"])


def open_allowed(handle: BinaryIO, kinds: tuple[str, ...]) -> Any:
    """Open a file with the first allowed plugin that accepts it.

    This is Pillow's own ``open(formats=...)`` without its limit on the size, which is a global
    variable: the limits of the caller are checked before anything is decoded.

    Raises:
        UnidentifiedImageError: no allowed plugin accepts it.
    """
    handle.seek(0)
    prefix = handle.read(16)
    for kind in kinds:
        if kind not in PillowImage.OPEN:
            continue
        factory, accept = PillowImage.OPEN[kind]
        if accept is not None and accept(prefix) is not True:
            continue
        handle.seek(0)
        try:
            return factory(handle, "")
        except (SyntaxError, IndexError, TypeError, struct.error) as fault:
            if accept is not None:
                raise ValueError(f"damaged {kind} header: {fault}") from fault
    raise UnidentifiedImageError("not an image, or of a kind that is not supported")


def _palette(image: Any) -> Pixels:
    """Return the colours of a palette as ``(n, 3)``, independent of the stored channel order."""
    palette = image.palette
    raw = np.frombuffer(bytes(palette.palette), dtype=np.uint8)
    width = len(palette.rawmode or palette.mode)
    if width not in (3, 4) or raw.size < width:
        return np.array([[0, 0, 1]], dtype=np.uint8)
    return raw[: raw.size // width * width].reshape(-1, width)[:, :3]
