"""Metadata of the pixels in a file: opacity, resolution, pages, colour profile, georeference.

Much of it is only valid for images of the same shape, so that shape is stored with it.
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
        size: ``(H, W)`` of the image; the resolution is not valid for another size.
    """

    x: Fraction
    y: Fraction
    unit: str
    size: tuple[int, int]

    def per_inch(self) -> tuple[float, float] | None:
        """Return pixels per inch across and down; None if the unit is unknown.

        >>> Resolution(x=Fraction(100), y=Fraction(50), unit="cm", size=(4, 4)).per_inch()
        (254.0, 127.0)
        """
        if not self.unit:
            return None
        factor = 1 if self.unit == "inch" else _CM_PER_INCH
        return float(self.x * factor), float(self.y * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The description of axes and their scale in a TIFF: the text of ImageJ, OME or tifffile.

    Attributes:
        text: the bytes of the tag.
        shape: ``(H, W, C)`` of each image.
        depth: the numpy dtype that the file stores.
        images: number of images that it describes; it is valid for all of them in order, not for a part.
        apart: whether each channel is a separate page.
    """

    text: bytes
    shape: tuple[int, int, int]
    depth: str
    images: int
    apart: bool


STRAIGHT, PREMULTIPLIED, UNUSED = "straight", "premultiplied", "unused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opacity:
    """The opacity in the last channel of an image, if the file states it.

    Attributes:
        kind: ``"straight"``; ``"premultiplied"`` (colours are already multiplied by it, TIFF's associated
            alpha); ``"unused"`` (0 everywhere, as some programs write it: it hides nothing).
        opaque: the value of full opacity: 255, 65535, 4095 of 12-bit samples, 1.0, ...
    """

    kind: str
    opaque: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffTag:
    """A tag of a TIFF, written as it was read.

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
    """Metadata that a copy of a file must repeat.

    Attributes:
        size: ``(H, W)`` of the image; a georeference is valid for no other.
        channels: of the image; a colour profile is valid for no other number.
        profile: the ICC profile.
        exif: EXIF as a TIFF structure (without the leading ``Exif``), upright and without a thumbnail.
        chunks: PNG chunks on colour, each its four letters and its bytes: gAMA, cHRM, sRGB, cICP, ...
        geo: tags of GeoTIFF and GDAL.
        extra_samples: meaning of a TIFF's last channels, by TIFF's numbers: 1 and 2 are opacity.
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
    """Return the resolution that a file states, or None if it is invalid.

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
