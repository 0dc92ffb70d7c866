"""A page with a card for each unit of a code: one file, no scripts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup
from PIL import Image as PillowImage
from PIL import ImageDraw

from convae.filesystem.atomic import store
from convae.report.colours import CLASSES, hex_to_rgb
from convae.report.page.html import page_template
from convae.report.pictures.pictures import data_uri, fit_size
from convae.report.svg.charts import FONT, THEME
from convae.report.text import clean, percent

SIDE = 84  # pixels to which small images are enlarged
LARGEST = 128
Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class UnitCard:
    """The card of one unit of a code.

    Attributes:
        number: of the unit, from 0.
        rate: the fraction of the images for which it is active.
        selectivity: how selective it is for one class, 0 to 1; None without classes.
        of_class: the class to which it responds most; empty without classes.
        pattern: uint8 (h, w, 3) what it adds to an image.
        pictures: uint8 (m, H, W, 3) the images to which it responds most, the strongest first.
        boxes: (top, left, bottom, right) of the marked place in each, in pixels.
        names: of the images.
    """

    number: int
    rate: float
    selectivity: float | None
    of_class: str
    pattern: np.ndarray
    pictures: np.ndarray
    boxes: Sequence[Box]
    names: Sequence[str]


def write_unit_page(path: str | Path, cards: Iterable[UnitCard], words: Sequence[str]) -> Path:
    """Write the page atomically; return its path."""
    return store(path, render_unit_page(cards, words).encode("utf-8"))


def render_unit_page(cards: Iterable[UnitCard], words: Sequence[str]) -> str:
    """Return the text of the page, with ``words`` as its first lines."""
    return page_template("units.html.jinja").render(
        cards=[_card(card) for card in cards],
        words=[clean(line) for line in words],
        font=Markup(FONT),
        theme=Markup(THEME),
        side=SIDE,
    )


def _card(card: UnitCard) -> dict[str, object]:
    facts = [f"on for {percent(card.rate, 2)} of the images"]
    if card.selectivity is not None:
        facts.append(f"most for {card.of_class} (selectivity {card.selectivity:.2f})")
    pattern = fit_size(card.pattern[None], enlarge_to=SIDE, limit=LARGEST)[0]
    return {
        "number": card.number,
        "facts": ", ".join(facts),
        "pattern": Markup(data_uri(pattern)),
        "images": [
            {"name": clean(name), "uri": Markup(data_uri(marked(picture, box)))}
            for picture, box, name in zip(card.pictures, card.boxes, card.names, strict=True)
        ],
    }


def marked(picture: np.ndarray, box: Box) -> np.ndarray:
    """Enlarge a picture (H, W, 3) for display, with a frame around a place (top, left, bottom, right)."""
    sized = fit_size(picture[None], enlarge_to=SIDE, limit=LARGEST)[0]
    scale = sized.shape[0] / picture.shape[0]
    top, left, bottom, right = (round(side * scale) for side in box)
    drawn = PillowImage.fromarray(sized)
    ImageDraw.Draw(drawn).rectangle(
        (left, top, max(left, right - 1), max(top, bottom - 1)), outline=hex_to_rgb(CLASSES[1])
    )
    return np.asarray(drawn)
