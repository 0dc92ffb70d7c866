"""Small valid image files of every kind that convae reads."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from fuzzing.case import Seed

_RNG = np.random.default_rng(0)
_RAMP = np.add.outer(np.arange(20) * 5, np.arange(24) * 6)
GREY = (_RAMP + _RNG.integers(0, 9, _RAMP.shape)).astype(np.uint8)
DEEP = (_RAMP * 200 + _RNG.integers(0, 99, _RAMP.shape)).astype(np.uint16)
RGB = np.stack([GREY, GREY.T.reshape(GREY.shape), 255 - GREY], axis=2)
RGBA = np.dstack([RGB, GREY])
FLOAT = (_RAMP / 7).astype(np.float32)
BITS = (GREY & 8).astype(bool)


def saved(pixels: Any, kind: str, **options: Any) -> bytes:
    """A file that Pillow writes; several pictures make an animation."""
    pictures = [Image.fromarray(p) for p in (pixels if isinstance(pixels, list) else [pixels])]
    if options.pop("palette", False):
        pictures = [picture.convert("P") for picture in pictures]
    if mode := options.pop("mode", None):
        pictures = [picture.convert(mode) for picture in pictures]
    more = {"save_all": True, "append_images": pictures[1:]} if len(pictures) > 1 else {}
    file = io.BytesIO()
    pictures[0].save(file, kind, **more, **options)
    return file.getvalue()


def exif(turned: int = 6) -> bytes:
    """EXIF data with an orientation and a resolution."""
    found = Image.Exif()
    found[0x0112], found[0x010F], found[0x011A] = turned, "seed", 72.0
    return found.tobytes()


def png() -> dict[str, bytes]:
    """PNG of every depth, with what files say of themselves, and animated."""
    from PIL import ImageCms, PngImagePlugin

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "seed", zip=True)
    text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    return {
        "bits.png": saved(BITS, "PNG"),
        "grey.png": saved(GREY, "PNG", dpi=(72, 72)),
        "deep.png": saved(DEEP, "PNG"),
        "rgb.png": saved(RGB, "PNG", icc_profile=profile, pnginfo=text, exif=exif()),
        "rgba.png": saved(RGBA, "PNG"),
        "la.png": saved(RGBA, "PNG", mode="LA"),
        "palette.png": saved(RGB, "PNG", palette=True, transparency=3),
        "deep_rgb.png": deep_rgb_png(),
        "animated.png": saved([RGB, 255 - RGB, RGB], "PNG", duration=40),
    }


def deep_rgb_png() -> bytes:
    """16-bit RGB, which Pillow does not write."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    height, width = DEEP.shape
    rows = np.dstack([DEEP] * 3).astype(">u2").reshape(height, -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"gAMA", struct.pack(">I", 45455))
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


def jpeg() -> dict[str, bytes]:
    """JPEG and MPO."""
    return {
        "grey.jpg": saved(GREY, "JPEG"),
        "rgb.jpg": saved(RGB, "JPEG", exif=exif(), icc_profile=b"profile" * 20, dpi=(72, 72)),
        "progressive.jpg": saved(RGB, "JPEG", progressive=True, subsampling=0),
        "cmyk.jpg": saved(RGB, "JPEG", mode="CMYK"),
        "two.mpo": saved([RGB, 255 - RGB], "MPO"),
    }


def webp() -> dict[str, bytes]:
    """WebP with and without loss, and animated."""
    return {
        "lossy.webp": saved(RGB, "WEBP", exif=exif()),
        "lossless.webp": saved(RGBA, "WEBP", lossless=True, icc_profile=b"profile" * 20),
        "animated.webp": saved([RGBA, 255 - RGBA], "WEBP", duration=40),
    }


def gif() -> dict[str, bytes]:
    """GIF, animated too."""
    return {
        "one.gif": saved(GREY, "GIF"),
        "clear.gif": saved(RGB, "GIF", palette=True, transparency=0),
        "animated.gif": saved([GREY, 255 - GREY, GREY.T.reshape(GREY.shape)], "GIF", duration=40),
    }


