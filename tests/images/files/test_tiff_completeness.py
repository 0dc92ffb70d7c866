"""A TIFF that holds less than it says: refused, or what is missing is said."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from convae.errors import ImageError
from convae.images.files.reading import probe_image, read_image
from convae.images.sources.base import ImageSource
from convae.images.sources.open_source import open_source

RNG = np.random.default_rng(0)
PLANE = RNG.integers(0, 256, (64, 40), dtype=np.uint8)
CODECS = ("none", "zlib", "lzw", "packbits")
STACKS: dict[str, dict[str, Any]] = {
    "imagej": {"imagej": True, "metadata": {"axes": "TYX"}},
    "ome": {"ome": True, "metadata": {"axes": "TYX"}},
    "shaped": {"metadata": {"axes": "TYX"}, "photometric": "minisblack"},
    "plain": {"metadata": None, "photometric": "minisblack"},
}


def altered(data: bytes, tag: str, value: int) -> bytes:
    handle = io.BytesIO(data)
    with tifffile.TiffFile(handle, name="a.tif", mode="r+b") as tif:
        tif.pages.first.tags[tag].overwrite(value)
    return handle.getvalue()


def stored(array: np.ndarray, **options: Any) -> bytes:
    handle = io.BytesIO()
    tifffile.imwrite(handle, array, **options)
    return handle.getvalue()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("tag", "factor"), [("ImageLength", 2), ("ImageWidth", 2), ("ImageLength", 200)]
)
@pytest.mark.parametrize("layout", [{"rowsperstrip": 16}, {"rowsperstrip": 64}, {"tile": (16, 16)}])
def test_more_pixels_than_are_stored_are_refused(
    codec: str, tag: str, factor: int, layout: dict[str, Any]
) -> None:
    if codec in ("lzw", "packbits"):
        pytest.importorskip("imagecodecs")
    data = stored(PLANE, compression=None if codec == "none" else codec, metadata=None, **layout)
    assert np.array_equal(read_image(data).pixels[..., 0], PLANE)
    side = PLANE.shape[0 if tag == "ImageLength" else 1]
    with pytest.raises(ImageError):
        read_image(altered(data, tag, side * factor))


def test_a_few_bytes_that_claim_a_giant_are_refused_for_what_they_hold() -> None:
    data = altered(
        altered(stored(PLANE[:4, :4], compression="zlib"), "ImageLength", 9900), "ImageWidth", 9900
    )
    assert len(data) < 600
    with pytest.raises(ImageError, match="truncated"):
        read_image(data)


def test_listed_tiles_of_no_bytes_are_empty_and_legal() -> None:
    data = stored(np.pad(PLANE[:16, :16], ((0, 16), (0, 16))), tile=(16, 16), metadata=None)
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        offsets, counts = tif.pages.first.dataoffsets, tif.pages.first.databytecounts
    handle = io.BytesIO(data)
    with tifffile.TiffFile(handle, mode="r+b") as tif:
        tags = tif.pages.first.tags
        tags["TileByteCounts"].overwrite((counts[0], 0, 0, 0))
        tags["TileOffsets"].overwrite((offsets[0], 0, 0, 0))
    pixels = read_image(handle.getvalue()).pixels[..., 0]
    assert np.array_equal(pixels[:16, :16], PLANE[:16, :16])
    assert not pixels[16:].any()


@pytest.mark.parametrize("kind", STACKS)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_cut_stack_says_what_is_missing(tmp_path: Path, kind: str, part: float) -> None:
    stack = RNG.integers(0, 256, (12, 32, 32), dtype=np.uint8)
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path, ome=kind == "ome", imagej=kind == "imagej") as writer:
        if kind == "plain":  # each page with its pixels behind it
            for page in stack:
                writer.write(page, **STACKS[kind])
        else:
            writer.write(stack, metadata={"axes": "TYX"}, photometric="minisblack")
    data = path.read_bytes()
    assert probe_image(data).shortfall == ""
    path.write_bytes(data[: int(len(data) * part)])
    try:
        header = probe_image(path)
    except ImageError as error:  # cut inside of a directory
        damage = error.reason
    else:
        damage = header.shortfall
        source = open_source(tmp_path)
        assert [(i.name, i.reason) for i in source.skipped] == [("stack.tif", damage)]
        for index in range(len(source)):
            assert_same_or_truncated(source, index, stack[index])
    assert any(word in damage for word in ("missing", "cut", "damaged"))


def assert_same_or_truncated(source: ImageSource, index: int, page: np.ndarray) -> None:
    try:
        pixels = source.read(index).pixels[..., 0]
    except ImageError as error:
        reason = error.reason
    else:
        reason = "truncated"
        assert np.array_equal(pixels, page)
    assert "truncated" in reason


@pytest.mark.parametrize("promised", [1, 2, 7, 100])
def test_a_description_of_other_pages_than_there_are_reads_no_byte_as_a_pixel(
    tmp_path: Path, promised: int
) -> None:
    stack = RNG.integers(0, 256, (5, 32, 32), dtype=np.uint8)
    path = tmp_path / "stack.tif"
    text = f"ImageJ=1.53\nimages={promised}\nframes={promised}\nhyperstack=true\n"
    with tifffile.TiffWriter(path) as writer:
        for page in stack:
            writer.write(page, description=text, metadata=None, contiguous=False)
            text = ""
    header = probe_image(path)
    assert header.pages == 5
    assert f"promises {promised} pages, the file holds 5" in header.shortfall
    for number, page in enumerate(stack):
        assert np.array_equal(read_image(path, page=number).pixels[..., 0], page)


def test_a_volume_behind_one_directory_is_read_whole() -> None:
    """ImageJ writes stacks above 4 GB so: one directory, the planes one behind the other."""
    stack = RNG.integers(0, 256, (6, 16, 16), dtype=np.uint8)
    handle = io.BytesIO()
    text = "ImageJ=1.53\nimages=6\nslices=6\n"
    with tifffile.TiffWriter(handle) as writer:
        writer.write(stack[0], description=text, metadata=None)
    data = handle.getvalue()
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        assert tif.pages.first.dataoffsets[0] + 256 == len(data)
    data += stack[1:].tobytes()
    header = probe_image(data)
    assert (header.pages, header.shortfall) == (6, "")
    for number, page in enumerate(stack):
        assert np.array_equal(read_image(data, page=number).pixels[..., 0], page)


@pytest.mark.parametrize("kind", ["imagej", "ome", "shaped"])
@pytest.mark.parametrize("page", [1, 2])
def test_a_page_of_other_samples_than_its_series_is_refused_in_its_place(
    tmp_path: Path, kind: str, page: int
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([PLANE.astype(np.uint16)] * 3), **STACKS[kind])
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages.useframes = False
        found = tif.pages[page]
        if not isinstance(found, tifffile.TiffPage):
            pytest.skip("this kind keeps one directory for all pages")
        found.tags["BitsPerSample"].overwrite(8)
    source = open_source(path)
    if kind == "ome":  # whose pages are read one by one then
        assert source.read(page).pixels.dtype == source.header(page).depth
    else:
        with pytest.raises(ImageError, match=r"samples are .*, those of the series .* uint16"):
            source.read(page)
    for index in {0, 1, 2} - {page}:
        pixels = source.read(index).pixels
        assert pixels.dtype == source.header(index).depth
        assert np.array_equal(pixels[..., 0], PLANE)


SIGNED = {"b": 6, "h": 8, "i": 9, "q": 17}


def with_negative(data: bytes, at: int, tag: int, code: str, big: bool) -> bytes:
    """The same file with a negative number as the value of a tag of the directory at this place."""
    altered = bytearray(data)
    number, entry = ("<Q", 20) if big else ("<H", 12)
    (count,) = struct.unpack_from(number, data, at)
    for place in range(at + struct.calcsize(number), at + count * entry, entry):
        if struct.unpack_from("<H", data, place)[0] == tag:
            struct.pack_into("<HH", altered, place, tag, SIGNED[code])
            size, room = struct.calcsize(code), 8 if big else 4
            value, where = struct.pack("<" + code, -1), place + entry - room
            if size > room:  # it stands elsewhere
                struct.pack_into("<I", altered, where, len(altered))
                altered += value
            else:
                altered[where : where + room] = value.ljust(room, b"\0")
            return bytes(altered)
    raise AssertionError(tag)


@pytest.mark.parametrize("code", SIGNED)
@pytest.mark.parametrize("tag", [256, 257, 277])
@pytest.mark.parametrize("place", ["first", "second", "below"])
@pytest.mark.parametrize("big", [False, True])
def test_a_picture_of_negative_size_is_refused(code: str, tag: int, place: str, big: bool) -> None:
    """tifffile counts the pages of a described stack by that size, and never ends."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=big, byteorder="<") as writer:
        for _ in range(2):
            writer.write(np.zeros((20, 24), np.uint8), subifds=1)
            writer.write(np.zeros((10, 12), np.uint8), subfiletype=1)
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as read:
        pages = {"first": read.pages[0], "second": read.pages[1], "below": read.pages[0].pages[0]}
        at = pages[place].offset
    assert read_image(file.getvalue()).pixels.shape == (20, 24, 1)
    altered = with_negative(file.getvalue(), at, tag, code, big)
    with pytest.raises(ImageError, match="a picture in it has a negative size"):
        read_image(altered)
