"""Damage that no mask shows: solid patches, and places that differ from what their surroundings let expect.

Solid patches (:mod:`convae.classical.solid_patches`) are found by their colour and outline. For everything
else, squares of an image are hidden, a regular quarter of them at a time, and filled from the rest: where the
fill is far from what is there, and not at single pixels but at whole spots, the image is not what such images
are. Thresholds come from sound images, so that what is common there (text, drawings, edges) is no damage.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from convae.classical.solid_patches import KINDS, patch_prominences, solid_patches
from convae.metrics.ranking import label_regions

CELL = 12  # pixels a side of what is hidden; of each square its middle, half as wide, is judged
SMOOTH = 3  # pixels a side over which an error is averaged: a single pixel is noise
NORMAL = 0.999  # of the errors in sound images are no damage
MARGIN = 1.5  # times that is, and times the largest of all errors in sound images for the worst of a spot
HOPELESS = 0.75  # of the range: where sound images differ from their fills by so much, fills show no damage
GROWN = 2  # pixels by which what is found is widened: its edges are damaged as well
# Patches as prominent as those in so many of the images that it was fitted on are rare enough to be damage:
# the other images may be damaged themselves, because their owner has no others.
CLEAN = 0.75
PATCH_MARGIN = 2.0

Fill = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class DamageThresholds:
    """Above which values something is damage; values are fractions of the full range.

    Attributes:
        error: of a fill, for a pixel.
        worst_error: of a fill, that the worst pixel of a spot must have.
        prominences: of a solid patch, one for each of :data:`convae.classical.solid_patches.KINDS`.
    """

    error: float = 1.0
    worst_error: float = 1.0
    prominences: tuple[float, ...] = tuple(kind.prominence for kind in KINDS)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "error": self.error,
            "worst_error": self.worst_error,
            "prominences": list(self.prominences),
        }

    @classmethod
    def from_dict(cls, known: Any) -> Self:
        """From plain values; older models have one number, the threshold of errors."""
        if not isinstance(known, dict):
            return cls(error=float(known), worst_error=float(known))
        prominences = tuple(float(value) for value in known["prominences"])
        if len(prominences) != len(KINDS):
            raise ValueError(f"prominences must be {len(KINDS)} numbers; got {len(prominences)}")
        error, worst = float(known["error"]), float(known["worst_error"])
        return cls(error=error, worst_error=worst, prominences=prominences)


def surprise(fill: Fill, x: Tensor, missing: Tensor) -> Tensor:
    """How far each pixel is from what its surroundings let expect, averaged over SMOOTH x SMOOTH pixels.

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


def normal_surprise(fill: Fill, images: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """The thresholds of errors, for a pixel and for the worst pixel of a spot, from sound images.

    Args:
        fill: as for :func:`surprise`.
        images: each (1, C, H, W) with its missing pixels (1, 1, H, W); at least one.
    """
    values = [surprise(fill, x, missing).flatten() for x, missing in images]
    together = torch.cat(values).cpu()
    return MARGIN * float(torch.quantile(together, NORMAL)), MARGIN * float(together.max())


def normal_prominences(images: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, ...]:
    """The thresholds of solid patches, from images of which at least ``CLEAN`` are sound.

    Args:
        images: each (1, C, H, W) with its missing pixels (1, 1, H, W).
    """
    lowest = np.array([kind.prominence for kind in KINDS])
    found = [patch_prominences(_array(x), _mask(missing)) for x, missing in images]
    if not found:
        return tuple(lowest.tolist())
    common = np.quantile(found, CLEAN, axis=0, method="lower")
    return tuple(np.maximum(lowest, PATCH_MARGIN * common).tolist())


def find_damage(fill: Fill, x: Tensor, missing: Tensor, thresholds: DamageThresholds) -> Tensor:
    """(1, 1, H, W), 1 where an image is damaged beyond what is known to be missing.

    Args:
        fill: as for :func:`surprise`.
        x: (1, C, H, W) the image in about [0, 1].
        missing: (1, 1, H, W), 1 where nothing is known.
        thresholds: what is damage.
    """
    patches = solid_patches(_array(x), _mask(missing), thresholds.prominences)
    damage = torch.from_numpy(patches)[None, None].to(missing) * (missing == 0)
    if thresholds.worst_error >= HOPELESS:
        return damage
    spots = _spots(fill, x, torch.maximum(missing, damage), thresholds)
    return torch.maximum(damage, spots) * (missing == 0)


def _spots(fill: Fill, x: Tensor, missing: Tensor, thresholds: DamageThresholds) -> Tensor:
    """(1, 1, H, W) spots that a fill does not expect."""
    errors = surprise(fill, x, missing)
    suspected = _with_insides(_grown(errors > thresholds.error), errors, thresholds.worst_error)
    if not bool(suspected.any()):
        return suspected
    # Damage spoils the fills beside it, so sound pixels are among these: those that a fill from beyond
    # all of them agrees with.
    hidden = torch.maximum(missing, suspected)
    if bool(hidden.all()):
        return suspected
    error = (fill(x, hidden) - x).abs().mean(dim=1, keepdim=True)
    spots = _grown((_smooth(error) > thresholds.error) & (suspected > 0))
    return spots * _grown(error > thresholds.error, 1)


def _with_insides(found: Tensor, errors: Tensor, worst: float) -> Tensor:
    """The regions with an error above ``worst`` anywhere, and what they enclose.

    Of a large spot only the rim is far from what its surroundings let expect.
    """
    from scipy.ndimage import binary_fill_holes, maximum

    labels, areas = label_regions(_mask(found))
    tops = np.asarray(maximum(errors[0, 0].cpu().numpy(), labels, np.arange(1, len(areas) + 1)))
    kept = np.concatenate([[False], tops.reshape(-1) > worst])
    return torch.from_numpy(binary_fill_holes(kept[labels]))[None, None].to(found)


def _array(x: Tensor) -> NDArray[np.float32]:
    """(H, W, C) of one image (1, C, H, W)."""
    return x[0].permute(1, 2, 0).float().cpu().numpy()


def _mask(x: Tensor) -> NDArray[np.bool_]:
    return np.asarray((x[0, 0] > 0).cpu().numpy())


def _smooth(x: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(x, (SMOOTH // 2,) * 4, mode="replicate"), SMOOTH, 1)


def _grown(found: Tensor, by: int = GROWN) -> Tensor:
    return F.max_pool2d(found.float(), 2 * by + 1, 1, by)


def _middle(place: Tensor) -> Tensor:
    margin = CELL // 4
    return (place >= margin) & (place < CELL - margin)
