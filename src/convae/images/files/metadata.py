"""What a file says of its pixels: opacity, size of a pixel, pages, colour profile, georeference.

Much of it is only true of images of the same shape, so that shape goes with it.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_LARGEST = 2**32 - 1  # TIFF stores a resolution as two numbers of 32 bits
_FINEST = 10_000  # the largest denominator of a resolution that was a float
_CM_PER_INCH = Fraction(254, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Pixels per unit of length.

    Attributes:
        x, y: across and down, more than 0.
        unit: ``"inch"``, ``"cm"``, or ``""`` where the file names none.
        size: ``(H, W)`` of the image; at another size its pixels are of another size.
    """

    x: Fraction
    y: Fraction
    unit: str
    size: tuple[int, int]

    def per_inch(self) -> tuple[float, float] | None:
        """Pixels per inch across and down; None where the unit is unknown.

        >>> Resolution(x=Fraction(100), y=Fraction(50), unit="cm", size=(4, 4)).per_inch()
        (254.0, 127.0)
        """
        if not self.unit:
            return None
        factor = 1 if self.unit == "inch" else _CM_PER_INCH
        return float(self.x * factor), float(self.y * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a TIFF says of its axes and their scale: the text of ImageJ, OME or tifffile.

    Attributes:
        text: the bytes of the tag.
        shape: ``(H, W, C)`` of each image.
        depth: the numpy dtype that the file stores.
        images: how many images it speaks of; it is true of all of them in their order, not of a part.
        apart: whether each channel is a page of its own.
    """

    text: bytes
    shape: tuple[int, int, int]
    depth: str
    images: int
    apart: bool


STRAIGHT, PREMULTIPLIED, UNUSED = "straight", "premultiplied", "unused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opacity:
    """What the last channel of an image is, where the file says that it is opacity.

    Attributes:
        kind: ``"straight"``; ``"premultiplied"`` (the colours are multiplied by it already, TIFF's associated
            alpha); ``"unused"`` (0 everywhere, as some programs write it: it hides nothing).
        opaque: the value that hides what is behind: 255, 65535, 4095 of 12-bit samples, 1.0, ...
    """

    kind: str
    opaque: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffTag:
    """A tag of a TIFF to be written as it was read.

    Attributes:
        code: its number.
        dtype: its data type, by TIFF's numbers.
        count: how many values it has.
        value: the values: bytes of a text, or numbers.
    """

    code: int
    dtype: int
    count: int
    value: bytes | int | float | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What a file says of its pixels and a copy of it must say again.

    Attributes:
        size: ``(H, W)`` of the image; a georeference is true of no other.
        channels: of the image; a colour profile is true of no other number.
        profile: the ICC profile.
        exif: EXIF as a TIFF structure (without the leading ``Exif``), upright and without a thumbnail.
        chunks: PNG chunks on colour, each its four letters and its bytes: gAMA, cHRM, sRGB, cICP, ...
        geo: tags of GeoTIFF and GDAL.
        extra_samples: what a TIFF says of its last channels, by TIFF's numbers: 1 and 2 are opacity.
    """

    size: tuple[int, int]
    channels: int
    profile: bytes | None = None
    exif: bytes | None = None
    chunks: tuple[tuple[str, bytes], ...] = ()
    geo: tuple[TiffTag, ...] = ()
    extra_samples: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.profile or self.exif or self.chunks or self.geo or any(self.extra_samples))


def resolution(x: Any, y: Any, unit: str, size: tuple[int, int]) -> Resolution | None:
    """Take what a file gives as its resolution, or None where that cannot be one.

    Args:
        x, y: pixels per unit; a number, or numerator and denominator.
        unit: ``"inch"``, ``"cm"`` or ``""``.
        size: ``(H, W)`` of the image.
    """
    try:
        across, down = _fraction(x), _fraction(y)
    except (TypeError, ValueError, ArithmeticError):
        return None
    for number in (across, down):
        if not 0 < number.numerator <= _LARGEST or number.denominator > _LARGEST:
            return None
    return Resolution(x=across, y=down, unit=unit, size=size)


def _fraction(value: Any) -> Fraction:
    if isinstance(value, tuple):
        return Fraction(*value)
    return Fraction(float(value)).limit_denominator(_FINEST)
