"""Drawings: what a notebook shows, what is saved, and that no file is lost."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from convae.errors import InputError, MissingExtraError
from convae.report.drawing import codes_drawing, loss_drawing, panel_drawing
from convae.report.page.contents import CodeMap, Panel

HISTORY: list[dict[str, float | None]] = [
    {"epoch": 0, "train_loss": None, "validation_loss": 0.5},
    {"epoch": 1, "train_loss": 0.4, "validation_loss": 0.3},
]


def test_a_drawing_shows_and_saves_itself(tmp_path: Path) -> None:
    drawing = loss_drawing(HISTORY, best_epoch=1, baseline=("PCA", 0.35))
    assert drawing._repr_svg_().startswith("<svg ")
    assert drawing._repr_svg_().removeprefix("<svg ") in drawing._repr_html_()
    assert '<svg style="max-width:max(100%,700px);height:auto" ' in drawing._repr_html_()
    assert repr(drawing) == "<Loss by epoch: a notebook shows it, .save('name.svg') writes it>"
    assert drawing.save(tmp_path / "a.svg").read_text(encoding="utf-8") == drawing.svg
    with PillowImage.open(drawing.save(tmp_path / "a.png")) as picture:
        assert picture.size == (900, 600)


def test_files_are_kept_and_other_endings_refused(tmp_path: Path) -> None:
    drawing, path = loss_drawing(HISTORY), tmp_path / "a.svg"
    path.write_text("mine")
    with pytest.raises(
        InputError, match="exists already: give overwrite=True to replace it, or anoth"
    ):
        drawing.save(path)
    assert path.read_text() == "mine"
    assert drawing.save(path, overwrite=True).read_text(encoding="utf-8") == drawing.svg
    with pytest.raises(InputError, match=r"a drawing is saved as \.svg or \.png"):
        drawing.save(tmp_path / "a.jpg")


def test_only_charts_need_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match="a chart as PNG needs the package matplotlib"):
        loss_drawing(HISTORY).save(tmp_path / "a.png")
    panel = Panel(heading="", rows={"image": np.zeros((2, 4, 6, 3), np.uint8)})
    drawing = panel_drawing(panel)
    with PillowImage.open(drawing.save(tmp_path / "b.png")) as picture:
        assert drawing.pixels is not None
        assert picture.size == drawing.pixels.shape[1::-1]


def test_a_map_needs_points() -> None:
    with pytest.raises(InputError, match="too few codes for a map"):
        codes_drawing(CodeMap())
