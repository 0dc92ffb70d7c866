"""Damage that no mask shows: solid patches, and spots that differ from what their surroundings predict.

Solid patches (:mod:`convae.classical.solid_patches`) are found by their colour and outline. To find other
damage, squares of an image are hidden, a regular quarter of them at a time, and filled from the rest. Where
the fill differs strongly from the image, in whole spots and not at single pixels, the image is damaged. The
thresholds come from sound images, so that what is common there (text, drawings, edges) does not count as
damage.
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

CELL = 12  # pixels a side of a hidden square; its middle, half as wide, is judged
SMOOTH = 3  # pixels a side over which an error is averaged: a single pixel is noise
NORMAL = 0.999  # quantile of the errors in sound images up to which there is no damage
MARGIN = 1.5  # factor on that quantile, and on the largest error (for the worst of a spot)
# Fraction of the range: if sound images differ this much from fills, fills are not used.
HOPELESS = 0.75
GROWN = 2  # pixels by which damage is widened: its edges are damaged as well
# Fraction of the training images taken as sound: patches more prominent than theirs are rare enough to be
# damage. The other images may be damaged themselves, because their owner has no others.
CLEAN = 0.75
PATCH_MARGIN = 2.0

Fill = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class DamageThresholds:
    """Thresholds above which something is damage; values are fractions of the full range.

    Attributes:
        error: of a fill, for a pixel.
        worst_error: of a fill, which the worst pixel of a spot must exceed.
        prominences: of a solid patch, one for each of :data:`convae.classical.solid_patches.KINDS`.
    """

    error: float = 1.0
    worst_error: float = 1.0
    prominences: tuple[float, ...] = tuple(kind.prominence for kind in KINDS)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "error": self.error,
            "worst_error": self.worst_error,
            "prominences": list(self.prominences),
        }

    @classmethod
    def from_dict(cls, known: Any) -> Self:
        """Create thresholds from plain values; older models have one number, the threshold of errors.

        Raises:
            ValueError: the number of prominences is wrong.
        """
        if not isinstance(known, dict):
            return cls(error=float(known), worst_error=float(known))
        prominences = tuple(float(value) for value in known["prominences"])
        if len(prominences) != len(KINDS):
            raise ValueError(f"prominences must be {len(KINDS)} numbers; got {len(prominences)}")
        error, worst = float(known["error"]), float(known["worst_error"])
        return cls(error=error, worst_error=worst, prominences=prominences)


def surprise(fill: Fill, x: Tensor, missing: Tensor) -> Tensor:
    """Measure how far each pixel is from what its surroundings predict, averaged over SMOOTH x SMOOTH pixels.

    Args:
        fill: maps images (B, C, H, W) and a mask (B, 1, H, W) to filled images.
        x: (B, C, H, W) in about [0, 1].
        missing: (B, 1, H, W), 1 where a pixel is missing: not used, and not judged.

    Returns:
        (B, 1, H, W), 0 where a pixel is missing.
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
    """Fit the thresholds of errors on sound images: for a pixel, and for the worst pixel of a spot.

    Args:
        fill: as for :func:`surprise`.
        images: each (1, C, H, W) with its missing pixels (1, 1, H, W); at least one.
    """
    values = [surprise(fill, x, missing).flatten() for x, missing in images]
    together = torch.cat(values).cpu()
    return MARGIN * float(torch.quantile(together, NORMAL)), MARGIN * float(together.max())


def normal_prominences(images: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, ...]:
    """Fit the thresholds of solid patches on images of which at least a fraction ``CLEAN`` is sound.

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
    """Find the pixels that are damaged beyond those known to be missing: (1, 1, H, W), 1 where damaged.

    Args:
        fill: as for :func:`surprise`.
        x: (1, C, H, W) the image in about [0, 1].
        missing: (1, 1, H, W), 1 where a pixel is missing.
        thresholds: above which something is damage.
    """
    patches = solid_patches(_array(x), _mask(missing), thresholds.prominences)
    damage = torch.from_numpy(patches)[None, None].to(missing) * (missing == 0)
    if thresholds.worst_error >= HOPELESS:
        return damage
    spots = _spots(fill, x, torch.maximum(missing, damage), thresholds)
    return torch.maximum(damage, spots) * (missing == 0)


def _spots(fill: Fill, x: Tensor, missing: Tensor, thresholds: DamageThresholds) -> Tensor:
    """Find spots that differ from their fill, (1, 1, H, W)."""
    errors = surprise(fill, x, missing)
    suspected = _with_insides(_grown(errors > thresholds.error), errors, thresholds.worst_error)
    if not bool(suspected.any()):
        return suspected
    # Damage spoils the fills next to it, so some suspected pixels are sound: those that agree with a fill
    # made from the pixels outside all of them.
    hidden = torch.maximum(missing, suspected)
    if bool(hidden.all()):
        return suspected
    error = (fill(x, hidden) - x).abs().mean(dim=1, keepdim=True)
    spots = _grown((_smooth(error) > thresholds.error) & (suspected > 0))
    return spots * _grown(error > thresholds.error, 1)


def _with_insides(found: Tensor, errors: Tensor, worst: float) -> Tensor:
    """Return the regions with an error above ``worst`` anywhere, and the pixels they enclose.

    Only the rim of a large spot differs from what its surroundings predict.
    """
    from scipy.ndimage import binary_fill_holes, maximum

    labels, areas = label_regions(_mask(found))
    tops = np.asarray(maximum(errors[0, 0].cpu().numpy(), labels, np.arange(1, len(areas) + 1)))
    kept = np.concatenate([[False], tops.reshape(-1) > worst])
    return torch.from_numpy(binary_fill_holes(kept[labels]))[None, None].to(found)


def _array(x: Tensor) -> NDArray[np.float32]:
    """Return one image (1, C, H, W) as (H, W, C)."""
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
