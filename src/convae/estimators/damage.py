"""Damage that no mask tells of: what cannot be told from its surroundings, though it should be.

Squares of an image are hidden, a regular quarter of them at a time, and filled from the rest. Where the fill
is far from what is there, and not at single pixels but at whole spots, the image is not what such images are.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

CELL = 12  # pixels a side of what is hidden; of each square its middle, half as wide, is judged
SMOOTH = 3  # pixels a side over which an error is averaged: a single pixel is noise
USUAL = 0.999  # of the errors in sound images are no damage
MARGIN = 1.5  # times that is
GROWN = 2  # pixels by which what is found is widened: its edges are damaged as well

Fill = Callable[[Tensor, Tensor], Tensor]


def surprise(fill: Fill, x: Tensor, missing: Tensor) -> Tensor:
    """How far each pixel is from what its surroundings tell, averaged over SMOOTH x SMOOTH pixels.

    Args:
        fill: from images (B, C, H, W) and a mask (B, 1, H, W) to filled images.
        x: (B, C, H, W) in about [0, 1].
        missing: (B, 1, H, W), 1 where nothing is known: not used, and not judged.

    Returns:
        (B, 1, H, W), 0 where nothing is known.
    """
    height, width = x.shape[2:]
    found = x.new_zeros(len(x), 1, height, width)
    step, period = CELL // 2, 2 * CELL
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    for top in range(0, period, step):
        for left in range(0, period, step):
            down, right = (rows - top) % period, (columns - left) % period
            hidden = (down < CELL)[:, None] & (right < CELL)[None, :]
            middle = _middle(down)[:, None] & _middle(right)[None, :]
            mask = torch.maximum(missing, hidden.to(x.dtype))
            error = (fill(x, mask) - x).abs().mean(dim=1, keepdim=True)
            found = torch.where(middle, error, found)
    found = torch.where(missing > 0, 0, found)
    return _smooth(found)


def usual_surprise(fill: Fill, images: list[Tensor]) -> float:
    """Above this an error is damage: more than almost all of those in sound images (1, C, H, W)."""
    values = [surprise(fill, x, x.new_zeros(1, 1, *x.shape[2:])).flatten() for x in images]
    return MARGIN * float(torch.quantile(torch.cat(values).cpu(), USUAL))


def find_damage(fill: Fill, x: Tensor, missing: Tensor, level: float) -> Tensor:
    """(B, 1, H, W), 1 where an image is damaged beyond what is known to be missing.

    Args:
        fill, x, missing: as for :func:`surprise`.
        level: what :func:`usual_surprise` gave for sound images.
    """
    suspected = _grown(surprise(fill, x, missing) > level)
    # Damage spoils the fills beside it, so sound pixels are among these: those that a fill from beyond
    # all of them agrees with.
    hidden = torch.maximum(missing, suspected)
    error = _smooth((fill(x, hidden) - x).abs().mean(dim=1, keepdim=True))
    return _grown((error > level) & (suspected > 0)) * (missing == 0)


def _smooth(x: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(x, (SMOOTH // 2,) * 4, mode="replicate"), SMOOTH, 1)


def _grown(found: Tensor) -> Tensor:
    return F.max_pool2d(found.float(), 2 * GROWN + 1, 1, GROWN)


def _middle(place: Tensor) -> Tensor:
    margin = CELL // 4
    return (place >= margin) & (place < CELL - margin)
