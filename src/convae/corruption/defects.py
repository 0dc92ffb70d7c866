"""Synthetic defects, made from the images of the batch alone: stand-ins for real anomalies.

A defect is a shape (spot, patch, field, line) and a filling. The filling is a piece of an image of the batch,
resized, rotated and translated; the image itself in another tone (brighter, darker, harsher, flatter); one
colour that images have elsewhere (a missing or an extra part); or the image itself, bent. Edges are soft. No
texture from outside is used, and no picture of a real defect. Where a defect changes nothing visible, it is
left out.

>>> batch = torch.linspace(0, 1, 32).expand(4, 1, 32, 32)
>>> damaged, mask = Defects(share=1, most=1).apply(batch, torch.Generator().manual_seed(0))
>>> damaged.shape, mask.shape, bool((damaged == batch).float().mean() > 0.5), bool(mask.any())
(torch.Size([4, 1, 32, 32]), torch.Size([4, 1, 32, 32]), True, True)
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from convae.corruption.defect_shapes import SHAPES, Rng
from convae.errors import InputError, raise_faults, unknown_name
from convae.metrics.difference_maps import smoothed

FILLINGS = ("piece", "tone", "colour", "bend")
WEIGHTED = ("piece", "tone", "colour", "colour", "bend")  # sampled, where all are allowed
PIECE_SCALE = (0.6, 1.7)  # scale factor of the piece
CONTRAST = (0.2, 2.5)  # factor of the details inside a defect of another tone
SHIFT = (0.4, 4.0)  # of its brightness, in standard deviations of the image
THIN = ("spot", "line")  # too small for a change of contrast alone to be visible
COVERED = 0.4  # cover from which a pixel belongs to a defect
VISIBLE = 0.02  # change of a pixel, averaged with its surroundings, below which it is invisible
AROUND = 1.5  # pixels of smoothing for that average
BEND = (2.0, 10.0)  # largest displacement of a bent defect, in pixels
PATCH = 5  # pixels a side over which a colour is averaged
LOCAL = 1 / 8  # fraction of the shorter side over which the local brightness is averaged


@dataclass(frozen=True, kw_only=True)
class Defects:
    """How many defects of which kinds are put into an image.

    Attributes:
        share: the fraction of images that are damaged; the others stay as they are, so that a
            network learns to leave normal images unchanged.
        most: a damaged image has from 1 to ``most`` defects.
        shapes: the :data:`convae.corruption.defect_shapes.SHAPES` that are sampled.
        fillings: the :data:`FILLINGS` that are sampled.

    Raises:
        InputError: for impossible values.
    """

    share: float = 0.8
    most: int = 3
    shapes: tuple[str, ...] = tuple(SHAPES)
    fillings: tuple[str, ...] = FILLINGS

    def __post_init__(self) -> None:
        faults = []
        if not 0 < self.share <= 1:
            faults.append(f"share must be above 0 and at most 1; got {self.share!r}")
        if self.most < 1:
            faults.append(f"most must be at least 1; got {self.most!r}")
        raise_faults("defects", faults)
        for kind, names, known in (
            ("shape", self.shapes, tuple(SHAPES)),
            ("filling", self.fillings, FILLINGS),
        ):
            if not names:
                raise InputError(f"defects need at least one {kind}: {', '.join(known)}")
            for name in names:
                if name not in known:
                    raise unknown_name(kind, name, known)

    def apply(self, batch: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Damage a batch.

        Args:
            batch: (B, C, H, W) in about [0, 1], finite; it is not changed.
            generator: on the CPU; all random numbers come from it, on any device.

        Returns:
            The damaged images (B, C, H, W), within the range of [0, 1] and of the batch, and the mask
            (B, 1, H, W) float32, 1 where a defect covers a pixel and changes it visibly.
        """
        rng = Rng(generator)
        lowest, highest = min(0.0, float(batch.min())), max(1.0, float(batch.max()))
        damaged, mask = batch.clone(), torch.zeros_like(batch[:, :1], dtype=torch.float32)
        for i in range(len(batch)):
            if rng.uniform(0, 1) >= self.share:
                continue
            for _ in range(rng.whole(1, self.most)):
                cover = self._put(damaged[i], batch, rng)
                mask[i] = torch.maximum(mask[i], (cover > COVERED).float())
        damaged = damaged.clamp_(lowest, highest)
        mask *= visible(damaged, batch)
        changed = mask.flatten(1).any(dim=1).view(-1, 1, 1, 1)
        return torch.where(changed, damaged, batch), mask

    def _put(self, image: Tensor, batch: Tensor, rng: Rng) -> Tensor:
        """Put a defect into an image (C, H, W) of a batch, in place; return its cover (H, W)."""
        shape, filling = rng.one_of(self.shapes), self._filling(rng)
        cover = SHAPES[shape](_size(batch), rng).to(batch.device)
        if filling == "bend" and shape != "line":  # a bent line is invisible
            image.copy_(bent(image, cover, rng))
            return cover
        source = batch[rng.whole(0, len(batch) - 1)]
        if filling == "piece":
            new = piece(image, source, rng)
        elif filling == "colour":
            new = colour(image if rng.coin() else source, rng)
        else:
            new = tone(image, rng, shifted=shape in THIN)
        image += cover.to(batch.dtype) * (new - image)
        return cover

    def _filling(self, rng: Rng) -> str:
        return rng.one_of([name for name in WEIGHTED if name in self.fillings])


