"""What PNG, JPEG and WebP say of colours and camera is read, and written again where the kind holds it."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from convae.images.files.exif import orientation_of, upright_exif
from convae.images.files.kept_facts import what_is_lost
from convae.images.files.png_chunks import PNG_HEADER, SIGNATURE, PngChunks, chunk
from convae.images.files.reading import probe_image, read_image
from convae.images.files.writing import write_image

Array = np.ndarray[Any, Any]
COLOUR = {
    "gAMA": struct.pack(">I", 100_000),
    "cHRM": struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
    "cICP": bytes([9, 16, 0, 1]),
    "mDCV": bytes(range(24)),
    "cLLI": bytes(range(8)),
}


def profile_of(channels: int) -> bytes:
    """The header of an ICC profile with its colour space, and some bytes."""
    space = b"GRAY" if channels < 3 else b"RGB "
    return bytes(16) + space + bytes(16) + b"acsp" + bytes(range(256))


def exif_of(
    orientation: int = 6, *, order: str = "<", thumbnail: bytes = b"", preview: bytes = b""
) -> bytes:
    """A camera's structure: orientation, a model, an inner directory with a size and a note, a thumbnail."""
    model = b"Camera 7\0"
    main, inner = 8, 8 + 2 + 3 * 12 + 4
    model_at = inner + 2 + 3 * 12 + 4
    note_at = model_at + len(model)
    second = note_at + len(preview)
    small_at = second + 2 + 2 * 12 + 4

    def entry(code: int, kind: int, count: int, value: int) -> bytes:
        short = kind == 3
        packed = struct.pack(order + ("HH" if short else "I"), *((value, 0) if short else (value,)))
        return struct.pack(order + "HHI", code, kind, count) + packed

    def directory(entries: list[bytes], following: int) -> bytes:
        count = struct.pack(order + "H", len(entries))
        return count + b"".join(entries) + struct.pack(order + "I", following)

    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", main)
    first = directory(
        [
            entry(0x0110, 2, len(model), model_at),
            entry(0x0112, 3, 1, orientation),
            entry(0x8769, 4, 1, inner),
        ],
        second if thumbnail else 0,
    )
    inside = directory(
        [
            entry(0x927C, 7, max(len(preview), 5), note_at),
            entry(0xA002, 4, 1, 4000),
            entry(0xA003, 3, 1, 3000),
        ],
        0,
    )
    data = start + first + inside + model + preview
    if thumbnail:
        data += directory([entry(0x0201, 4, 1, small_at), entry(0x0202, 4, 1, len(thumbnail))], 0)
        data += thumbnail
    return data


def jpeg(pixels: Array) -> bytes:
    to = io.BytesIO()
    PillowImage.fromarray(pixels).save(to, "JPEG")
    return to.getvalue()


SMALL = jpeg(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))


def encoded(pixels: Array, kind: str, **options: Any) -> bytes:
    to = io.BytesIO()
    plain = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    PillowImage.fromarray(plain).save(to, kind, **options)
    return to.getvalue()


def spliced(png: bytes, chunks: bytes, *, behind: bool = False) -> bytes:
    """Chunks behind the header of a PNG, or behind its pixels."""
    at = len(png) - 12 if behind else PNG_HEADER
    return png[:at] + chunks + png[at:]


