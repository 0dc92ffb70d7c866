"""Read TIFF at full depth, with tifffile: any number of bands, pages, volumes.

If tifffile lacks a codec that Pillow has, Pillow decodes, provided that depth and channels are preserved.
"""

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convae.errors import needs_package
from convae.images.files.colour import (
    ORIENTED,
    cmyk_to_rgb,
    inverted,
    is_grey,
    lab_to_rgb,
    upright,
    upright_shape,
    widened,
    ycbcr_to_rgb,
)
from convae.images.files.image import Decoded, Header, Pixels, ReadLimits, Size, depth_read
from convae.images.files.metadata import PREMULTIPLIED, STRAIGHT
from convae.images.files.pillow import PillowFile
from convae.images.files.tiff_completeness import is_complete, shortfall
from convae.images.files.tiff_layout import Block, blocks_of, count_directories, in_blocks, masks_of
from convae.images.files.tiff_tags import description_of, resolution_of, tags_of

_WHITE, _BLACK, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_JPEG = (6, 7, 34892, 33007)
_BYTE = 8  # bits
_UNDESCRIBED = {"is_imagej": False, "is_ome": False, "is_shaped": False}
_ORIENTATION, _GDAL_NODATA, _INKSET, _MAX_SAMPLE_VALUE = 274, 42113, 332, 281


class TiffImages:
    """One open TIFF."""

    def __init__(self, handle: BinaryIO, limits: ReadLimits) -> None:
        """Read the directories.

        Args:
            handle: the open file.
            limits: ``max_pages`` is checked while they are counted.

        Raises:
            ValueError: there is no image in it.
            Exception: whatever tifffile raises.
        """
        directories, broken = count_directories(handle, limits.max_pages)
        if directories == 0:
            raise ValueError("it holds no image")
        self._handle = handle
        self._open()
        complete = True
        try:
            self._blocks = blocks_of(self._tif)
            complete = all(is_complete(self._tif, block) for block in self._blocks)
        except Exception:  # a damaged description: the pages can be read without it
            complete = False
        if not complete:
            self._open(**_UNDESCRIBED)
            self._blocks = blocks_of(self._tif)
        self.pages = sum(block.count for block in self._blocks)
        planes = sum(block.count * block.bands for block in self._blocks)
        self.shortfall = shortfall(self._tif, planes, broken)

    def _open(self, **options: bool) -> None:
        import tifffile

        self._handle.seek(0)
        # _multifile: an OME file may name other files, which must not be opened without the user's knowledge.
        self._tif = tifffile.TiffFile(self._handle, name="image.tif", _multifile=False, **options)

    def header(self, page: int) -> Header:
        """Describe one image of the file.

        Raises:
            ValueError: its samples are complex, or have a number of bits that is not supported.
        """
        block, _ = self._find(page)
        first = block.first
        if first.dtype is None:
            bits, form = first.bitspersample, first.sampleformat
            raise ValueError(f"samples of {bits} bits (sample format {form}) are not supported")
        if first.dtype.kind == "c":
            raise ValueError("complex values are not supported")
        stored = "uint8" if first.photometric == _PALETTE else str(first.dtype)
        shape = (first.shaped[2], first.shaped[3], self._channels(block))
        return Header(
            shape=upright_shape(shape, _tag(first, _ORIENTATION, 1)),
            depth=depth_read(stored),
            pages=self.pages,
            format="TIFF",
            stored=stored,
            mode=_mode(block),
            shortfall=self.shortfall,
        )

    def decode(self, page: int) -> Decoded:
        """Decode one image of the file."""
        header = self.header(page)
        first = self._find(page)[0].first
        decoded = self._decoded(page, header)
        orientation = _tag(first, _ORIENTATION, 1)
        decoded.resolution = resolution_of(first, header.shape[:2], orientation)
        decoded.tags = tags_of(first, header.shape, decoded.conversions)
        decoded.valid = self._valid(page, header.shape[:2], orientation)
        # It describes the pixels as stored, and belongs to the first page as it does in the file.
        if page == 0 and not decoded.conversions:
            decoded.description = description_of(self._tif, self._blocks, header)
        return decoded

    def _decoded(self, page: int, header: Header) -> Decoded:
        block, index = self._find(page)
        try:
            pixels = block.stack(self._tif, index)
        except Exception as fault:
            return self._by_pillow(page, header, fault)
        _refuse_other_samples(pixels, block.first)
        notes: list[str] = []
        top = _top(block.first, pixels)
        pixels = _coloured(block, pixels, top, notes)
        orientation = _tag(block.first, _ORIENTATION, 1)
        if orientation in range(2, 9):
            notes.append(ORIENTED)
        return Decoded(
            pixels=upright(pixels, orientation),
            format="TIFF",
            mode=header.mode,
            depth=header.stored,
            conversions=notes,
            nodata=_nodata(block.first),
            opacity=_opacity(block),
            top=top,
            white_is_zero=int(block.first.photometric) == _WHITE,
        )

    def _valid(self, page: int, size: Size, orientation: int) -> NDArray[np.bool_] | None:
        """Return ``(H, W)``, False where the file's own mask excludes a pixel; None: no mask."""
        masks = masks_of(self._tif)
        if not masks or sum(block.count for block in masks) != self.pages:
            return None
        block, index = in_blocks(masks, page)
        mask = upright(block.stack(self._tif, index)[..., 0], orientation) != 0
        if mask.shape != size:
            raise ValueError(f"its mask is {mask.shape[0]} x {mask.shape[1]}, the image {size}")
        return np.asarray(mask)

    def _find(self, page: int) -> tuple[Block, int]:
        return in_blocks(self._blocks, page)

    def _channels(self, block: Block) -> int:
        first = block.first
        samples = int(first.shaped[0] * first.shaped[4] * block.bands)
        if first.photometric == _PALETTE:
            return samples if is_grey(_colours(first)) else samples + 2
        return samples - 1 if _is_cmyk(block) else samples

    def _by_pillow(self, page: int, header: Header, fault: Exception) -> Decoded:
        """Decode with Pillow if tifffile cannot, or raise tifffile's error."""
        if not _is_missing_codec(fault) or page >= len(self._tif.pages):
            raise fault
        self._handle.seek(0)
        advice = ValueError(needs_package(_codec(self._find(page)[0].first), "imagecodecs"))
        try:
            other = PillowFile(self._handle, b"", kinds=("TIFF",))
            theirs = other.header(page)
            if (theirs.stored, theirs.shape[2]) != (header.stored, header.shape[2]):
                raise advice
            return other.decode(page)
        except Exception as second:
            raise advice from second


