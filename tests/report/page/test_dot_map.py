import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from convae.report.page.dot_map import Dots, render_dot_map, write_dot_map

HOSTILE = "\"><script>alert(1)</script>\x00\u202e\udcff{{ 7*7 }}</style>'.png"


def dots(count: int = 7, classes: bool = True) -> Dots:
    shades = np.arange(count, dtype=np.uint8)[:, None, None, None]
    return Dots(
        points=np.random.default_rng(0).normal(size=(count, 2)),
        pictures=np.broadcast_to(20 + shades, (count, 5, 6, 3)),
        names=[HOSTILE, *(f"{i}.png" for i in range(1, count))],
        classes=np.arange(count) % 3 if classes else None,
        class_names=["<cat>", "dog"],
        words="by <their> codes",
    )


def test_a_dot_for_each_image_that_leads_to_its_own_part_of_the_sheet() -> None:
    text = render_dot_map(dots())
    found = ElementTree.fromstring(text)
    marks = [e for e in found.iter() if e.get("tabindex") == "0"]
    assert len(marks) == 7
    sheet = re.search(r'url\("data:image/png;base64,([^"]+)"\)', text)
    size = re.search(r"/ (\d+)px auto", text)
    assert sheet
    assert size
    with PillowImage.open(io.BytesIO(base64.b64decode(sheet[1]))) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    zoom = int(size[1]) // pixels.shape[1]
    for number, mark in enumerate(marks):
        x, y = (int(v) for v in re.findall(r"--[xy]:-?(\d+)px", str(mark.get("style"))))
        part = pixels[y // zoom : y // zoom + 5, x // zoom : x // zoom + 6]
        assert (part == 20 + number).all()


def test_hostile_names_stay_text() -> None:
    text = render_dot_map(dots())
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
    assert "script" not in tags
    assert "\x00" not in text
    text.encode("utf-8")
    assert "&lt;cat&gt;" in text
    assert ">2<" in text  # a class without a name has its number


def test_without_classes_there_is_no_legend() -> None:
    assert "<ul>" not in render_dot_map(dots(classes=False))
    assert "<ul>" in render_dot_map(dots())


def test_places_are_inside_and_the_file_is_whole(tmp_path: Path) -> None:
    path = write_dot_map(tmp_path / "map.html", dots(300))
    text = path.read_text(encoding="utf-8")
    places = [float(value) for value in re.findall(r"(?:left|top):(-?[\d.]+)%", text)]
    assert len(places) == 600
    assert all(0 <= place <= 100 for place in places)
    assert text.rstrip().endswith("</html>")
