"""Normal or a kind of defect, by folders and labels; the layout of a test set."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.images.files.writing import write_image
from convae.images.sources.defect_labels import (
    kind_by_folder,
    kind_of_label,
    kinds_in_order,
    layout_of,
    without_normal,
)
from convae.images.sources.open_source import open_source

WORDS = ["good", "Good", "NORMAL", "ok", "free", "MT_Free", "defect-free", "ok_2"]
KIND = st.sampled_from(["broken", "scratch large", "bad", "not_good", "combined", "goods", "nok"])
SPLIT = st.lists(st.sampled_from(["test", "train", "Test"]), max_size=2)
FILE = st.sampled_from(["0.png", "good.png", "000_mask.tif[3]", "train.jpg"])


@given(SPLIT, st.sampled_from(WORDS), FILE)
def test_a_normal_folder_is_normal_in_any_split(split: list[str], word: str, file: str) -> None:
    assert kind_by_folder("/".join([*split, word, file])) == ""
    assert kind_by_folder("/".join([word, "camera 1", file])) == ""


@given(SPLIT, st.lists(KIND, min_size=1, max_size=2), FILE)
def test_any_other_folder_is_a_kind(split: list[str], kinds: list[str], file: str) -> None:
    assert kind_by_folder("/".join([*split, *kinds, file])) == "/".join(kinds)


@given(SPLIT, FILE)
def test_without_a_folder_there_is_no_label(split: list[str], file: str) -> None:
    assert kind_by_folder("/".join([*split, file])) is None


@pytest.mark.parametrize(
    ("label", "kind"),
    [("good", ""), (" OK ", ""), ("0", ""), ("0.0", ""), ("1", "1"), ("crack", "crack")],
)
def test_labels_of_a_table(label: str, kind: str) -> None:
    assert kind_of_label(label) == kind


def test_kinds_are_listed_once_and_without_normal() -> None:
    assert kinds_in_order(["b", "", "a", "b"]) == ["a", "b"]


def test_the_layout_of_mvtec_is_found_from_both_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("test", "train", "ground_truth"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    (tmp_path / "plain" / "test").mkdir(parents=True)
    assert layout_of(tmp_path / "set").masks is None  # there is no file in it
    (tmp_path / "set" / "ground_truth" / "bar").mkdir()
    (tmp_path / "set" / "ground_truth" / "bar" / "0_mask.png").touch()
    images, masks = tmp_path / "set" / "test", tmp_path / "set" / "ground_truth"
    for given_folder in (tmp_path / "set", images):
        found = layout_of(given_folder)
        assert (found.images, found.masks) == (images, masks)
    assert layout_of(tmp_path / "set" / "train").masks is None
    plain = layout_of(tmp_path / "plain")
    assert (plain.images, plain.masks) == (tmp_path / "plain", None)
    monkeypatch.chdir(images)
    assert layout_of(Path(".")).masks == masks


def test_normal_images_and_masks_are_left_out_of_defects(tmp_path: Path) -> None:
    names = (
        "good/1.png",
        "a/1.png",
        "a/1_mask.png",
        "a/2.tif",
        "a/2-Mask.png",
        "b/3_mask.png",
        "4.png",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_image(tmp_path / name, np.zeros((4, 4, 1), np.uint8))
    kept, said = without_normal(open_source(tmp_path))
    assert sorted(kept.names) == ["4.png", "a/1.png", "a/2.tif", "b/3_mask.png"]
    assert said == [
        "2 left out: masks by their name, such as a/1_mask.png",
        "1 left out: normal images by their folder, such as good/1.png",
    ]
    same, nothing = without_normal(kept)
    assert same is kept
    assert nothing == []


def test_images_of_an_array_are_all_taken() -> None:
    source = open_source(np.zeros((3, 4, 4), np.uint8))
    assert without_normal(source) == (source, [])
