"""What a file says of its pixels, in and out of a model: for each fact, in how many files it came back.

Files of every sort are made with every fact that their kind holds, restored by models fitted for a moment,
and looked at by other programs (Pillow, tifffile, or the bytes themselves), before and after.
"""

import contextlib
import io
import json
import re
import struct
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image as PillowImage

from convae.cli import main
from record import Section, note

HEIGHT, WIDTH, FILES = 24, 32, 8
SIZE = (HEIGHT, WIDTH)
Array = np.ndarray[Any, Any]
Facts = dict[str, Any]

PROFILES = {1: b"GRAY", 3: b"RGB "}
PNG_CHUNKS = {
    "gAMA": struct.pack(">I", 100_000),
    "cHRM": struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
    "cICP": bytes([9, 16, 0, 1]),
}
GEO = [
    (33550, 12, 3, (2.0, 2.0, 0.0), True),  # pixel scale
    (33922, 12, 6, (0.0, 0.0, 0.0, 500_000.0, 5_000_000.0, 0.0), True),  # tie point
    (34735, 3, 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),  # keys
]


@dataclass(frozen=True)
class Sort:
    """One sort of file: its name, kind, how a file of it is made, and which model restores it."""

    name: str
    kind: str
    suffix: str
    make: Callable[[Path, int], None]
    model: str
    facts: Callable[[Path], Facts]


def smooth(number: int, channels: int, low: float, high: float) -> Array:
    """A smooth picture (H, W, C) of values from ``low`` to ``high``."""
    rng = np.random.default_rng([number, channels])
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = []
    for _ in range(channels):
        a, b, p = rng.uniform(0.1, 0.5, 3)
        planes.append(0.5 + 0.2 * np.sin(a * x + 6 * p) + 0.2 * np.cos(b * y + 3 * p))
    return low + (high - low) * np.stack(planes, axis=-1)


def pixels_of(number: int, channels: int, depth: str, top: float | None = None) -> Array:
    """Pixels (H, W) or (H, W, C) of a depth; the last of two or four channels is opacity."""
    kind = np.dtype(depth)
    if kind == np.bool_:
        return smooth(number, 1, 0, 1)[..., 0] > 0.5
    high = top or (float(np.iinfo(kind).max) if kind.kind in "iu" else 1.0)
    values = smooth(number, channels, 0, high)
    if channels in (2, 4):
        values[..., -1] = high
        values[:4, :4, -1] = high // 2 if kind.kind in "iu" else high / 2
    values = np.rint(values) if kind.kind in "iu" else values
    return (values[..., 0] if channels == 1 else values).astype(kind)


def profile(channels: int) -> bytes:
    """As much of an ICC profile as says of which colours it is one."""
    space = PROFILES[1 if channels < 3 else 3]
    return bytes(16) + space + bytes(16) + b"acsp" + bytes(range(200))


def exif() -> bytes:
    """EXIF with a camera's model."""
    made = PillowImage.Exif()
    made[0x0110] = "Camera 7"
    return made.tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(channels: int, depth: str, palette: bool = False) -> Callable[[Path, int], None]:
    """Makes a PNG with every fact that the kind holds."""

    def make(path: Path, number: int) -> None:
        pixels = pixels_of(number, channels, depth)
        if depth == "uint16":
            from convae.images.files.png16 import write_png16

            to = io.BytesIO()
            write_png16(to, pixels.reshape(HEIGHT, WIDTH, channels), (300, 300))
        else:
            to, image = io.BytesIO(), PillowImage.fromarray(pixels)
            (image.quantize(64) if palette else image).save(to, "PNG", dpi=(300, 300))
        data, chunks = to.getvalue(), b""
        for name, body in PNG_CHUNKS.items():
            chunks += chunk(name.encode(), body)
        chunks += chunk(b"iCCP", b"wide\0\0" + zlib.compress(profile(channels)))
        chunks += chunk(b"eXIf", exif().removeprefix(b"Exif\0\0"))
        path.write_bytes(data[:33] + chunks + data[33:])

    return make


def through_pillow(kind: str, channels: int, **options: Any) -> Callable[[Path, int], None]:
    """Makes a file of 8 bits by Pillow."""

    def make(path: Path, number: int) -> None:
        image = PillowImage.fromarray(pixels_of(number, channels, "uint8"))
        told = (
            {"icc_profile": profile(channels), "exif": exif()} if kind in ("JPEG", "WEBP") else {}
        )
        dots = {"dpi": (300, 300)} if kind in ("JPEG", "BMP") else {}
        image.save(path, kind, **told, **dots, **options)

    return make


