"""Tables that say something of each image: groups and labels, and names that stand twice in them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convae.cli.io.image_tables import read_by_name, read_groups
from convae.errors import InputError
from convae.filesystem.tables import escape, write_table
from convae.images.sources.open_source import open_source

COLUMNS = {"label": "the columns name and label", "target": "name and target"}


def table(folder: Path, text: str) -> Path:
    (folder / "t.csv").write_text(text)
    return folder / "t.csv"


@pytest.mark.parametrize("column", ["label", "target"])
def test_a_name_with_two_values_is_refused_with_both(tmp_path: Path, column: str) -> None:
    path = table(tmp_path, f"name,{column}\na.png,3\nb.png,1\na.png,4\n")
    with pytest.raises(InputError) as raised:
        read_by_name(path, "--labels", COLUMNS)
    assert f"the {column} of a.png is 3 in line 2 and 4 in line 4: keep one" in str(raised.value)


def test_a_name_with_one_value_may_stand_twice(tmp_path: Path) -> None:
    path = table(tmp_path, "x,name,label\n1,a.png,3\n2,a.png,3\n3,b.png,\n4,b.png, 5 \n")
    assert read_by_name(path, "--labels", COLUMNS) == ("label", {"a.png": "3", "b.png": "5"})


def test_the_columns_that_must_be_there_are_named(tmp_path: Path) -> None:
    path = table(tmp_path, "name,label,target\na.png,3,4\n")
    with pytest.raises(
        InputError, match="must have the columns name and label, or name and target"
    ):
        read_by_name(path, "--labels", COLUMNS)


def test_groups_of_all_images_or_none(tmp_path: Path) -> None:
    source = open_source(np.zeros((3, 4, 4), np.uint8))
    lines = ["name,group", *(f"array[{i}],{'ab'[i // 2]}" for i in range(3))]
    assert read_groups(table(tmp_path, "\n".join(lines)), source) == ["a", "a", "b"]
    for text in ("\n".join(lines[:3]), "\n".join(lines[:3]) + "\narray[2],"):
        with pytest.raises(InputError, match=r"1 of 3 images have no group, such as array\[2\]"):
            read_groups(table(tmp_path, text), source)


def test_names_of_any_bytes_have_their_groups(tmp_path: Path) -> None:
    names = ["=a.png", "cr\r.png", "\udcff.png", "a,b.png", "'=x.png", "\\udcff.png"]
    for name in names:
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    source = open_source(tmp_path)
    wanted = {name: f"-{i}" for i, name in enumerate(names)}
    with write_table(tmp_path / "t.csv", ("name", "group")) as rows:
        for name, group in wanted.items():
            rows.row((name, group))
    assert read_groups(tmp_path / "t.csv", source) == [wanted[name] for name in source.names]
    # A table of one's own may hold them as they are, without our apostrophes.
    kept = source.select([i for i, name in enumerate(source.names) if "udcff" not in escape(name)])
    plain = "name;group\n" + "".join(f'"{name}";{wanted[name]}\n' for name in kept.names)
    (tmp_path / "t.csv").write_text(plain, newline="")
    assert read_groups(tmp_path / "t.csv", kept) == [wanted[name] for name in kept.names]
