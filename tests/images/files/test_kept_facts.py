"""Facts of a file that another kind of file cannot hold are named, all others are not."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from convae.images.files.image import ImageInfo
from convae.images.files.kept_facts import chunks_for, exif_for, what_is_lost
from convae.images.files.metadata import Description, Opacity, Resolution, Tags, TiffTag

GREY, SHAPE = (6, 5, 1), (6, 5, 3)
TAGS = Tags(
    size=(6, 5),
    channels=3,
    profile=b"profile",
    exif=b"exif",
    chunks=(("gAMA", b"1234"),),
    geo=(TiffTag(code=33550, dtype=12, count=3, value=(1.0, 1.0, 0.0)),),
)
EVERYTHING = ImageInfo(
    name="x",
    opacity=Opacity(kind="straight", opaque=255.0),
    top=1023.0,
    nodata=-9999.0,
    resolution=Resolution(x=Fraction(300), y=Fraction(300), unit="inch", size=(6, 5)),
    description=Description(text=b"", shape=SHAPE, depth="uint8", images=1, apart=False),
    tags=TAGS,
)
NOT_IN_PNG = ("maximum of 1023", "georeference", "nodata value", "opacity", "axes and units")


@pytest.mark.parametrize(
    ("kind", "lost"),
    [
        ("TIFF", ("colour chunks of PNG", "opacity")),
        ("PNG", NOT_IN_PNG),
        ("JPEG", ("colour chunks of PNG", *NOT_IN_PNG)),
        ("WEBP", ("colour chunks of PNG", *NOT_IN_PNG[:4], "resolution", "axes and units")),
        (
            "PPM",
            (
                "colour profile",
                "colour chunks of PNG",
                "EXIF",
                *NOT_IN_PNG[1:4],
                "resolution",
                "axes and units",
            ),
        ),
    ],
)
def test_each_kind_names_what_it_cannot_hold(kind: str, lost: tuple[str, ...]) -> None:
    assert what_is_lost(EVERYTHING, kind, SHAPE) == lost


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "BMP", "TGA", "PGM"])
def test_opacity_is_lost_with_its_channel_and_a_transparent_colour_always(kind: str) -> None:
    info = ImageInfo(name="x", opacity=EVERYTHING.opacity)
    assert what_is_lost(info, kind, (6, 5, 3)) == ("opacity",)
    assert what_is_lost(info, kind, (6, 5, 4)) == ()
    assert what_is_lost(ImageInfo(name="x", clear_colour=True), kind, SHAPE) == (
        "transparent colour",
    )


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "BMP", "TGA", "PGM"])
def test_a_file_without_facts_loses_nothing(kind: str) -> None:
    assert what_is_lost(ImageInfo(name="x"), kind, GREY) == ()


@pytest.mark.parametrize(
    ("read", "written", "lost"),
    [(3, 4, False), (1, 2, False), (3, 1, True), (1, 3, True), (5, 5, False)],
)
def test_a_profile_belongs_to_grey_or_to_colour(read: int, written: int, lost: bool) -> None:
    info = ImageInfo(name="x", tags=Tags(size=(6, 5), channels=read, profile=b"p"))
    assert ("colour profile" in what_is_lost(info, "PNG", (6, 5, written))) is lost


def test_a_georeference_is_true_of_one_size() -> None:
    info = ImageInfo(name="x", tags=replace(TAGS, profile=None, exif=None, chunks=()))
    assert what_is_lost(info, "TIFF", (6, 5, 1)) == ()
    assert what_is_lost(info, "TIFF", (3, 5, 1)) == ("georeference",)


def test_exif_beyond_a_segment_is_not_for_jpeg() -> None:
    info = ImageInfo(name="x", tags=Tags(size=(6, 5), channels=3, exif=bytes(65_528)))
    assert exif_for(info, "JPEG") is None
    assert exif_for(info, "PNG") == bytes(65_528)


@pytest.mark.parametrize(
    ("body", "channels", "kept"),
    [(b"\5", 1, b"\5"), (b"\5\6\5", 3, b"\5\6\5"), (b"\5\6\5", 4, b"\5\6\5\x08"), (b"\5", 3, None)],
)
def test_significant_bits_are_as_many_as_channels(body: bytes, channels: int, kept: Any) -> None:
    tags = Tags(size=(6, 5), channels=channels, chunks=(("sBIT", body),))
    assert dict(chunks_for(tags, channels)).get("sBIT") == kept


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("CMYK converted to RGB", ("CMYK colours",)),
        ("L*a*b* converted to RGB", ("L*a*b* colours",)),
        ("YCbCr converted to RGB", ("YCbCr colours",)),
        ("palette expanded to RGBA", ("palette",)),
        ("palette expanded to grey", ("palette",)),
        ("white-is-zero inverted", ()),  # the writer undoes it
        ("turned upright", ()),
    ],
)
def test_colours_that_were_converted_are_lost(text: str, lost: tuple[str, ...]) -> None:
    like = ImageInfo(name="x", format="TIFF", conversions=(text,))
    assert what_is_lost(like, "TIFF", (4, 4, 3)) == lost
