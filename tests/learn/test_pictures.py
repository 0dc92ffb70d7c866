"""The pictures of the lessons: current, readable without animation, and with the numbers that torch gives."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from docs.learn.draw import FOLDER, PICTURES, main, outdated
from docs.learn.drawing import enlarging, patterns, sliding
from docs.learn.drawing.canvas import Picture

SVG = "{http://www.w3.org/2000/svg}"


def numbers(name: str, group: str) -> np.ndarray:
    """The numbers that a named group of a picture shows without animation, by their places on it."""
    root = ET.fromstring((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))
    style = root.find(f"{SVG}style")
    assert style is not None
    assert style.text
    hidden = re.match(r".*?([.\w,-]*)\{visibility:hidden\}", style.text, re.S)
    classes = set(hidden.group(1).replace(".", "").split(",")) if hidden else set()
    found: dict[tuple[float, float], float] = {}

    def visit(element: ET.Element) -> None:
        if element.get("class") in classes:
            return
        if element.tag == f"{SVG}text":
            place = (float(element.get("y", "")), float(element.get("x", "")))
            found[place] = float((element.text or "").replace("−", "-"))
        for child in element:
            visit(child)

    (chosen,) = [g for g in root.iter(f"{SVG}g") if g.get("id") == group]
    visit(chosen)
    rows = sorted({y for y, _ in found})
    return np.array([[v for (y, _), v in sorted(found.items()) if y == row] for row in rows])


def torched(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(values), dtype=torch.float64)[None, None]


def test_pictures_are_current() -> None:
    assert outdated() == [], "run python docs/learn/draw.py"


def test_the_check_names_what_is_not_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("docs.learn.draw.FOLDER", tmp_path / "pictures")
    assert main([]) == 0
    assert main(["--check"]) == 0
    (tmp_path / "pictures" / "stride.svg").write_text("other", encoding="utf-8")
    (tmp_path / "pictures" / "padding.svg").unlink()
    assert main(["--check"]) == 1
    assert (
        "padding.svg, stride.svg not current: run python docs/learn/draw.py"
        in capsys.readouterr().out
    )


IMAGE, KERNEL = torched(sliding.IMAGE), torched(sliding.KERNEL)
PIXELS, NINE = torched(enlarging.PIXELS), torched(enlarging.NINE)
WIDER = F.pad(IMAGE, (0, 1, 0, 0), mode="replicate")
ONES = torch.ones(1, 1, patterns.INPUTS, patterns.INPUTS, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "group", "expected"),
    [
        ("sliding_window", "output", F.conv2d(IMAGE, KERNEL)),
        ("stride", "output", F.conv2d(IMAGE, KERNEL, stride=2)),
        ("padding", "output", F.conv2d(torched(sliding.SMALL), torched(sliding.BLUR), padding=1)),
        ("dilation", "output", F.conv2d(WIDER, KERNEL, dilation=2)),
        ("pooling", "largest", F.max_pool2d(torched(enlarging.POOLED), 2)),
        ("pooling", "mean", F.avg_pool2d(torched(enlarging.POOLED), 2)),
        ("transposed_stamps", "output", F.conv_transpose2d(PIXELS, NINE, stride=2)),
        ("transposed_zeros", "output", F.conv_transpose2d(PIXELS, NINE, stride=2)),
        ("upsampling", "nearest", F.interpolate(torched(enlarging.CORNERS), scale_factor=2)),
        (
            "upsampling",
            "bilinear",
            F.interpolate(torched(enlarging.CORNERS), scale_factor=2, mode="bilinear"),
        ),
        ("checkerboard", "kernel3", F.conv_transpose2d(ONES, ONES[..., :3, :3], stride=2)),
        ("checkerboard", "kernel4", F.conv_transpose2d(ONES, ONES, stride=2)),
    ],
)
def test_numbers_that_are_shown(name: str, group: str, expected: torch.Tensor) -> None:
    np.testing.assert_allclose(numbers(name, group), expected[0, 0].numpy())


@pytest.mark.parametrize("extra", [0, 1])
def test_what_padding_leaves(extra: int) -> None:
    shown = numbers("transposed_padding", f"left{extra}")[1:-1, 1:-1]
    theirs = F.conv_transpose2d(PIXELS, NINE, stride=2, padding=1, output_padding=extra)
    np.testing.assert_array_equal(shown, theirs[0, 0].numpy())


def test_a_moved_shape_moves_its_map() -> None:
    first, second = numbers("translation", "map0"), numbers("translation", "map1")
    np.testing.assert_array_equal(np.roll(first, (2, 1), (0, 1)), second)


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_can_be_read_by_all(name: str) -> None:
    text = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    root = ET.fromstring(text)
    assert "<script" not in text
    assert len(root.findtext(f"{SVG}title") or "") > 10
    assert len(root.findtext(f"{SVG}desc") or "") > 40
    assert "prefers-color-scheme:dark" in text
    if "animation:" in text:
        assert "prefers-reduced-motion:no-preference" in text
    for element in root.iter(f"{SVG}text"):
        assert 0 < float(element.get("x", "")) < 400
    lesson = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.parent.glob("*.md"))
    assert re.search(rf"!\[[^\]]{{40,}}\]\(pictures/{name}\.svg\)", lesson), "no lesson shows it"


def test_without_animation_a_picture_shows_its_last_step() -> None:
    picture = Picture("title", "words", 100, steps=2)
    with picture.during(0):
        picture.text(10, 10, "first")
    with picture.during(1):
        picture.text(10, 10, "second")
    style = picture.svg().split("<style>")[1].split("@")[0]
    assert ".s0-1{visibility:hidden}" in style
    assert ".s1-2" not in style


def test_the_table_of_contents_names_every_lesson() -> None:
    contents = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    lessons = sorted(path.name for path in FOLDER.parent.glob("[0-9]*.md"))
    assert [name for name in lessons if f"({name})" not in contents] == []