def all_chunks(channels: int, exif: bytes) -> bytes:
    parts = [chunk(name.encode(), body) for name, body in COLOUR.items()]
    parts.append(chunk(b"sBIT", bytes([5] * channels)))
    parts.append(chunk(b"iCCP", b"wide\0\0" + zlib.compress(profile_of(channels))))
    return b"".join([*parts, chunk(b"eXIf", exif)])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_exif_is_made_upright_without_its_small_pictures(order: str, prefix: bytes) -> None:
    data = exif_of(8, order=order, thumbnail=SMALL, preview=b"note " + SMALL)
    assert orientation_of(prefix + data) == 8
    kept = upright_exif(prefix + data, (30, 20))
    assert len(kept) == len(data)
    assert orientation_of(kept) == 1
    again = PillowImage.Exif()
    again.load(b"Exif\0\0" + kept)
    assert again[0x0110] == "Camera 7"
    assert again[0x0112] == 1
    inner = again.get_ifd(0x8769)
    assert (inner[0xA002], inner[0xA003]) == (20, 30)
    assert not again.get_ifd(1)
    assert b"\xff\xd8\xff" not in kept
    assert SMALL[100:200] not in kept


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_exif_is_refused_or_read_and_never_longer(data: Any) -> None:
    work = bytearray(exif_of(6, order=data.draw(st.sampled_from("<>")), thumbnail=SMALL[:40]))
    for _ in range(data.draw(st.integers(1, 6))):
        work[data.draw(st.integers(0, len(work) - 1))] = data.draw(st.integers(0, 255))
    work = work[: data.draw(st.integers(0, len(work)))]
    try:
        kept = upright_exif(bytes(work), (4, 4))
        assert len(kept) == len(work)
        assert orientation_of(kept) in range(1, 9)
    except ValueError:  # and nothing else
        pass


DEPTHS: list[tuple[str, int]] = [(d, c) for d in ("uint8", "uint16") for c in (1, 2, 3, 4)]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sort=st.sampled_from(DEPTHS),
    names=st.sets(st.sampled_from([*COLOUR, "sBIT", "iCCP", "eXIf"])),
    behind=st.booleans(),
    orientation=st.integers(1, 8),
)
def test_every_chunk_of_a_png_comes_back(
    tmp_path: Path, sort: tuple[str, int], names: set[str], behind: bool, orientation: int
) -> None:
    depth, channels = sort
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels)).astype(depth)
    plain = write_image(tmp_path / "plain.png", pixels).read_bytes()
    known = {**COLOUR, "sBIT": bytes([5] * channels)}
    chunks = [chunk(name.encode(), known[name]) for name in sorted(names & set(known))]
    if "iCCP" in names:
        chunks.append(chunk(b"iCCP", b"wide\0\0" + zlib.compress(profile_of(channels))))
    if "eXIf" in names:
        chunks.append(chunk(b"eXIf", exif_of(orientation)))
    data = spliced(plain, b"".join(chunks), behind=behind)
    image = read_image(data)
    assert probe_image(data).shape == image.pixels.shape
    turned = "eXIf" in names and orientation > 4
    assert image.pixels.shape[:2] == ((7, 5) if turned else (5, 7))
    path = write_image(tmp_path / "again.png", image.pixels, like=image.info)
    assert path.suffix == ".png"
    again = read_image(path)
    np.testing.assert_array_equal(again.pixels, image.pixels)
    assert again.info.tags == image.info.tags
    found = PngChunks(io.BytesIO(path.read_bytes())).facts()
    assert {name for name, _ in found.chunks} == names & set(known)
    assert all(known[name] == body for name, body in found.chunks)
    assert found.profile == (profile_of(channels) if "iCCP" in names else None)
    assert (found.exif is not None) == ("eXIf" in names)
    assert what_is_lost(image.info, "PNG", image.pixels.shape) == ()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("target", ["PNG", "JPEG", "WEBP"])
