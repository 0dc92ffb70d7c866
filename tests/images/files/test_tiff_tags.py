"""What a file says of its axes is believed where it fits the file, and left out in doubt."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from convae.images.files.image import ImageInfo
from convae.images.files.reading import read_image
from convae.images.files.writing import write_stack

STACK = np.arange(3 * 6 * 5, dtype=np.uint16).reshape(3, 6, 5)
IMAGEJ = (
    "ImageJ=1.53t\nimages=3\nslices=3\nunit=\\u00B5m\nspacing=2.0\nloop=false\nmin=0.0\nmax=9.0\n"
)
PIXELS = (
    'DimensionOrder="XYCZT" Type="uint16" SizeX="5" SizeY="6" SizeZ="3" SizeC="1" SizeT="1" '
    'BigEndian="true" PhysicalSizeX="0.2" PhysicalSizeZ="0.5"'
)
PLANE = '<TiffData FirstC="0" FirstT="0" FirstZ="{0}" IFD="{0}" PlaneCount="1">{1}</TiffData>'
OWN = '<UUID FileName="a.ome.tif">urn:uuid:11</UUID>'


def ome(
    pixels: str = PIXELS, data: str = "", *, root: str = "", head: str = "", tail: str = ""
) -> str:
    planes = data or "".join(PLANE.format(z, "") for z in range(3))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<!-- a comment -->'
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{root}>'
        f'<Image ID="Image:0" Name="a"><Pixels ID="Pixels:0" {pixels}>'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image>{tail}</OME>'
    )


def described(path: Path, text: str | bytes, stack: np.ndarray[Any, Any] = STACK) -> ImageInfo:
    """The info of the first image of a file with this description."""
    raw = text.encode() if isinstance(text, str) else text
    options: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(stack):
            writer.write(page, description=None if number else raw, **options)
    return read_image(path).info


def test_the_text_of_imagej_stays_byte_for_byte(tmp_path: Path) -> None:
    for text in (IMAGEJ.encode(), IMAGEJ.replace("\\u00B5", "µ").encode("latin-1")):
        info = described(tmp_path / "a.tif", text)
        assert info.description is not None
        assert info.description.text == text
        assert (info.description.images, info.description.apart) == (3, False)
        write_stack(tmp_path / "b.tif", STACK, like=info)
        assert text in (tmp_path / "b.tif").read_bytes()


def test_only_the_first_page_has_the_description(tmp_path: Path) -> None:
    described(tmp_path / "a.tif", IMAGEJ)
    assert read_image(tmp_path / "a.tif", page=1).info.description is None


@pytest.mark.parametrize(
    "data",
    [
        "",
        '<TiffData IFD="0" PlaneCount="3"/>',
        "".join(PLANE.format(z, OWN) for z in range(3)),
        "".join(PLANE.format(z, f"\n  {OWN}\n") for z in range(3)),
    ],
    ids=["planes", "one", "own name", "own name, indented"],
)
def test_ome_loses_its_identity_and_keeps_its_scale(tmp_path: Path, data: str) -> None:
    info = described(tmp_path / "a.tif", ome(data=data, root=' UUID="urn:uuid:11"'))
    assert info.description is not None
    text = info.description.text.decode()
    assert text.count("<TiffData") == 1
    assert "UUID" not in text
    assert 'PhysicalSizeX="0.2" PhysicalSizeZ="0.5"' in text
    back = write_stack(tmp_path / "b.tif", STACK, like=info)
    with tifffile.TiffFile(back) as tif:
        assert (tif.series[0].kind, tif.series[0].axes) == ("ome", "ZYX")
    np.testing.assert_array_equal(tifffile.imread(back), STACK)


def test_ome_planes_in_another_order_are_told_in_the_order_they_are_read(tmp_path: Path) -> None:
    data = "".join(
        f'<TiffData FirstZ="{z}" IFD="{ifd}" PlaneCount="1"/>' for ifd, z in enumerate((2, 0, 1))
    )
    path = tmp_path / "a.tif"
    info = described(path, ome(data=data))
    images = [read_image(path, page=page).pixels for page in range(3)]
    np.testing.assert_array_equal(images[2][..., 0], STACK[0])
    back = write_stack(tmp_path / "b.tif", images, like=info)
    np.testing.assert_array_equal(tifffile.imread(back), STACK[[1, 2, 0]])
    np.testing.assert_array_equal(tifffile.imread(path), STACK[[1, 2, 0]])
    assert info.description is not None


@pytest.mark.parametrize(
    "text",
    [
        IMAGEJ.replace("images=3", "images=300000"),
        IMAGEJ.replace("images=3", "images=x"),
        IMAGEJ.replace("images=3", "images=" + "9" * 6000),
        IMAGEJ + "Info=" + "x" * 2**20,
        b"ImageJ=1.53t\nimages=3\0slices=3\n",
        "a picture of a cell",
        "shape=(3, 6, 5)",
        '{"shape": [3, 6',
        '{"shape": "' + "[" * 5000,
        '{"shape": [3, 6, 5], "axes": "ZYX", "a": ' + "[" * 5000 + "]" * 5000 + "}",
        ome(PIXELS.replace("uint16", "uint8")),
        ome(PIXELS.replace('SizeX="5"', 'SizeX="7"')),
        ome(PIXELS.replace("XYCZT", "ZTCYX")),
        ome(data=PLANE.format(0, '<UUID FileName="b.ome.tif">urn:uuid:22</UUID>')),
        ome(tail="<BinaryOnly/>"),
        ome(tail='<Image ID="Image:1"/>'),
        ome(tail='<UUID FileName="b.ome.tif">urn:uuid:22</UUID>'),
        ome(root=" UUID='urn:uuid:11'"),
        ome(head='<!DOCTYPE a [<!ENTITY b "c">]>'),
        ome()[:-20] + "OME>",
        "<" * 100_000 + "OME>",
        ("<TiffData" * 50_000) + "OME>",
    ],
)
def test_a_text_that_does_not_fit_is_left_out_and_the_pixels_are_read(
    tmp_path: Path, text: str | bytes
) -> None:
    info = described(tmp_path / "a.tif", text)
    assert info.description is None
    assert info.depth == "uint16"


def test_a_plane_that_is_promised_but_missing_takes_the_description_back(tmp_path: Path) -> None:
    info = described(tmp_path / "a.tif", ome(PIXELS.replace('SizeZ="3"', 'SizeZ="4"')))
    back = write_stack(tmp_path / "b.tif", iter(STACK), like=info)
    with tifffile.TiffFile(back) as tif:
        assert (tif.is_ome, tif.pages.first.description) == (False, "")
    np.testing.assert_array_equal(tifffile.imread(back), STACK)


def test_what_is_not_written_as_it_was_is_not_described(tmp_path: Path) -> None:
    text = IMAGEJ.encode()
    assert described(tmp_path / "bits.tif", text, STACK > 7).description is None
    with tifffile.TiffWriter(tmp_path / "several.tif") as writer:
        for shape in ((3, 6, 5), (2, 4, 4)):
            zeros = np.zeros(shape, np.uint16)
            writer.write(zeros, photometric="minisblack", metadata={"axes": "ZYX"})
    assert read_image(tmp_path / "several.tif").info.description is None
    planar = {"planarconfig": "separate", "photometric": "rgb", "metadata": {"axes": "SYX"}}
    tifffile.imwrite(tmp_path / "planar.tif", STACK, **planar)
    assert read_image(tmp_path / "planar.tif").info.description is None
    for code, value in ((274, 3), (274, 6)):
        extra = [(code, 3, 1, value, True)]
        tifffile.imwrite(
            tmp_path / "turned.tif", STACK[0], extratags=extra, metadata={"axes": "YX"}
        )
        assert read_image(tmp_path / "turned.tif").info.description is None


def test_an_image_on_its_side_swaps_its_resolution(tmp_path: Path) -> None:
    options: dict[str, Any] = {"resolution": (300, 100), "resolutionunit": "INCH"}
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], extratags=[(274, 3, 1, 6, True)], **options)
    told = read_image(tmp_path / "a.tif").info.resolution
    assert told is not None
    assert (float(told.x), float(told.y), told.size) == (100, 300, (5, 6))


@pytest.mark.parametrize("unit", [0, 4, 77])
def test_an_unknown_unit_is_no_resolution(tmp_path: Path, unit: int) -> None:
    options: dict[str, Any] = {"resolution": (300, 300), "resolutionunit": 2}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], byteorder="<", **options)
    before = struct.pack("<HHIH", 296, 3, 1, 2)
    raw = path.read_bytes()
    assert before in raw
    path.write_bytes(raw.replace(before, struct.pack("<HHIH", 296, 3, 1, unit)))
    assert read_image(path).info.resolution is None


def test_broken_resolutions_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], byteorder="<", resolution=(7, 7), metadata=None)
    raw, good = path.read_bytes(), struct.pack("<II", 7, 1)
    for bad in (struct.pack("<II", 7, 0), struct.pack("<II", 0, 0), struct.pack("<II", 0, 1)):
        path.write_bytes(raw.replace(good, bad))
        assert read_image(path).info.resolution is None
    entry = struct.pack("<HHI", 282, 5, 1)
    assert entry in raw
    for bad in (struct.pack("<HHI", 282, 2, 4), struct.pack("<HHI", 282, 3, 2), b"\0" * 8):
        path.write_bytes(raw.replace(entry, bad))
        assert read_image(path).info.resolution is None
