"""Maps of scores as colours, over pictures, with boxes: on one scale for all methods."""

from collections.abc import Sequence

import numpy as np

from convae.images.dataset.framing import resize
from convae.report.colours import colour_map

BRIGHT = 2.0  # times the threshold of regions: there a heatmap is brightest
SHOWN_FROM = 0.25  # fraction of that scale below which an overlay shows the picture alone
MOST_COVER = 0.75
BOX = (64, 224, 255)  # a colour that no heatmap has


def heat(scores: np.ndarray, level: float) -> np.ndarray:
    """Convert maps (..., H, W) to colours, uint8 (..., H, W, 3): 0 and less dark, twice the level brightest.

    Args:
        scores: (..., H, W).
        level: the threshold of regions.
    """
    return colour_map(scores / max(BRIGHT * level, 1e-9))


def overlay(picture: np.ndarray, scores: np.ndarray, level: float) -> np.ndarray:
    """Blend a picture with its map: more where the map is higher, not at all where it is low.

    Args:
        picture: uint8 (H, W, 3).
        scores: (H, W).
        level: the threshold of regions.

    Returns:
        uint8 (H, W, 3).
    """
    share = np.clip(scores / max(BRIGHT * level, 1e-9), 0, 1)[..., None]
    cover = np.clip((share - SHOWN_FROM) / (1 - SHOWN_FROM), 0, 1) * MOST_COVER
    mixed: np.ndarray = (1 - cover) * picture + cover * heat(scores, level)
    return np.round(mixed).astype(np.uint8)


def boxed(picture: np.ndarray, boxes: Sequence[tuple[int, int, int, int]]) -> np.ndarray:
    """Draw a frame around each (left, top, width, height) of a picture (H, W, 3), outside it if possible."""
    drawn = picture.copy()
    height, width = picture.shape[:2]
    line = max(1, round(max(height, width) / 250))
    for left, top, wide, high in boxes:
        x0, y0 = max(0, left - line), max(0, top - line)
        x1, y1 = min(width, left + wide + line), min(height, top + high + line)
        drawn[y0 : y0 + line, x0:x1] = BOX
        drawn[y1 - line : y1, x0:x1] = BOX
        drawn[y0:y1, x0 : x0 + line] = BOX
        drawn[y0:y1, x1 - line : x1] = BOX
    return drawn


def side_by_side(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Join pictures side by side with white gaps, all in the size of the first.

    Args:
        pictures: uint8 (H, W, 3) each.
    """
    height, width = pictures[0].shape[:2]
    gap = np.full((height, max(4, width // 40), 3), 255, np.uint8)
    row = [pictures[0]]
    for picture in pictures[1:]:
        row += [gap, resize(picture, (height, width))]
    return np.concatenate(row, axis=1)