def test_profile_and_exif_go_from_kind_to_kind(tmp_path: Path, kind: str, target: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    options = {"icc_profile": profile_of(3), "exif": b"Exif\0\0" + exif_of(6, thumbnail=SMALL)}
    image = read_image(encoded(pixels, kind, **options))
    assert image.pixels.shape == (8, 6, 3)
    path = write_image(tmp_path / "x", image.pixels, like=image.info, format=target)
    with PillowImage.open(path) as opened:
        opened.load()
        assert opened.info["icc_profile"] == profile_of(3)
        assert opened.getexif()[0x0112] == 1
        assert opened.getexif()[0x0110] == "Camera 7"
        assert opened.size == (6, 8)
    assert SMALL[100:200] not in path.read_bytes()
    np.testing.assert_equal(read_image(path).pixels.shape, (8, 6, 3))


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
MAKE: dict[str, Callable[[], bytes]] = {
    "eXIf": lambda: chunk(b"eXIf", exif_of(6)),
    "XMP": lambda: chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
    "packed XMP": lambda: chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
    "raw profile": lambda: chunk(
        b"zTXt",
        b"Raw profile type exif\0\0"
        + zlib.compress(b"\nexif\n  12\n" + (b"Exif\0\0" + exif_of(6)).hex().encode()),
    ),
}


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("how", MAKE)
@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_orientation_is_applied_wherever_it_stands(
    tmp_path: Path, how: str, behind: bool, depth: str
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(depth)
    plain = write_image(tmp_path / "plain.png", pixels).read_bytes()
    data = spliced(plain, MAKE[how](), behind=behind)
    assert probe_image(data).shape == (7, 5, 3)
    np.testing.assert_array_equal(read_image(data).pixels, pixels.swapaxes(0, 1)[:, ::-1])


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize(
    "long",
    [
        chunk(b"tEXt", b"Comment\0" + b"x" * 2**21),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**22))),
        chunk(b"iTXt", b"Comment\0\0\0\0\0" + b"x" * 2**21),
        chunk(b"iCCP", b"wide\0\0" + zlib.compress(profile_of(3) + bytes(2**21))),
    ],
)
def test_long_texts_and_profiles_do_not_keep_the_pixels_back(long: bytes, behind: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = read_image(spliced(encoded(pixels, "PNG"), long, behind=behind))
    np.testing.assert_array_equal(image.pixels, pixels)
    kept = image.info.tags.profile if image.info.tags is not None else None
    assert (kept is not None and len(kept) > 2**21) == (b"iCCP" in long[:8])


def test_a_profile_that_inflates_without_end_is_left_out() -> None:
    pixels = np.zeros((5, 7, 3), np.uint8)
    bomb = chunk(b"iCCP", b"wide\0\0" + zlib.compress(bytes(40 * 2**20)))
    info = read_image(spliced(encoded(pixels, "PNG"), bomb)).info
    assert info.tags is None
    assert "damaged colour profile not used" in info.conversions


def test_damaged_chunks_are_left_out_and_said() -> None:
    pixels = np.zeros((5, 7, 3), np.uint8)
    wrong = bytearray(chunk(b"gAMA", struct.pack(">I", 45_455)))
    wrong[-1] ^= 1
    data = spliced(encoded(pixels, "PNG"), bytes(wrong) + chunk(b"eXIf", b"II*\0\xff\xff\0\0"))
    info = read_image(data).info
    assert info.tags is None
    assert "damaged EXIF data not kept" in info.conversions


def test_a_profile_of_another_colour_model_is_not_kept() -> None:
    cmyk = PillowImage.new("CMYK", (7, 5))
    to = io.BytesIO()
    cmyk.save(to, "JPEG", icc_profile=bytes(16) + b"CMYK" + bytes(100))
    info = read_image(to.getvalue()).info
    assert info.tags is None
    assert "colour profile of another colour model not kept" in info.conversions


def test_a_grey_result_does_not_take_the_profile_of_colour(tmp_path: Path) -> None:
    pixels = np.zeros((5, 7, 3), np.uint8)
    info = read_image(encoded(pixels, "PNG", icc_profile=profile_of(3))).info
    path = write_image(tmp_path / "grey.png", pixels[..., :1], like=info)
    with PillowImage.open(path) as image:
        assert "icc_profile" not in image.info
    assert what_is_lost(info, "PNG", (5, 7, 1)) == ("colour profile",)


def test_a_file_without_other_chunks_is_read_as_it_is() -> None:
    handle = io.BytesIO(encoded(np.zeros((5, 7), np.uint8), "PNG"))
    assert PngChunks(handle).pixels_only() is handle
    assert handle.getvalue().startswith(SIGNATURE)