def pnm(magic: str, top: int) -> Callable[[Path, int], None]:
    """Makes a PBM, PGM or PPM with a maximum, plain or binary."""

    def make(path: Path, number: int) -> None:
        channels = 3 if magic in ("P3", "P6") else 1
        depth = "bool" if magic in ("P1", "P4") else ("uint8" if top < 256 else "uint16")
        pixels = pixels_of(number, channels, depth, top)
        head = f"{magic}\n# made\n{WIDTH} {HEIGHT}\n" + ("" if depth == "bool" else f"{top}\n")
        if magic in ("P1", "P2", "P3"):
            values = ~pixels if depth == "bool" else pixels
            body = " ".join(str(int(value)) for value in values.ravel()).encode() + b"\n"
        elif depth == "bool":
            body = np.packbits(~pixels, axis=1).tobytes()
        else:
            body = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
        path.write_bytes(head.encode() + body)

    return make


def tiff(
    channels: int, depth: str, *, top: float | None = None, **options: Any
) -> Callable[[Path, int], None]:
    """Makes a TIFF of one page with a profile, a resolution, and what ``options`` say."""

    def make(path: Path, number: int) -> None:
        pixels = pixels_of(number, channels, depth, top)
        if options.get("planarconfig") == "separate":
            pixels = np.moveaxis(pixels, -1, 0)
        told: dict[str, Any] = {"iccprofile": profile(channels), "resolution": (300, 300)}
        told["resolutionunit"] = "INCH"
        tifffile.imwrite(path, pixels, metadata=None, **{**told, **options})

    return make


def tiff_with_mask(path: Path, number: int) -> None:
    """A page and the mask that says where it holds nothing."""
    mask = np.ones(SIZE, np.bool_)
    mask[:5, :7] = False
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels_of(number, 3, "uint8"), photometric="rgb", metadata=None)
        writer.write(mask, photometric="mask", subfiletype=4, metadata=None)


def tiff_stack(path: Path, number: int) -> None:
    """A stack of ImageJ."""
    pages = np.stack([pixels_of(3 * number + page, 1, "uint8") for page in range(3)])
    tifffile.imwrite(
        path, pages, imagej=True, metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    )


def tiff_mixed(path: Path, number: int) -> None:
    """Pages of several depths."""
    with tifffile.TiffWriter(path) as writer:
        for depth in ("uint8", "uint8", "uint16"):
            top = 255 if depth == "uint8" else 4095
            writer.write(pixels_of(number, 1, depth, top), photometric="minisblack", metadata=None)


def with_nodata(path: Path, number: int) -> None:
    """A height with the -9999 of GDAL."""
    pixels = pixels_of(number, 1, "int16", 2000)
    pixels[:5, :7] = -9999
    extra = [(42113, "s", 0, "-9999", True), *GEO]
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, extratags=extra)


def npy(channels: int, depth: str) -> Callable[[Path, int], None]:
    """Makes an array of images."""

    def make(path: Path, number: int) -> None:
        np.save(path, np.stack([pixels_of(i, channels, depth) for i in range(FILES)]))

    return make


def facts_of_pillow(path: Path) -> Facts:
    """What Pillow reads of a PNG, JPEG, WebP, BMP or TGA."""
    with PillowImage.open(path) as image:
        bands = image.getbands()
        if image.mode == "P":
            bands = ("R", "G", "B")
        found: Facts = {
            "kind": image.format,
            "channels": len(bands),
            "opacity": "A" in bands,
            "depth": "bool" if image.mode == "1" else ("uint16" if "16" in image.mode else "uint8"),
        }
        if image.format == "PNG":
            found["depth"] = _png_depth(path)
        if image.format in ("PNG", "JPEG", "BMP"):
            found["resolution"] = tuple(round(float(dots)) for dots in image.info.get("dpi", ()))
        if image.format in ("PNG", "JPEG", "WEBP"):
            found["colour profile"] = image.info.get("icc_profile")
            found["EXIF"] = image.getexif().get(0x0110)
    if found["kind"] == "PNG":
        data = path.read_bytes()
        for name in PNG_CHUNKS:
            at = data.find(name.encode())
            size = int.from_bytes(data[at - 4 : at], "big") if at > 0 else 0
            found[name] = data[at + 4 : at + 4 + size] if at > 0 else None
    return found


def _png_depth(path: Path) -> str:
    bits, colour = path.read_bytes()[24:26]
    return "uint16" if bits == 16 else ("bool" if bits == 1 and colour == 0 else "uint8")


