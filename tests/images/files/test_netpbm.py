"""PBM, PGM and PPM as programs write them: line ends, comments, maxima, several pictures in one file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convae.errors import ImageError
from convae.images.files.image import ReadLimits
from convae.images.files.netpbm import NetpbmFile
from convae.images.files.reading import probe_image, read_image
from convae.images.files.writing import write_image

Array = np.ndarray[Any, Any]
MAGIC = {
    ("bool", 1): b"P4",
    ("uint8", 1): b"P5",
    ("uint16", 1): b"P5",
    ("uint8", 3): b"P6",
    ("uint16", 3): b"P6",
}


def samples(pixels: Array) -> bytes:
    if pixels.dtype == np.bool_:
        return np.packbits(~pixels[..., 0], axis=1).tobytes()
    return pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()


def picture(pixels: Array, top: int, *, line: bytes = b"\n", late: bytes = b"") -> bytes:
    """A file of one picture: ``line`` ends each line of the header, ``late`` is a comment behind it."""
    height, width, channels = pixels.shape
    head = [MAGIC[str(pixels.dtype), channels], b"# a note", b"%d %d" % (width, height)]
    if pixels.dtype != np.bool_:
        head.append(b"%d" % top)
    return line.join(head) + (late or line) + samples(pixels)


@st.composite
def pictures(draw: Any) -> tuple[Array, int]:
    """Pixels (any values, so those of white space and of comments too) and their maximum."""
    depth, channels = draw(st.sampled_from(sorted(MAGIC)))
    shape = draw(st.integers(1, 9)), draw(st.integers(1, 9)), channels
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if depth == "bool":
        return rng.integers(0, 2, shape).astype(np.bool_), 1
    top = draw(st.integers(1, 255) if depth == "uint8" else st.integers(256, 65535))
    special = draw(st.booleans())
    values = (
        rng.choice([9, 10, 13, 32, 35, 80], shape) if special else rng.integers(0, top + 1, shape)
    )
    return np.minimum(values, top).astype(depth), top


LATE = (b"", b" # behind\n", b"\n# behind\n", b" # behind\r\n", b"# behind\n# twice\n")


@settings(max_examples=100, deadline=None)
@given(case=pictures(), line=st.sampled_from([b"\n", b"\r\n"]), late=st.sampled_from(LATE))
def test_any_end_of_a_header_leaves_every_pixel_in_its_place(
    case: tuple[Array, int], line: bytes, late: bytes
) -> None:
    pixels, top = case
    image = read_image(picture(pixels, top, line=line, late=late))
    np.testing.assert_array_equal(image.original, pixels)
    assert image.info.top == (
        None if top in (1, 255, 65535) and pixels.dtype == np.bool_ else known(top)
    )


def known(top: int) -> float | None:
    return None if top in (255, 65535) else float(top)


@settings(max_examples=60, deadline=None)
@given(
    cases=st.lists(pictures(), min_size=1, max_size=5),
    line=st.sampled_from([b"\n", b"\r\n"]),
    between=st.sampled_from([b"", b"\n"]),
)
def test_all_pictures_of_a_file_are_read(
    cases: list[tuple[Array, int]], line: bytes, between: bytes
) -> None:
    data = between.join(picture(pixels, top, line=line) for pixels, top in cases)
    assert probe_image(data).pages == len(cases)
    for page, (pixels, _) in enumerate(cases):
        np.testing.assert_array_equal(read_image(data, page=page).original, pixels)


GREY = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)


def test_a_damaged_picture_keeps_its_place() -> None:
    whole = picture(GREY, 255)
    cut = whole * 2 + whole[:-5]
    assert probe_image(cut).pages == 3
    with pytest.raises(ImageError, match="truncated"):
        read_image(cut, page=2)
    headless = whole * 2 + b"P5\n4 "
    assert probe_image(headless).pages == 3
    with pytest.raises(ImageError, match="the header ends too early"):
        read_image(headless, page=2)
    np.testing.assert_array_equal(read_image(headless, page=1).pixels, GREY)


def test_trailing_bytes_are_no_picture() -> None:
    data = picture(GREY, 255) + b"\n-- \nfrom a mail"
    assert probe_image(data).pages == 1
    np.testing.assert_array_equal(read_image(data).pixels, GREY)


def test_a_long_comment_is_passed_over() -> None:
    data = b"P5\n#" + b"x" * 9000 + b"\n4 3\n255\n" + GREY.tobytes()
    np.testing.assert_array_equal(read_image(data).pixels, GREY)
    for length in range(4070, 4096):  # the header crosses the end of what is read at first
        data = b"P5\n#" + b"x" * length + b"\n4 3\n255\n" + GREY.tobytes()
        np.testing.assert_array_equal(read_image(data).pixels, GREY)


def test_more_pictures_than_the_limit_are_refused_without_counting_them() -> None:
    data = picture(GREY[:1, :1], 255) * 20
    with pytest.raises(ImageError, match="more than the limit of 5"):
        probe_image(data, limits=ReadLimits(max_pages=5))


def test_a_file_that_changes_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    for count in (3, 2):
        path.write_bytes(picture(GREY, 255) * count)
        with open(path, "rb") as handle:
            assert NetpbmFile(handle).pages == count


@pytest.mark.parametrize(
    ("top", "known"), [(255, None), (65535, None), (100, 100.0), (1023, 1023.0), (4095, 4095.0)]
)
def test_the_maximum_is_a_fact(top: int, known: float | None) -> None:
    pixels = np.zeros((2, 2, 1), np.uint8 if top < 256 else np.uint16)
    assert read_image(picture(pixels, top)).info.top == known
    plain = b"P2\n2 2\n%d\n0 0 0 0\n" % top
    assert read_image(plain).info.top == known


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=pictures())
def test_the_maximum_comes_back_and_no_value_is_above_it(
    tmp_path: Path, case: tuple[Array, int]
) -> None:
    pixels, top = case
    image = read_image(picture(pixels, top))
    path = write_image(tmp_path / "same", image.pixels, like=image.info)
    again = read_image(path)
    assert (again.info.format, again.info.top) == (image.info.format, image.info.top)
    np.testing.assert_array_equal(again.original, pixels)
    brighter = write_image(tmp_path / "brighter", np.full_like(image.pixels, 255), like=image.info)
    assert int(read_image(brighter).original.max()) == (min(255, top) if top > 1 else 1)
