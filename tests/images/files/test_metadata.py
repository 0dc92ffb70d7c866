"""Pixels per inch go from kind to kind of file; what cannot be a resolution is none."""

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from convae.images.files.image import ImageInfo
from convae.images.files.metadata import resolution
from convae.images.files.reading import read_image
from convae.images.files.writing import write_image


def dots_of(path: Path) -> Any:
    with PillowImage.open(path) as image:
        dots = image.info.get("dpi")
    return None if dots is None else tuple(float(number) for number in dots)


SOURCES, TARGETS = ("png", "tif", "jpg", "bmp"), ("PNG", "TIFF", "JPEG", "BMP")
CASES = [
    *itertools.product(SOURCES, TARGETS, ["uint8"]),
    *itertools.product(SOURCES[:2], TARGETS[:2], ["uint16"]),
]


@pytest.mark.parametrize(("source", "target", "depth"), CASES)
def test_resolution_goes_from_any_kind_to_any(
    tmp_path: Path, source: str, target: str, depth: str
) -> None:
    pixels = np.zeros((6, 5), depth)
    PillowImage.fromarray(pixels).save(tmp_path / f"a.{source}", dpi=(300, 150))
    info = read_image(tmp_path / f"a.{source}").info
    back = write_image(tmp_path / "b", pixels, like=info, format=target)
    np.testing.assert_allclose(dots_of(back), (300, 150), rtol=1e-4)


def test_an_equal_file_says_exactly_the_same(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "tif"):
        PillowImage.new("L", (5, 6)).save(tmp_path / f"a.{suffix}", dpi=(72.3, 299))
        image = read_image(tmp_path / f"a.{suffix}")
        back = write_image(tmp_path / f"b.{suffix}", image.pixels, like=image.info)
        assert dots_of(back) == dots_of(tmp_path / f"a.{suffix}")


def test_colour_of_16_bits_says_it_too(tmp_path: Path) -> None:
    told = resolution(10_000, 10_000, "cm", (4, 4))
    info = ImageInfo(name="a", format="PNG", depth="uint16", mode="RGB", resolution=told)
    back = write_image(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint16), like=info)
    assert dots_of(back) == pytest.approx((25_400, 25_400))
    again = read_image(back).info.resolution
    assert again is not None
    assert (float(again.x), float(again.y), again.unit) == (25_400, 25_400, "inch")


def test_no_resolution_without_unit_or_beyond_what_a_kind_holds_or_of_another_size(
    tmp_path: Path,
) -> None:
    pixels = np.zeros((4, 4, 1), np.uint8)
    for told in (
        resolution(10, 10, "", (4, 4)),
        resolution(10**6, 10**6, "inch", (4, 4)),
        resolution((1, 1000), (1, 1000), "cm", (4, 4)),
        resolution(300, 300, "inch", (4, 5)),
        None,
    ):
        info = ImageInfo(name="a", format="PNG", resolution=told)
        assert dots_of(write_image(tmp_path / "a.png", pixels, like=info)) is None


def test_an_image_on_its_side_swaps_across_and_down(tmp_path: Path) -> None:
    exif = PillowImage.Exif()
    exif[274] = 6
    PillowImage.new("L", (5, 6)).save(tmp_path / "a.jpg", dpi=(300, 100), exif=exif)
    told = read_image(tmp_path / "a.jpg").info.resolution
    assert told is not None
    assert (float(told.x), float(told.y), told.size) == (100, 300, (5, 6))


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        float("nan"),
        float("inf"),
        (1, 0),
        (0, 1),
        (2**32, 1),
        (1, 2**32),
        None,
        "a",
        (1, 2, 3),
    ],
)
def test_what_cannot_be_a_resolution_is_none(value: Any) -> None:
    assert resolution(value, 300, "inch", (4, 4)) is None
    assert resolution(300, value, "inch", (4, 4)) is None


def test_numbers_stay_exact() -> None:
    told = resolution((1_207_959_552, 16_777_216), 0.1, "cm", (4, 4))
    assert told is not None
    assert (told.x, told.y) == (Fraction(72), Fraction(1, 10))
    assert told.per_inch() == (72 * 2.54, 0.254)