def facts_of_pnm(path: Path) -> Facts:
    """The header of a PNM, read by its rules."""
    head = re.sub(rb"#[^\n]*\n", b"", path.read_bytes()[:200]).split(maxsplit=4)
    plain = {b"P1": "PBM", b"P2": "PGM", b"P3": "PPM", b"P4": "PBM", b"P5": "PGM", b"P6": "PPM"}
    kind = plain[head[0]]
    found: Facts = {"kind": kind}
    if kind != "PBM":
        found["maximum"] = int(head[3])
    return found


def facts_of_tiff(path: Path) -> Facts:
    """What tifffile reads of a TIFF."""
    with tifffile.TiffFile(path) as tif:
        pages = list(tif.pages)
        first: Any = pages[0]
        images = [page for page in pages if int(page.subfiletype) != 4]
        known = {tag.code: tag.value for tag in first.tags}
        has_unit = known.get(296) in (2, 3)  # else tifffile writes one pixel per nothing
        return {
            "kind": "TIFF",
            "depth": tuple(str(page.dtype) for page in images),
            "channels": tuple(int(page.samplesperpixel) for page in images),
            "opacity": tuple(int(extra) for extra in first.extrasamples),
            "white is zero": int(first.photometric) == 0,
            "colour profile": known.get(34675),
            "resolution": tuple(known.get(code) for code in (282, 283, 296)) if has_unit else None,
            "georeference": tuple(known.get(code) for code in (33550, 33922, 34735)),
            "nodata": known.get(42113),
            "mask": len(pages) - len(images),
            "axes and units": (tif.is_imagej, tif.series[0].axes if tif.is_imagej else None),
        }


def facts_of_npy(path: Path) -> Facts:
    """Shape and depth of an array."""
    array = np.load(path)
    return {"kind": "npy", "depth": str(array.dtype), "shape": array.shape}


def sorts() -> list[Sort]:
    """Every sort of file."""
    found = [
        Sort(
            f"png-{channels}-{depth}",
            "PNG",
            ".png",
            png(channels, depth),
            f"{channels}-{depth}",
            facts_of_pillow,
        )
        for depth in ("uint8", "uint16")
        for channels in (1, 2, 3, 4)
    ]
    found += [
        Sort(
            "png-palette", "PNG", ".png", png(3, "uint8", palette=True), "3-uint8", facts_of_pillow
        ),
        Sort("png-bit", "PNG", ".png", png(1, "bool"), "1-uint8", facts_of_pillow),
        Sort("jpeg-1", "JPEG", ".jpg", through_pillow("JPEG", 1), "1-uint8", facts_of_pillow),
        Sort("jpeg-3", "JPEG", ".jpg", through_pillow("JPEG", 3), "3-uint8", facts_of_pillow),
        Sort("webp-3", "WebP", ".webp", through_pillow("WEBP", 3), "3-uint8", facts_of_pillow),
        Sort(
            "webp-4",
            "WebP",
            ".webp",
            through_pillow("WEBP", 4, lossless=True),
            "4-uint8",
            facts_of_pillow,
        ),
        Sort("bmp-3", "BMP, TGA", ".bmp", through_pillow("BMP", 3), "3-uint8", facts_of_pillow),
        Sort("tga-4", "BMP, TGA", ".tga", through_pillow("TGA", 4), "4-uint8", facts_of_pillow),
    ]
    maxima = {
        "P1": (1,),
        "P4": (1,),
        "P2": (15, 255),
        "P5": (100, 255, 1023, 4095, 65535),
        "P3": (255, 4095),
        "P6": (100, 255, 1023, 65535),
    }
    for magic, tops in maxima.items():
        for top in tops:
            channels, depth = (
                (3 if magic in ("P3", "P6") else 1),
                ("uint8" if top < 256 else "uint16"),
            )
            suffix = {"P1": ".pbm", "P4": ".pbm"}.get(magic, ".ppm" if channels == 3 else ".pgm")
            found.append(
                Sort(
                    f"{magic.lower()}-{top}",
                    "PNM",
                    suffix,
                    pnm(magic, top),
                    f"{channels}-{depth}",
                    facts_of_pnm,
                )
            )
    rgb: dict[str, Any] = {"photometric": "rgb"}
    grey: dict[str, Any] = {"photometric": "minisblack"}
    tiffs: dict[str, tuple[Callable[[Path, int], None], str]] = {
        "strips": (tiff(3, "uint8", rowsperstrip=5, **rgb), "3-uint8"),
        "tiles": (tiff(1, "uint16", tile=(16, 16), **grey), "1-uint16"),
        "planar": (tiff(3, "uint8", planarconfig="separate", **rgb), "3-uint8"),
        "float": (tiff(1, "float32", **grey), "1-float32"),
        "int16 with nodata": (with_nodata, "nodata"),
        "GeoTIFF": (tiff(3, "uint8", extratags=GEO, **rgb), "3-uint8"),
        "internal mask": (tiff_with_mask, "3-uint8"),
        "premultiplied": (tiff(4, "uint8", extrasamples=["assocalpha"], **rgb), "4-uint8"),
        "white is zero": (tiff(1, "uint8", photometric="miniswhite"), "1-uint8"),
        "ImageJ stack": (tiff_stack, "1-uint8"),
        "pages of mixed depths": (tiff_mixed, "mixed"),
        "five bands": (tiff(5, "uint16", planarconfig="contig", **grey), "5-uint16"),
    }  # fmt: skip
    for name, (make, model) in tiffs.items():
        found.append(Sort(f"tiff {name}", f"TIFF, {name}", ".tif", make, model, facts_of_tiff))
    for depth in ("bool", "uint8", "int16", "float32", "float64"):
        found.append(
            Sort(f"npy-{depth}", ".npy", ".npy", npy(1, depth), f"npy-{depth}", facts_of_npy)
        )
    return found


