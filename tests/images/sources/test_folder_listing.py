import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.images.sources.base import Skipped
from convae.images.sources.folder_listing import glob_match, list_images, natural_key

PNG = b"\x89PNG\r\n\x1a\n rest"


def touch(path: Path, data: bytes = PNG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_natural_order(tmp_path: Path) -> None:
    for name in ("img10.png", "img2.png", "b/x.png", "Img1.png", "b10/x.png", "b9/x.png"):
        touch(tmp_path / name)
    found = list_images(tmp_path)
    assert found.names == ["Img1.png", "img2.png", "img10.png", "b/x.png", "b9/x.png", "b10/x.png"]


@given(st.lists(st.integers(0, 10**30)))
def test_numbers_sort_as_numbers(numbers: list[int]) -> None:
    names = sorted((f"a{n}b" for n in numbers), key=natural_key)
    assert names == [f"a{n}b" for n in sorted(numbers)]


@given(st.text(), st.text())
def test_different_names_have_different_keys(one: Any, other: Any) -> None:
    assert (natural_key(one) == natural_key(other)) == (one == other)


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    for name in (".a.png", ".git/b.png", "__MACOSX/c.png", "d.png"):
        touch(tmp_path / name)
    found = list_images(tmp_path)
    assert (found.names, found.skipped, found.notes()) == (["d.png"], [], [])


def test_companion_files_get_one_note(tmp_path: Path) -> None:
    for name in ("a.png", "a.txt", "b.txt", "labels.CSV", "Thumbs.db", "README"):
        touch(tmp_path / name)
    found = list_images(tmp_path)
    assert (found.names, found.skipped) == (["a.png"], [])
    assert found.notes()[0].startswith("skipped 5 files that are not images: .txt 2,")
    assert len(found.notes()) == 1


def test_files_without_a_telling_name_are_judged_by_their_first_bytes(tmp_path: Path) -> None:
    touch(tmp_path / "image")
    touch(tmp_path / "empty.xyz", b"")
    touch(tmp_path / "random.xyz", b"\x01\x02\x03\x04\x05\xff")
    touch(tmp_path / "stack.npy", b"\x93NUMPY")
    found = list_images(tmp_path)
    assert found.names == ["image"]
    reasons = {item.name: item.reason for item in found.skipped}
    assert reasons["empty.xyz"] == "empty file"
    assert reasons["random.xyz"] == "not an image of a known kind"
    assert "give it by itself" in reasons["stack.npy"]


def test_each_folder_is_visited_once_whatever_links_lead_to_it(tmp_path: Path) -> None:
    touch(tmp_path / "z" / "x.png")
    (tmp_path / "z" / "up").symlink_to(tmp_path)
    (tmp_path / "a").symlink_to(tmp_path / "z")
    found = list_images(tmp_path)
    assert found.names == ["z/x.png"]


def test_links_to_listed_files_are_left_out_and_others_kept_once(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    touch(inside / "real.png")
    touch(outside / "far.png")
    (inside / "a_link.png").symlink_to(inside / "real.png")
    (inside / "far1.png").symlink_to(outside / "far.png")
    (inside / "far2.png").symlink_to(outside / "far.png")
    os.link(inside / "real.png", inside / "same_by_hard_link.png")
    found = list_images(inside)
    assert found.names == ["far1.png", "real.png", "same_by_hard_link.png"]
    assert found.notes() == ["2 images that are listed already (by links, or twice) were left out"]


def test_what_is_no_file_is_reported(tmp_path: Path) -> None:
    touch(tmp_path / "good.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "null.png").symlink_to("/dev/null")
    reasons = {item.name: item.reason for item in list_images(tmp_path).skipped}
    assert reasons["pipe.png"] == "a named pipe, not a file"
    assert reasons["null.png"] == "a device, not a file"
    assert reasons["dangling.png"].startswith("a link that leads nowhere")
    assert reasons["loop.png"].startswith("a link that leads nowhere")


def test_a_folder_that_cannot_be_listed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "a.png")
    touch(tmp_path / "closed" / "b.png")
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if str(path).rstrip("/").endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = list_images(tmp_path)
    assert found.names == ["a.png"]
    assert found.skipped == [Skipped("closed/", "cannot be listed: Permission denied")]


def test_names_that_are_not_utf8_are_kept(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff\xfe.png", "wb") as file:
        file.write(PNG)
    assert list_images(tmp_path).names == ["\udcff\udcfe.png"]


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("a/b/c.png", "**/*.png", True),
        ("c.png", "**/*.png", True),
        ("a/c.png", "*.png", False),
        ("a/b/c.png", "a/**", True),
        ("a/b/c.png", "**/b/**/c.png", True),
        ("a/c.png", "[ab]/?.png", True),
    ],
)
def test_glob_patterns(name: Any, pattern: Any, expected: Any) -> None:
    assert glob_match(name.split("/"), pattern.split("/")) is expected
