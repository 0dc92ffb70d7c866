"""Names of written files: relative, never too long, and different where their images' names are."""

import os
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from convae.images.sources.naming import LONGEST, below, mask_name, with_added_suffix

# Names that a file system can hold: up to 255 bytes, of any script.
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=300
).filter(lambda name: name not in (".", "..") and len(os.fsencode(name)) <= LONGEST)


@given(NAMES, st.sampled_from((".png", ".tif", ".jpg.png")))
def test_a_suffix_never_makes_a_name_too_long(name: str, suffix: str) -> None:
    made = with_added_suffix(f"folder/{name}", suffix)
    path = PurePosixPath(made)
    assert path.parent == PurePosixPath("folder")
    assert path.name.endswith(suffix)
    assert len(os.fsencode(path.name)) <= LONGEST
    if len(os.fsencode(name + suffix)) <= LONGEST:
        assert made == f"folder/{name}{suffix}"


@given(st.integers(1, 60), st.sampled_from("nä漢"))
def test_long_names_that_differ_at_their_end_stay_different(length: int, letter: str) -> None:
    start = letter * ((LONGEST - length) // len(letter.encode()))
    names = [f"{start}{end}" for end in ("a", "b", "c")]
    assert len({mask_name(name) for name in names}) == 3


def test_a_mask_stays_in_the_folder_of_results() -> None:
    assert mask_name("../../etc/passwd") == "etc/passwd.png"
    assert below("/") == "image"
