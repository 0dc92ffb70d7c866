"""The colours of pictures, charts and the page: one palette, one colour map, light and dark."""

from functools import cache

import numpy as np

# Seventeen steps of equal perceived difference (equal arc length in OKLab) from near black over
# violet and red to pale yellow; lightness only ever rises, so that it also reads in grey print.
_MAP = (
    "0a0c25 1a133c 2e1753 461965 601b73 7b1f77 972474 b1296d c93361 "
    "da4653 e85e45 f3763e fb8f3c ffaa4c ffc466 ffdd82 fff5a5"
)

# One colour for each class: hues far apart, each at least 2.4 : 1 against a white and a dark page.
CLASSES = (
    "#3b78d8",
    "#e0762b",
    "#3a9c4e",
    "#d1423f",
    "#8d62c9",
    "#1ea3a3",
    "#b0911a",
    "#d864a6",
    "#96613f",
    "#7b8794",
)

LIGHT = {
    "page": "#f4f5f7",
    "paper": "#ffffff",
    "ink": "#1a2129",
    "muted": "#5a6572",
    "line": "#dde1e6",
    "faint": "#eef0f3",
    "model": "#2a66cc",
    "baseline": "#c05c12",
    "train": "#8d99a8",
    "good": "#1c7a3c",
    "bad": "#b3312e",
}
DARK = {
    "page": "#0f1317",
    "paper": "#171c22",
    "ink": "#e4e8ed",
    "muted": "#98a3b0",
    "line": "#2d353e",
    "faint": "#212830",
    "model": "#74a5f7",
    "baseline": "#f0984f",
    "train": "#7c8998",
    "good": "#5cc480",
    "bad": "#f08079",
}


def hex_to_rgb(colour: str) -> tuple[int, int, int]:
    """Convert ``#2a66cc`` or ``2a66cc`` to three numbers from 0 to 255."""
    value = int(colour.removeprefix("#"), 16)
    return value >> 16, value >> 8 & 255, value & 255


@cache
def _table() -> np.ndarray:
    steps = np.array([hex_to_rgb(step) for step in _MAP.split()], dtype=np.float64)
    place = np.linspace(0, len(steps) - 1, 256)
    columns = [np.interp(place, np.arange(len(steps)), steps[:, band]) for band in range(3)]
    return np.round(np.stack(columns, axis=-1)).astype(np.uint8)


def colour_map(values: np.ndarray) -> np.ndarray:
    """Return colours for ``values`` in [0, 1] (clipped; NaN counts as 0): uint8 ``(*shape, 3)``."""
    share = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    colours: np.ndarray = _table()[np.round(np.clip(share, 0, 1) * 255).astype(np.intp)]
    return colours


def class_colour(index: int) -> str:
    """Return the colour of class number ``index``; after ten they repeat (and the marker changes)."""
    return CLASSES[index % len(CLASSES)]


def variables(palette: dict[str, str]) -> str:
    """Return a palette as CSS custom properties (``--cv-ink: #1a2129; ...``)."""
    return " ".join(f"--cv-{name}: {colour};" for name, colour in palette.items())