def visible(damaged: Tensor, batch: Tensor) -> Tensor:
    """Return (B, 1, H, W) float32, 1 where images (B, C, H, W) differ visibly."""
    change = (damaged - batch).abs().amax(dim=1, keepdim=True).float()
    return (smoothed(change, AROUND) > VISIBLE).float()


def colour(source: Tensor, rng: Rng) -> Tensor:
    """Sample a colour (C, 1, 1) of ``source`` (C, H, W): that of a pixel or of a small patch."""
    height, width = _size(source)
    y, x = rng.whole(0, height - 1), rng.whole(0, width - 1)
    half = PATCH // 2 if rng.coin() else 0
    place = source[:, max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1]
    return place.mean(dim=(1, 2), keepdim=True)


def bent(image: Tensor, cover: Tensor, rng: Rng) -> Tensor:
    """Translate the covered part of the image (C, H, W) by a few pixels, less towards the outline."""
    height, width = _size(image)
    angle, far = rng.uniform(0, 2 * math.pi), rng.log_uniform(*BEND)
    soft = smoothed(cover[None, None].float(), 2.0)[0, 0] * far
    move = torch.stack(
        [soft * math.cos(angle) * 2 / width, soft * math.sin(angle) * 2 / height], -1
    )
    straight = torch.eye(2, 3, device=image.device)[None]
    grid = F.affine_grid(straight, [1, 1, height, width], align_corners=False) + move
    moved = F.grid_sample(image[None].float(), grid, padding_mode="reflection", align_corners=False)
    return torch.where(soft > 0, moved[0].to(image.dtype), image)  # no rounding elsewhere


def piece(image: Tensor, source: Tensor, rng: Rng) -> Tensor:
    """Return a part of ``source``, at another size and angle, as a filling for ``image``.

    Args:
        image, source: (C, H, W).

    Returns:
        (C, H, W). With probability one half it takes on the local brightness of the image, so that only
        the texture is foreign; otherwise it keeps its own.
    """
    height, width = _size(image)
    scale = rng.log_uniform(*PIECE_SCALE)
    quarter = rng.whole(0, 3) * math.pi / 2 if rng.coin() else 0.0
    angle = quarter + rng.uniform(-0.3, 0.3)
    flip = -1.0 if rng.coin() else 1.0
    cos, sin, ratio = math.cos(angle) / scale, math.sin(angle) / scale, height / width
    move = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
    affine = [[flip * cos, -sin * ratio, move[0]], [flip * sin / ratio, cos, move[1]]]
    theta = torch.tensor([affine], dtype=torch.float32, device=image.device)
    grid = F.affine_grid(theta, [1, 1, height, width], align_corners=False)
    moved = F.grid_sample(
        source[None].float(), grid, padding_mode="reflection", align_corners=False
    )[0].to(image.dtype)
    if rng.coin():
        moved = moved - local_mean(moved) + local_mean(image)
    return moved


def tone(image: Tensor, rng: Rng, *, shifted: bool = False) -> Tensor:
    """Make the image (C, H, W) brighter or darker, its details harsher or flatter, or both.

    Args:
        image: (C, H, W).
        rng: the source of random values.
        shifted: whether it must be brighter or darker.

    Returns:
        (C, H, W).
    """
    kind = rng.one_of(("shift", "both") if shifted else ("shift", "contrast", "both"))
    contrast = 1.0 if kind == "shift" else rng.log_uniform(*CONTRAST)
    mean = local_mean(image)
    filling = mean + (image - mean) * contrast
    if kind != "contrast":
        sign = -1.0 if rng.coin() else 1.0
        spread = max(VISIBLE, float(image.float().std(correction=0)))
        filling = filling + sign * rng.log_uniform(*SHIFT) * spread * _tint(image, rng)
    return filling


def local_mean(image: Tensor) -> Tensor:
    """Return the brightness around each pixel of (C, H, W): means over squares, interpolated smoothly."""
    side = max(1, round(LOCAL * min(_size(image))))
    coarse = F.avg_pool2d(image[None], side, ceil_mode=True, count_include_pad=False)
    return F.interpolate(coarse, size=_size(image), mode="bilinear", align_corners=False)[0]


def _tint(image: Tensor, rng: Rng) -> Tensor:
    """Sample the factor of a brightness change for each channel, (C, 1, 1): equal in half of the cases."""
    channels = len(image)
    if channels == 1 or rng.coin():
        parts = [1.0] * channels
    else:
        parts = [rng.uniform(0, 1.5) for _ in range(channels)]
    return torch.tensor(parts, dtype=image.dtype, device=image.device).view(-1, 1, 1)


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[-2], images.shape[-1]
