"""A microscope's stack comes back with its axes, spacing and pixel size; never with a wrong promise."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from convae.images.files.image import Image, ImageInfo
from convae.images.files.reading import probe_image, read_image
from convae.images.files.writing import write_image, write_stack
from convae.images.sources.open_source import open_source

SHAPES = {"YX": (12, 10), "ZYX": (5, 12, 10), "TYX": (5, 12, 10), "CYX": (3, 12, 10)}
SHAPES |= {"ZCYX": (4, 2, 12, 10), "TZCYX": (2, 3, 2, 12, 10)}
OPTIONS: dict[str, dict[str, Any]] = {
    "imagej": {"imagej": True, "resolution": (9.5, 5), "resolutionunit": "NONE"},
    "ome": {"ome": True, "resolution": (1e4 / 0.3, 1e4 / 0.3), "resolutionunit": "CENTIMETER"},
    "shaped": {"photometric": "minisblack", "resolution": (300, 300), "resolutionunit": "INCH"},
}
FACTS: dict[str, dict[str, Any]] = {
    "imagej": {"spacing": 0.35, "unit": "um", "finterval": 0.12, "min": 3.0, "max": 6e4},
    "ome": {"PhysicalSizeX": 0.3, "PhysicalSizeXUnit": "µm", "TimeIncrement": 0.12},
    "shaped": {"fps": 8},
}


def write(path: Path, kind: str, axes: str, dtype: str = "uint16") -> Path:
    """A file that tifffile describes."""
    pixels = np.random.default_rng(0).integers(0, 200, SHAPES[axes]).astype(dtype)
    tifffile.imwrite(path, pixels, metadata={"axes": axes, **FACTS[kind]}, **OPTIONS[kind])
    return path


def images_of(path: Path) -> list[Image]:
    source = open_source(path)
    return [source.read(index) for index in range(len(source))]


def told(path: Path) -> dict[str, Any]:
    """What tifffile makes of a file."""
    with tifffile.TiffFile(path) as tif:
        (series,), page = tif.series, tif.pages.first
        facts = {"kind": series.kind, "axes": series.axes, "dtype": series.dtype}
        facts["resolution"] = (page.resolution, page.resolutionunit)
        facts["imagej"] = tif.imagej_metadata
        if tif.is_ome:
            xml = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
            facts["pixels"] = {name: xml[name] for name in xml if name.startswith(("Phys", "Time"))}
        if tif.shaped_metadata:
            facts["shaped"] = dict(tif.shaped_metadata[0])
    return facts


@pytest.mark.parametrize("axes", SHAPES)
@pytest.mark.parametrize("kind", OPTIONS)
def test_axes_spacing_and_resolution_come_back(tmp_path: Path, kind: str, axes: str) -> None:
    path = write(tmp_path / f"a.{kind}.tif", kind, axes)
    images = images_of(path)
    like = images[0].info
    back = write_stack(tmp_path / f"b.{kind}.tif", [image.pixels for image in images], like=like)
    assert told(back) == told(path)
    assert told(back)["kind"] == kind
    np.testing.assert_array_equal(tifffile.imread(back), tifffile.imread(path))
    if len(images) == 1:
        single = write_image(tmp_path / "c.tif", images[0].pixels, like=like)
        assert told(single) == told(path)


@pytest.mark.parametrize("kind", ["ome", "shaped"])
def test_channels_that_were_not_innermost_become_so_and_are_told_so(
    tmp_path: Path, kind: str
) -> None:
    stack = np.random.default_rng(0).integers(0, 9, (3, 4, 6, 5), dtype=np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, metadata={"axes": "CZYX"}, **OPTIONS[kind])
    images = images_of(path)
    back = write_stack(tmp_path / "b.tif", [i.pixels for i in images], like=images[0].info)
    assert told(back)["axes"] == "ZCYX"
    np.testing.assert_array_equal(tifffile.imread(back), stack.swapaxes(0, 1))


def test_a_colour_stack_keeps_its_axes(tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (4, 6, 5, 3), dtype=np.uint8)
    for number, options in enumerate(({"imagej": True}, {"ome": True}, {})):
        path = tmp_path / f"{number}.tif"
        meta = {"axes": "ZYXS"}
        tifffile.imwrite(path, stack, photometric="rgb", metadata=meta, **options)
        images = images_of(path)
        back = write_stack(tmp_path / "b.tif", [i.pixels for i in images], like=images[0].info)
        assert told(back) == told(path)
        np.testing.assert_array_equal(tifffile.imread(back), stack)


@pytest.mark.parametrize("options", [{}, {"truncate": True}, {"compression": "zlib"}])
def test_one_directory_for_all_pages_becomes_one_for_each(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    stack = np.arange(4 * 6 * 5, dtype=np.uint16).reshape(4, 6, 5)
    path, meta = tmp_path / "a.tif", {"axes": "ZYX"}
    tifffile.imwrite(path, stack, photometric="minisblack", metadata=meta, **options)
    images = images_of(path)
    back = write_stack(tmp_path / "b.tif", [i.pixels for i in images], like=images[0].info)
    assert told(back)["axes"] == "ZYX"
    np.testing.assert_array_equal(tifffile.imread(back), stack)
    assert [page.pixels.shape for page in images_of(back)] == [(6, 5, 1)] * 4


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("axes", ["TYX", "TZCYX"])
def test_a_part_of_a_stack_promises_no_pages(
    tmp_path: Path, kind: str, axes: str, known: bool
) -> None:
    images = images_of(write(tmp_path / "a.tif", kind, axes))
    left = [image.pixels for image in images[:-1]]
    pages = left if known else iter(left)
    back = write_stack(tmp_path / "b.tif", pages, like=images[0].info)
    facts = told(back)
    assert facts["imagej"] is None
    assert "pixels" not in facts
    assert facts["resolution"] == told(tmp_path / "a.tif")["resolution"]
    again = images_of(back)
    assert len(again) == len(left)
    for page, pixels in zip(again, left, strict=True):
        np.testing.assert_array_equal(page.pixels, pixels)


def test_what_speaks_of_other_images_is_left_out(tmp_path: Path) -> None:
    images = images_of(write(tmp_path / "a.tif", "imagej", "ZYX"))
    pages, like = [image.pixels for image in images], images[0].info
    resolution = ((9.5, 5.0), 1)

    def written(stack: list[np.ndarray[Any, Any]], like: ImageInfo) -> dict[str, Any]:
        return told(write_stack(tmp_path / "b.tif", iter(stack), like=like))

    assert written(pages, like)["imagej"] is not None
    other_depth = dataclasses.replace(like, depth="uint8")
    colours = [np.repeat(page, 3, axis=2) for page in pages]
    for facts in (
        written(pages, other_depth),
        written(colours, like),
        written([*pages, pages[0]], like),
        written(pages, images[1].info),
        written(pages[:1], like),
    ):
        assert facts["imagej"] is None
        assert facts["resolution"] == resolution
    cropped = written([page[1:] for page in pages], like)
    assert (cropped["imagej"], cropped["resolution"]) == (None, ((1.0, 1.0), 1))
    single = told(write_image(tmp_path / "c.tif", pages[0], like=like))
    assert (single["imagej"], single["resolution"]) == (None, resolution)


def test_pages_of_several_sizes_take_the_description_back(tmp_path: Path) -> None:
    images = images_of(write(tmp_path / "a.tif", "imagej", "ZYX"))
    pages = [image.pixels for image in images]
    pages[2] = pages[2][:5]
    back = write_stack(tmp_path / "b.tif", pages, like=images[0].info)
    heights = sorted(image.pixels.shape[0] for image in images_of(back))
    assert heights == [5, 12, 12, 12, 12]
    with tifffile.TiffFile(back) as tif:
        assert not tif.is_imagej


def test_an_iterator_of_a_known_length_needs_no_big_tiff(tmp_path: Path) -> None:
    pages = np.zeros((3, 4, 4), np.uint8)
    for at_most, big in ((None, True), (3, False), (10**9, True)):
        path = write_stack(tmp_path / "a.tif", iter(pages), at_most=at_most)
        with tifffile.TiffFile(path) as tif:
            assert tif.is_bigtiff == big
    with tifffile.TiffFile(write_stack(tmp_path / "a.tif", pages)) as tif:
        assert not tif.is_bigtiff


def test_of_real_stacks_tifffile_reads_the_same(shared_data: Path, tmp_path: Path) -> None:
    for name in ("stardist_img3d.tif", "stardist_img2d.tif", "cbmi_mito_lowsnr_u16"):
        path = shared_data / "microscopy" / name
        path = sorted(path.iterdir())[0] if path.is_dir() else path
        count = probe_image(path).pages
        pages = (read_image(path, page=page).pixels for page in range(count))
        like = read_image(path).info
        back = write_stack(tmp_path / "b.tif", pages, like=like, at_most=count)
        assert told(back)["axes"] == told(path)["axes"]
        np.testing.assert_array_equal(tifffile.imread(back), tifffile.imread(path))


def test_real_images_keep_their_resolution(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "misc" / "skimage" / "multipage.tif"
    images = images_of(path)
    back = write_stack(tmp_path / "b.tif", [i.pixels for i in images], like=images[0].info)
    assert told(back)["resolution"] == told(path)["resolution"] == ((72.0, 72.0), 2)
