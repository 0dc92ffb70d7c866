"""Maps of scores as colours, over pictures, with boxes: on one scale for all, whoever made the maps."""

from collections.abc import Sequence

import numpy as np

from convae.images.dataset.framing import resize
from convae.report.colours import colour_map

BRIGHT = 2.0  # times the level that stands out: where a heatmap is brightest
SHOWN_FROM = 0.25  # of that scale: below it an overlay shows the picture alone
MOST_COVER = 0.75
BOX = (64, 224, 255)  # a colour that no heatmap has


def heat(scores: np.ndarray, level: float) -> np.ndarray:
    """Maps (..., H, W) as colours, uint8 (..., H, W, 3): 0 and less dark, twice the level brightest.

    Args:
        level: what stands out.
    """
    return colour_map(scores / max(BRIGHT * level, 1e-9))


def overlay(picture: np.ndarray, scores: np.ndarray, level: float) -> np.ndarray:
    """A picture with its map over it: the more the higher the map is, nothing where it is usual.

    Args:
        picture: uint8 (H, W, 3).
        scores: (H, W).
        level: what stands out.
    """
    share = np.clip(scores / max(BRIGHT * level, 1e-9), 0, 1)[..., None]
    cover = np.clip((share - SHOWN_FROM) / (1 - SHOWN_FROM), 0, 1) * MOST_COVER
    mixed: np.ndarray = (1 - cover) * picture + cover * heat(scores, level)
    return np.round(mixed).astype(np.uint8)


def boxed(picture: np.ndarray, boxes: Sequence[tuple[int, int, int, int]]) -> np.ndarray:
    """A picture with a frame around each (left, top, width, height), drawn outside of it where it can be."""
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
    """Pictures beside each other with white between, all in the size of the first.

    Args:
        pictures: uint8 (H, W, 3) each.
    """
    height, width = pictures[0].shape[:2]
    gap = np.full((height, max(4, width // 40), 3), 255, np.uint8)
    row = [pictures[0]]
    for picture in pictures[1:]:
        row += [gap, resize(picture, (height, width))]
    return np.concatenate(row, axis=1)