VERBS = {
    "reconstruct": ("autoencoder", ["--latent-dim", "4"]),
    "denoise": ("denoiser", []),
    "inpaint": ("inpainter", []),
}


def run(*args: object) -> int:
    """The command line, in this process and in silence."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main([str(arg) for arg in args])
    if code:
        note(f"  {' '.join(map(str, args))}: {said.getvalue().strip()[-300:]}")
    return code


def roundtrip() -> None:
    """Facts of files, in and out."""
    section = Section(
        "roundtrip",
        "What a file says of its pixels: files in which each fact came back",
        ("kind of file", "fact", *VERBS),
    )
    counts: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(
        lambda: {verb: [0, 0] for verb in VERBS}
    )
    lost: dict[str, set[str]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        mask = np.zeros(SIZE, np.uint8)
        mask[8:12, 8:14] = 255
        PillowImage.fromarray(mask).save(where / "mask.png")
        for sort in sorts():
            _one_sort(sort, where, counts, lost)
    for (kind, fact), done in counts.items():
        section.row(kind, fact, *(f"{done[verb][0]} of {done[verb][1]}" for verb in VERBS))
    section.remarks += [
        f"Not come back: {fact} of {', '.join(sorted(names))}."
        for fact, names in sorted(lost.items())
    ]
    section.write()


def _one_sort(sort: Sort, where: Path, counts: Any, lost: dict[str, set[str]]) -> None:
    inputs = where / sort.name.replace(" ", "-")
    inputs.mkdir()
    for number in range(1 if sort.suffix == ".npy" else FILES):
        sort.make(inputs / f"{number}{sort.suffix}", number)
    data: Path = inputs / f"0{sort.suffix}" if sort.suffix == ".npy" else inputs
    for verb, (estimator, options) in VERBS.items():
        model = where / f"{estimator}-{sort.model}.convae"
        if not model.exists():
            run("fit", estimator, data, "--out", model, "--epochs", 1, "--no-report", *options)
        out = where / f"{inputs.name}-{verb}"
        extra = ["--mask", where / "mask.png"] if verb == "inpaint" else []
        run(verb, model, data, "--out", out, *extra)
        for path in sorted(inputs.iterdir()):
            made = (
                next(iter(sorted(out.glob("*.npy"))), out)
                if sort.suffix == ".npy"
                else out / path.name
            )
            _compare(sort, verb, path, made, counts, lost)


def _compare(
    sort: Sort, verb: str, before: Path, after: Path, counts: Any, lost: dict[str, set[str]]
) -> None:
    known = sort.facts(before)
    try:
        again = sort.facts(after)
    except (OSError, KeyError, ValueError):
        again = {}
    for fact, value in known.items():
        if value in (None, False, (), 0) or (isinstance(value, tuple) and not any(value)):
            continue  # the file does not say it
        if (
            fact in ("channels", "opacity")
            and before.suffix == ".png"
            and sort.name == "png-palette"
        ):
            value = {"channels": 3, "opacity": False}[fact]
        tally = counts[sort.kind, fact][verb]
        came = json.dumps(again.get(fact), default=str) == json.dumps(value, default=str)
        tally[0] += came
        tally[1] += 1
        if not came:
            lost[fact].add(f"{sort.name} ({verb})")