def _refuse_other_samples(pixels: Pixels, first: Any) -> None:
    """Refuse a page whose samples differ from those of the series that it should belong to."""
    kind = np.dtype(first.dtype)
    if kind.kind in "uif" and (pixels.dtype.kind, pixels.dtype.itemsize) != (
        kind.kind,
        kind.itemsize,
    ):
        raise ValueError(
            f"its samples are {pixels.dtype}, those of the series that it is part of {kind.name}"
        )


def _is_missing_codec(fault: Exception) -> bool:
    text = str(fault)
    words = ("imagecodecs", "not supported", "not implemented", "subsampl")
    missing = isinstance(fault, NotImplementedError | ImportError)
    return missing or any(word in text for word in words)


def _codec(first: Any) -> str:
    name = getattr(first.compression, "name", str(first.compression))
    return f"TIFF compression {name}"


def _tag(page: Any, code: int, default: int) -> int:
    tag = page.tags.get(code)
    value = default if tag is None else tag.value
    return value if isinstance(value, int) else default


def _nodata(first: Any) -> float | None:
    tag = first.tags.get(_GDAL_NODATA)
    try:
        return None if tag is None else float(str(tag.value).strip().strip("\0"))
    except ValueError:
        return None


def _opacity(block: Block) -> str:
    """Return the opacity of the last channel, if the file states it; unspecified extra samples are bands."""
    extras = [int(extra) for extra in block.first.extrasamples]
    if block.bands > 1 or len(extras) != 1:  # if there are several extra samples, all stay bands
        return ""
    return {1: PREMULTIPLIED, 2: STRAIGHT}.get(extras[0], "")


def _top(first: Any, pixels: Pixels) -> float | None:
    """Return the largest value of samples that do not fill their dtype, such as 4095 of 12 bits.

    For 12-bit samples in 16 bits, the tag MaxSampleValue holds it. Some programs write the largest value of
    the image there, so it is used only if all its bits are set and it holds all pixels.
    """
    if first.dtype is None or first.dtype.kind != "u":
        return None
    bits = int(first.bitspersample)
    if bits < first.dtype.itemsize * 8:
        return None if bits < _BYTE else float(2**bits - 1)
    stated = first.tags.valueof(_MAX_SAMPLE_VALUE)  # a number, or one for each sample
    top = stated[0] if isinstance(stated, tuple) and len(set(stated)) == 1 else stated
    if type(top) is not int or (top & (top + 1)) or not _BYTE < top.bit_length() < bits:
        return None
    return float(top) if pixels.size and int(pixels.max()) <= top else None


