"""Which kind of answer a request gets."""

import io
import tarfile

import numpy as np
import pytest

from convae.images.files.reading import read_image
from convae.server.failures import RequestError
from convae.server.formats import JSON, NPY, OWN, PNG, TIFF, Names, accepted, image_body, tar_bytes
from convae.serving.outcome import Outcome

ALL = (PNG, TIFF, NPY, JSON)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, OWN),
        ("*/*", OWN),
        ("image/*", OWN),
        ("image/png", PNG),
        ("IMAGE/TIFF", TIFF),
        ("text/html, application/json;q=0.1", JSON),
        ("image/png;q=0.5, application/x-npy;q=0.9", NPY),
        ("image/png;q=0, image/tiff", TIFF),
        ("text/html, */*;q=0.1", OWN),
    ],
)
def test_the_best_accepted_kind_is_taken(header: str | None, expected: str) -> None:
    assert accepted(header, ALL, OWN) == expected


@pytest.mark.parametrize("header", ["text/html", "image/png;q=0", "image/png;q=x", ",", "audio/*"])
def test_what_accepts_nothing_is_refused(header: str) -> None:
    with pytest.raises(RequestError, match="Accept must allow one of image/png") as found:
        accepted(header, ALL, OWN)
    assert found.value.status == 406


def test_pixels_that_png_cannot_hold_are_refused_as_png() -> None:
    outcome = Outcome(facts={}, pixels=np.ones((4, 5, 1), np.float32))
    with pytest.raises(RequestError, match="PNG cannot hold these pixels"):
        image_body(outcome, PNG)
    body = image_body(outcome, OWN)
    assert body.media == "image/tiff"
    np.testing.assert_array_equal(read_image(body.data).pixels, outcome.pixels)


def test_names_in_a_tar_are_relative_and_unique() -> None:
    names = Names()
    found = [
        names.free(name, ".png") for name in ("../../x.png", "x.png", "/x.png", "a.gif", "", "b\\c")
    ]
    assert len(set(found)) == len(found)
    assert not any(name.startswith("/") or ".." in name for name in found)
    data = tar_bytes([(name, b"1") for name in found])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == found
