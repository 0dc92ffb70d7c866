"""Names that belong together: exact first, then without suffix, and what leaves a choice is refused."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convae.errors import InputError
from convae.images.files.image import Header, Image, Size
from convae.images.sources.base import ImageSource
from convae.images.sources.matching import match, name_key
from convae.images.sources.open_source import open_source


class Named(ImageSource):
    """A source of names alone."""

    def __init__(self, *names: str) -> None:
        self._names, self.description, self.skipped, self.notes = names, "folder x/", [], []

    def __len__(self) -> int:
        return len(self._names)

    def read(self, index: int, *, for_size: Size | None = None) -> Image:
        raise AssertionError("nothing is read to match names")

    def header(self, index: int) -> Header:
        raise AssertionError("nothing is read to match names")

    def fingerprint(self) -> str:
        return ""


def partners(images: Sequence[str], others: Sequence[str], what: str = "mask") -> list[str | None]:
    found = match(Named(*images), Named(*others), what=what, unmarked=what == "mask")
    return [None if p < 0 else others[p] for p in found.positions]


@pytest.mark.parametrize(
    ("images", "others", "expected"),
    [
        (["0.png"], ["0.bmp", "0.png", "0.tif"], ["0.png"]),  # the exact name, wherever it stands
        (["0.png"], ["0.tif"], ["0.tif"]),
        (["0.png", "0.tif"], ["0.png", "0.tif"], ["0.png", "0.tif"]),
        # 0.png belongs to the image of that name, so it is no choice for the other
        (["0.png", "0.tif"], ["0.png"], ["0.png", None]),
        (["0.tif", "0.png"], ["0.png"], [None, "0.png"]),
        (["0.png", "0.tif"], ["0_mask.tif", "0_mask.png"], ["0_mask.png", "0_mask.tif"]),
        (["0.png"], ["0_mask.png", "0.png"], ["0.png"]),
        (["0.png"], ["0_mask.png", "0.bmp"], ["0_mask.png"]),
        (["a/0.png", "b/0.png"], ["b/0.png", "a/0.bmp"], ["a/0.bmp", "b/0.png"]),
        (["0.png"], ["1.png", "0 Mask.tif"], ["0 Mask.tif"]),
        (["mask.png"], ["mask.bmp"], ["mask.bmp"]),
        (["s.tif[0]", "s.tif[1]"], ["s_mask.tif[1]", "s_mask.tif[0]"], ["s_mask.tif[0]", "s_mask.tif[1]"]),
        (["0.png", "0.png"], ["0.bmp", "0.bmp"], ["0.bmp", "0.bmp"]),  # one file, listed twice
    ],
)  # fmt: skip
def test_the_exact_name_comes_first(
    images: list[str], others: list[str], expected: list[str | None]
) -> None:
    assert partners(images, others) == expected


EITHER = "may each belong to the image"
REFUSED = [
    (["0.png"], ["0.bmp", "0.tif"], f"0.bmp and 0.tif {EITHER} 0.png: keep one of them"),
    (["0.gif"], ["0.a", "0.b", "0.c"], f"0.a, 0.b and 0.c {EITHER}"),
    (["0.gif"], ["0.a", "0.b", "0.c", "0.d"], f"0.a, 0.b and 2 more {EITHER}"),
    (
        ["0.jpg", "0.tif"],
        ["0.png"],
        "0.png may belong to the image 0.jpg or to the image 0.tif: give",
    ),
    (["0.jpg"], ["1.png"], "none of its names is that of an image in folder x/"),
]
REFUSED_MASKS = [
    (["0.png"], ["0.bmp", "0_mask.tif"], f"0.bmp and 0_mask.tif {EITHER}"),
    (["0.png"], ["0_mask.png", "0-mask.png"], f"0_mask.png and 0-mask.png {EITHER}"),
]


@pytest.mark.parametrize(
    ("what", "images", "others", "said"),
    [(what, *case) for what in ("mask", "target") for case in REFUSED]
    + [("mask", *case) for case in REFUSED_MASKS],
)
def test_a_choice_is_refused_and_both_are_named(
    what: str, images: list[str], others: list[str], said: str
) -> None:
    with pytest.raises(InputError) as raised:
        partners(images, others, what)
    assert said in str(raised.value)
    assert str(raised.value).startswith(f"{what} folder x/: ")


def test_what_the_exact_name_displaces_is_known() -> None:
    found = match(Named("0.png", "1.png"), Named("0.bmp", "0.png", "1.png", "z.png"), what="mask")
    assert found.passed_over == [("0.bmp", "0.png")]


def test_a_marked_name_goes_before_another_suffix() -> None:
    found = match(Named("a.png"), Named("a.bmp", "a_mask.png"), what="mask", unmarked=True)
    assert found.passed_over == [("a.bmp", "a_mask.png")]


def test_arrays_of_any_name_are_matched_by_number(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5, 6), np.uint8)
    np.save(tmp_path / "noisy.npy", pixels)
    np.savez(tmp_path / "clean.npz", x=pixels[:3])
    images = open_source(tmp_path / "noisy.npy").select([3, 2, 0])
    found = match(images, open_source(tmp_path / "clean.npz"), what="target")
    assert found.positions.tolist() == [-1, 2, 0]


STEMS, SUFFIXES = ["a", "b", "c/a", "a_mask", "a.b"], [".png", ".tif", ".bmp", ""]
NAMES = st.lists(
    st.builds("".join, st.tuples(st.sampled_from(STEMS), st.sampled_from(SUFFIXES))),
    min_size=1,
    max_size=8,
    unique=True,
)


def candidates(name: str, others: Sequence[str], taken: set[str]) -> Iterator[str]:
    for other in others:
        if other not in taken and name_key(other) == name_key(name):
            yield other


@given(NAMES, NAMES)
def test_no_image_gets_a_partner_by_chance(images: list[str], others: list[str]) -> None:
    """The right value, spelt out: exact names; then one candidate on either side; else an error."""
    exact = set(images) & set(others)
    left = {i: list(candidates(i, others, exact)) for i in images if i not in exact}
    wanted = [other for found in left.values() for other in found]
    fair = all(len(found) <= 1 for found in left.values()) and len(set(wanted)) == len(wanted)
    assume(exact or wanted)
    if not fair:
        with pytest.raises(InputError, match=r"may each belong|may belong to the image"):
            partners(images, others, "target")
        return
    expected = [i if i in exact else next(iter(left[i]), None) for i in images]
    assert partners(images, others, "target") == expected
