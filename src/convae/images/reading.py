"""Any image file to pixels: never a silent conversion, never anything raised but an ImageError."""

import io
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from convae.errors import ImageError
from convae.images.image import Header, Image, ImageInfo, ReadLimits

__all__ = ["Header", "Image", "ImageInfo", "ReadLimits", "probe_image", "read_image"]


def read_image(
    source: str | Path | bytes,
    *,
    name: str | None = None,
    page: int = 0,
    limits: ReadLimits | None = None,
) -> Image:
    """Read one image (first version)."""
    shown = name if name is not None else ("bytes" if isinstance(source, bytes) else str(source))
    try:
        pixels, form = _decode(source, page)
    except Exception as fault:
        raise ImageError(shown, str(fault)[:200] or type(fault).__name__) from fault
    depth = str(pixels.dtype)
    if depth == "bool":
        pixels = pixels.astype(np.uint8) * 255
    if str(pixels.dtype) not in ("uint8", "uint16", "float32"):
        pixels = pixels.astype(np.float32)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    info = ImageInfo(name=shown, format=form, depth=depth, mode=f"{pixels.shape[2]} bands")
    return Image(np.ascontiguousarray(pixels), info)


def _decode(source, page):  # type: ignore[no-untyped-def]
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    if data[:2] in (b"II", b"MM"):
        import tifffile

        with tifffile.TiffFile(io.BytesIO(data)) as tif:
            return tif.pages[page].asarray(), "TIFF"
    with PillowImage.open(io.BytesIO(data)) as image:
        image.seek(page)
        if image.mode in ("P", "CMYK", "YCbCr"):
            return np.asarray(image.convert("RGB")), str(image.format)
        return np.asarray(image), str(image.format)


def probe_image(
    source: str | Path | bytes,
    *,
    name: str | None = None,
    page: int = 0,
    limits: ReadLimits | None = None,
) -> Header:
    """Read the header of one image (first version: decodes)."""
    image = read_image(source, name=name, page=page, limits=limits)
    pages = 1
    height, width, channels = image.pixels.shape
    return Header(
        shape=(height, width, channels),
        depth=str(image.pixels.dtype),
        pages=pages,
        format=image.info.format,
        stored=image.info.depth,
        mode=image.info.mode,
    )
