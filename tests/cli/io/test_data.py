"""DATA on the command line: what is named twice is read once."""

import os
from pathlib import Path

import numpy as np
from tests.cli.conftest import fill

from convae.cli.io.data import Data


def test_a_file_or_folder_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", np.zeros((3, 4, 5, 1), np.uint8))
    one, link = str(folder / "0.png"), str(tmp_path / "link.png")
    os.symlink(one, link)
    for given in ((one, one), (one, link), (one, str(folder / "." / "0.png"))):
        source = Data(given=given).open()
        assert len(source) == 1
        assert source.notes[0] == f"given twice and taken once: {given[1]}"
    both = Data(given=(str(folder), f"{folder}/")).open()
    assert len(both) == 3
    assert both.notes[0].startswith("given twice and taken once: ")


def test_different_files_are_all_read(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", np.zeros((3, 4, 5, 1), np.uint8))
    source = Data(given=tuple(str(folder / f"{i}.png") for i in range(3))).open()
    assert len(source) == 3
    assert not any("twice" in note for note in source.notes)