def _colours(first: Any) -> Pixels:
    """Return the palette as ``(n, 3)`` uint8."""
    table = first.colormap
    if table is None:
        raise ValueError("a palette image without its palette")
    colours = np.asarray(table).T
    # 16 bits by the standard; some programs write 8 bits.
    return (colours >> 8 if colours.max(initial=0) > 255 else colours).astype(np.uint8)


def _is_cmyk(block: Block) -> bool:
    first = block.first
    samples = first.shaped[0] * first.shaped[4]
    inks = _tag(first, _INKSET, 1)
    unsigned = first.dtype is not None and first.dtype.kind == "u"
    return first.photometric == _CMYK and samples >= 4 and inks == 1 and unsigned


def _mode(block: Block) -> str:
    first = block.first
    samples = first.shaped[0] * first.shaped[4] * block.bands
    names = {_PALETTE: "P", _YCBCR: "YCbCr", _LAB: "LAB"}
    if first.photometric in names:
        return names[first.photometric] + ("A" if samples in (2, 4) else "")
    if _is_cmyk(block):
        return "CMYK" if samples == 4 else f"CMYK and {samples - 4} more"
    opaque = bool(_opacity(block))
    if first.photometric == _RGB and samples == 3 + opaque:
        return "RGBA" if opaque else "RGB"
    if first.photometric == _RGB and samples > 3:
        return f"RGB and {samples - 3} more"
    if samples == 1:
        return "1" if first.dtype == np.bool_ else "L"
    return "LA" if samples == 2 and opaque else f"{samples} bands"


def _coloured(block: Block, pixels: Pixels, top: float | None, notes: list[str]) -> Pixels:
    """Convert the colour model to grey or RGB, or keep bands as they are; report the conversions."""
    first = block.first
    model = int(first.photometric)
    if model == _PALETTE:
        return _expanded(first, pixels, notes)
    if model == _WHITE:
        pixels = _white_is_zero(first, pixels, top, notes)
    elif _is_cmyk(block):
        notes.append("CMYK converted to RGB")
        pixels = cmyk_to_rgb(pixels)
    elif model == _LAB:
        if pixels.dtype != np.uint8 or pixels.shape[2] != 3:
            raise ValueError("L*a*b* is only read with 8 bits and 3 channels")
        notes.append("L*a*b* converted to RGB")
        pixels = lab_to_rgb(pixels)
    elif model == _YCBCR:
        notes.append("YCbCr converted to RGB")
        pixels = _from_ycbcr(first, pixels)
    if pixels.dtype == np.uint8 and first.bitspersample in (2, 4) and model in (_WHITE, _BLACK):
        notes.append(f"{first.bitspersample}-bit values spread over 0..255")
        pixels = widened(pixels, first.bitspersample)
    return pixels


def _from_ycbcr(first: Any, pixels: Pixels) -> Pixels:
    if int(first.compression) in _JPEG:
        return pixels  # the JPEG decoder has converted them
    if pixels.dtype != np.uint8 or pixels.shape[2] != 3:
        raise ValueError("YCbCr is only read with 8 bits and 3 channels")
    return ycbcr_to_rgb(pixels)


def _white_is_zero(first: Any, pixels: Pixels, top: float | None, notes: list[str]) -> Pixels:
    """Convert grey to black as 0; the other channels (opacity or bands) stay."""
    if pixels.dtype.kind not in "ub":
        notes.append("white-is-zero kept as stored")
        return pixels
    notes.append("white-is-zero inverted")
    return inverted(pixels, 2**first.bitspersample - 1 if top is None else int(top))


def _expanded(first: Any, pixels: Pixels, notes: list[str]) -> Pixels:
    colours = _colours(first)
    index = pixels[..., 0].astype(np.intp)
    if index.max(initial=0) >= len(colours):
        raise ValueError("a pixel is outside the palette")
    grey = is_grey(colours)
    notes.append(f"palette expanded to {'grey' if grey else 'RGB'}")
    plain = colours[index][..., :1] if grey else colours[index]
    return np.concatenate([plain, pixels[..., 1:].astype(np.uint8)], axis=-1)