def tiff() -> dict[str, bytes]:
    """TIFF of many sorts: strips, tiles, compressions, planes, pages, descriptions, tags."""
    stack = np.stack([DEEP, DEEP // 2, DEEP // 3])
    planes = np.stack([GREY, 255 - GREY, GREY // 2])
    big = np.tile(RGB, (3, 3, 1))
    nodata = [(42113, "s", 0, "-9999", True), (33550, "d", 3, (1.0, 1.0, 0.0), True)]
    made: dict[str, tuple[Any, dict[str, Any]]] = {
        "strips": (GREY, {"rowsperstrip": 5}),
        "bits": (BITS, {}),
        "white_is_zero": (GREY, {"photometric": "miniswhite"}),
        "deep_big_endian": (DEEP, {"byteorder": ">"}),
        "tiles": (big, {"tile": (32, 32), "photometric": "rgb"}),
        "lzw": (RGB, {"compression": "lzw", "predictor": True, "photometric": "rgb"}),
        "deflate": (DEEP, {"compression": "zlib", "predictor": True}),
        "jpeg": (big, {"compression": "jpeg", "tile": (32, 32), "photometric": "rgb"}),
        "packbits": (GREY, {"compression": "packbits"}),
        "zstd": (GREY, {"compression": "zstd"}),
        "webp": (RGB, {"compression": "webp", "photometric": "rgb"}),
        "planar": (planes, {"planarconfig": "separate", "photometric": "rgb"}),
        "rgba": (RGBA, {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
        "associated": (RGBA, {"photometric": "rgb", "extrasamples": ["assocalpha"]}),
        "bands": (np.dstack([RGBA, GREY]), {"photometric": "minisblack", "planarconfig": "contig"}),
        "pages": (stack, {"photometric": "minisblack", "metadata": None}),
        "shaped": (stack, {"photometric": "minisblack"}),
        "imagej": (stack, {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2.0}}),
        "ome": (stack[None], {"ome": True, "metadata": {"axes": "CZYX", "PhysicalSizeX": 0.1}}),
        "bigtiff": (DEEP, {"bigtiff": True}),
        "float": (FLOAT, {"predictor": 3, "compression": "zlib"}),
        "double": (FLOAT.astype(np.float64), {}),
        "signed": (DEEP.astype(np.int32) - 5000, {}),
        "nodata": (FLOAT, {"extratags": nodata}),
        "resolution": (GREY, {"resolution": (300, 300), "resolutionunit": "INCH"}),
    }
    files = {f"{name}.tif": _tiff(pixels, **options) for name, (pixels, options) in made.items()}
    files["group4.tif"] = saved(BITS, "TIFF", compression="group4")
    files["palette.tif"] = saved(RGB, "TIFF", palette=True)
    files["cmyk.tif"] = saved(RGB, "TIFF", mode="CMYK")
    return files


def _tiff(pixels: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def netpbm() -> dict[str, bytes]:
    """PBM, PGM, PPM as text and as bytes, PFM."""
    text = b"\n".join(b" ".join(b"%d" % v for v in row) for row in GREY)
    head = b"%d %d\n" % GREY.shape[::-1]
    return {
        "p1.pbm": b"P1\n# seed\n" + head + b"\n".join(b" ".join(b"01"[int(v):][:1] for v in r) for r in BITS),
        "p2.pgm": b"P2\n" + head + b"255\n" + text,
        "p3.ppm": b"P3\n8 20\n255\n" + text,
        "p4.pbm": b"P4\n" + head + np.packbits(BITS, axis=1).tobytes(),
        "p5.pgm": b"P5\n# seed\n" + head + b"255\n" + GREY.tobytes(),
        "p5_deep.pgm": b"P5\n" + head + b"4095\n" + (DEEP & 4095).astype(">u2").tobytes(),
        "p5_two.pgm": (b"P5\n" + head + b"255\n" + GREY.tobytes()) * 2,
        "p6.ppm": b"P6\r\n" + head + b"255\n" + RGB.tobytes(),
        "grey.pfm": b"Pf\n" + head + b"-1.0\n" + FLOAT.astype("<f4").tobytes(),
        "rgb.pfm": b"PF\n" + head + b"1.0\n" + np.dstack([FLOAT] * 3).astype(">f4").tobytes(),
    }  # fmt: skip


def others() -> dict[str, bytes]:
    """The kinds that have one or two seeds each."""
    return {
        "rgb.bmp": saved(RGB, "BMP"),
        "palette.bmp": saved(RGB, "BMP", palette=True),
        "bits.bmp": saved(BITS, "BMP"),
        "rgb.tga": saved(RGB, "TGA"),
        "rle.tga": saved(RGBA, "TGA", compression="tga_rle"),
        "rgb.jp2": saved(RGB, "JPEG2000"),
        "deep.j2k": saved(DEEP, "JPEG2000", no_jp2=True),
        "rgb.avif": saved(RGB, "AVIF"),
        "rgb.ico": saved(
            np.pad(RGBA, ((0, 12), (0, 8), (0, 0))), "ICO", sizes=[(16, 16), (32, 32)]
        ),
        "rgb.sgi": saved(RGB, "SGI"),
        "rgb.pcx": saved(RGB, "PCX"),
        "grey.pcx": saved(GREY, "PCX"),
    }


def seeds_of(make: Callable[[], dict[str, bytes]]) -> list[Seed]:
    """A seed for each file."""
    return [Seed(name, {name: content}) for name, content in make().items()]
